package payment_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
)

// tracedVariable makes this test binary a process that takes one payment, and is watched: it holds a data directory, a
// blank, and the provider's address.
const tracedVariable = "PAYROUTER_TEST_TRACED"

// traced takes one payment over real parts.
func traced(setting string) int {
	dir, url, _ := strings.Cut(setting, " ")
	if err := takeOne(dir, url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func takeOne(dir, url string) error {
	ctx := context.Background()
	journal, err := sqlite.Open(ctx, dir)
	if err != nil {
		return err
	}
	client, err := egress.New(egress.Settings{
		Provider: "a", BaseURL: url, Secrets: map[string]string{"token": secretToken}, AllowPrivate: true,
		Timeout: time.Minute,
		Retry:   egress.RetrySettings{MaxTries: 1},
	})
	if err != nil {
		return err
	}
	connector := &probe{name: "first", idempotency: none}
	rules, err := rulesOf([]routing.Provider{{Name: "a", Plugin: "first", Flows: connector.Manifest().GetFlows()}},
		"- {name: all, to: [a]}")
	if err != nil {
		return err
	}
	connected := paymenttest.Connect(connector)
	fleet := &payment.Fleet{Rules: rules, Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{
		"a": {
			Name: "a", Plugin: func(string) attempt.Connector { return connected }, Egress: client,
			Settings: []byte("{}"),
		},
	}}}
	engine := paymenttest.New(journal, fleet, paymenttest.Settings{})
	_, err = engine.Create(ctx, author("shop"), attempt.Key{Value: "k"}, orderOf("10.00"), time.Minute)
	return err
}

// kill -9 does not show this: what was written and not synced survives it in the system's cache, and is lost with the
// machine's power.
func TestTheAttemptIsOnTheDiskBeforeTheFirstByteLeaves(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: nothing watches the order of system calls here (apt-get install strace)")
	}
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "strace")
	command := exec.CommandContext(t.Context(), strace, "-f", "-y", "-s", "20000", "-e",
		"trace=write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync",
		"-o", log, os.Args[0])
	command.Env = append(os.Environ(), tracedVariable+"="+dir+" "+first.url)
	if out, err := command.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "PTRACE") {
			t.Skipf("this system does not let strace watch: %s", out)
		}
		require.NoError(t, err, string(out))
	}
	require.Len(t, first.requests(), 1)
	text, err := os.ReadFile(log)
	require.NoError(t, err)

	written, synced, sent := orderOfCalls(string(text), first.requests()[0].reference, http.MethodPost+" /create")

	require.Positive(t, written, "the attempt's row is written to the log")
	require.Greater(t, synced, written, "and synced after that")
	require.Greater(t, sent, synced, "before the first byte to the provider")
}

var systemCall = regexp.MustCompile(`^(\d+) +(<\.\.\. )?(\w+)(\(| resumed>)(.*)$`)

// orderOfCalls are the lines of a trace at which the journal's log was written with a mark, at which it was next
// synced, and at which a request was begun to be sent; 0 for what is not there.
func orderOfCalls(trace, mark, request string) (written, synced, sent int) {
	// syncing are the processes' threads that are in a sync of the log.
	syncing := map[string]bool{}
	for n, line := range strings.Split(trace, "\n") {
		call := systemCall.FindStringSubmatch(line)
		if call == nil {
			continue
		}
		thread, resumed, name, rest := call[1], call[2] != "", call[3], call[5]
		switch name {
		case "pwrite64", "pwritev":
			if strings.Contains(rest, "-wal>") && strings.Contains(rest, mark) {
				written, synced = n+1, 0
			}
		case "fsync", "fdatasync":
			of := strings.Contains(rest, "-wal>") || (resumed && syncing[thread])
			syncing[thread] = of && strings.Contains(rest, "unfinished")
			if of && written > 0 && synced == 0 && strings.HasSuffix(strings.TrimSpace(rest), "= 0") {
				synced = n + 1
			}
		default:
			if strings.Contains(rest, request) {
				return written, synced, n + 1
			}
		}
	}
	return written, synced, 0
}

func TestTheOrderOfCallsIsReadFromATrace(t *testing.T) {
	t.Parallel()
	const (
		write = `7 pwrite64(9</d/journal.db-wal>, "…ref…", 4096, 0) = 4096`
		sync  = `7 fdatasync(9</d/journal.db-wal>) = 0`
		send  = `8 write(5<socket:[1]>, "POST /create HTTP/1.1"..., 99) = 99`
	)
	for what, row := range map[string]struct {
		trace []string
		want  [3]int
	}{
		"in order":                {[]string{write, sync, send}, [3]int{1, 2, 3}},
		"sent before the sync":    {[]string{write, send, sync}, [3]int{1, 0, 2}},
		"synced before the write": {[]string{sync, write, send}, [3]int{2, 0, 3}},
		"another file is synced":  {[]string{write, `7 fsync(9</d/journal.db>) = 0`, send}, [3]int{1, 0, 3}},
		"the sync fails": {
			[]string{write, `7 fsync(9</d/journal.db-wal>) = -1 EIO`, send},
			[3]int{1, 0, 3},
		},
		"another thread while it syncs": {[]string{
			write, `7 fsync(9</d/journal.db-wal> <unfinished ...>`, send,
			`7 <... fsync resumed>) = 0`,
		}, [3]int{1, 0, 3}},
		"a sync that another interrupts": {[]string{
			write, `7 fsync(9</d/journal.db-wal> <unfinished ...>`,
			`8 fsync(3</d/x>) = 0`, `7 <... fsync resumed>) = 0`, send,
		}, [3]int{1, 4, 5}},
		"written again and not synced yet": {[]string{write, sync, write, send}, [3]int{3, 0, 4}},
	} {
		written, synced, sent := orderOfCalls(strings.Join(row.trace, "\n"), "ref", "POST /create")
		require.Equal(t, row.want, [3]int{written, synced, sent}, what)
	}
}
