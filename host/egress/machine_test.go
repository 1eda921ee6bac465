package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

func TestThisMachinesWantIsNoWordOnTheProvider(t *testing.T) {
	t.Parallel()
	cause := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", e)}
	}
	for name, row := range map[string]struct {
		err  error
		kind error
	}{
		"no file for the process": {cause(syscall.EMFILE), egress.ErrExhausted},
		"no file for the machine": {cause(syscall.ENFILE), egress.ErrExhausted},
		"no memory":               {cause(syscall.ENOMEM), egress.ErrExhausted},
		"no buffer":               {cause(syscall.ENOBUFS), egress.ErrExhausted},
		"no file for the resolver": {&net.DNSError{
			Err:  "dial udp 127.0.0.53:53: socket: too many open files",
			Name: "acme.example",
		}, egress.ErrExhausted},
		"no port":      {cause(syscall.EADDRNOTAVAIL), egress.ErrLocal},
		"refused":      {cause(syscall.ECONNREFUSED), nil},
		"no such name": {&net.DNSError{Err: "no such host", Name: "acme.example", IsNotFound: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machine := &egress.Machine{}
			now := time.Now()
			c, err := egress.NewWithDial(egress.Settings{
				Provider: "acme", BaseURL: "http://acme.example", AllowPrivate: true, Machine: machine,
				Now: func() time.Time { return now },
			}, func(context.Context, string, string) (net.Conn, error) {
				return nil, fmt.Errorf("wrapped: %w", row.err)
			})
			require.NoError(t, err)
			t.Cleanup(c.Close)

			try := once(t, c, post("{}"))

			require.ErrorIs(t, try.Err, egress.ErrDial)
			require.False(t, try.Sent)
			for _, kind := range []error{egress.ErrExhausted, egress.ErrLocal} {
				require.Equal(t, kind == row.kind, errors.Is(try.Err, kind), kind)
			}
			if !errors.Is(row.kind, egress.ErrExhausted) {
				require.NoError(t, machine.Check(now))
				return
			}
			require.ErrorIs(t, machine.Check(now), egress.ErrExhausted)
			require.ErrorIs(t, machine.Check(now.Add(time.Second-1)), egress.ErrExhausted)
			require.NoError(t, machine.Check(now.Add(time.Second)), "files can be opened: it has passed")
		})
	}
}
