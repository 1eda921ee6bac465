package egress_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

// Which addresses may be dialled: for a provider, and in a sandbox.
func TestAddresses(t *testing.T) {
	t.Parallel()
	const (
		public  = "public"
		sandbox = "sandbox only"
		never   = "never"
	)
	for address, want := range map[string]string{
		"93.184.216.34": public, "1.1.1.1": public, "9.255.255.255": public, "11.0.0.0": public,
		"100.63.255.255": public,
		"100.128.0.0":    public, "172.15.255.255": public, "172.32.0.0": public, "192.167.255.255": public,
		"198.17.255.255":  public,
		"223.255.255.255": public, "2606:4700:4700::1111": public, "2a00:1450:4001::1": public, "2003::1": public,

		"127.0.0.1": sandbox, "127.255.255.254": sandbox, "10.0.0.1": sandbox, "172.16.0.1": sandbox,
		"172.31.255.255": sandbox,
		"192.168.1.1":    sandbox, "100.64.0.1": sandbox, "100.127.255.255": sandbox, "::1": sandbox,
		"fc00::1": sandbox,
		"fdff::1": sandbox,

		"0.0.0.0": never, "0.1.2.3": never, "169.254.169.254": never, "192.0.0.8": never, "192.0.2.1": never,
		"192.88.99.1": never, "198.18.0.1": never, "198.51.100.7": never, "203.0.113.9": never, "224.0.0.1": never,
		"239.255.255.255": never, "240.0.0.1": never, "255.255.255.255": never, "::": never, "::7f00:1": never,
		"::ffff:127.0.0.1": never, "::ffff:93.184.216.34": never, "64:ff9b::7f00:1": never, "64:ff9b:1::a00:1": never,
		"100::1": never, "2001::1": never, "2001:db8::1": never, "2002:7f00:1::1": never, "3fff::1": never,
		"fe80::1":      never,
		"fe80::1%eth0": never, "fec0::1": never, "ff02::1": never, "5f00::1": never, "4000::1": never,
	} {
		addr := netip.MustParseAddr(address)
		require.Equal(t, want == public, egress.CheckAddress(addr, false) == nil, address)
		require.Equal(t, want != never, egress.CheckAddress(addr, true) == nil, address+" in a sandbox")
		if want != public {
			require.ErrorIs(t, egress.CheckAddress(addr, false), egress.ErrAddressRefused, address)
		}
	}
}

func TestDialerJudgesWhatIsDialled(t *testing.T) {
	t.Parallel()
	p := newProvider(t, (*visit).hold)
	_, port, err := net.SplitHostPort(p.listener.Addr().String())
	require.NoError(t, err)

	// Rebinding: the name's first answer is public, the second is the machine itself.
	var asked atomic.Int32
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerDNS(theirs, func() netip.Addr {
			if asked.Add(1) == 1 {
				return netip.MustParseAddr("93.184.216.34")
			}
			return netip.MustParseAddr("127.0.0.1")
		})
		return ours, nil
	}}
	addresses, err := resolver.LookupNetIP(t.Context(), "ip4", "shop.example.com")
	require.NoError(t, err)
	require.NoError(t, egress.CheckAddress(addresses[0].Unmap(), false), "what a check in advance would have seen")

	dialer := egress.Dialer{Resolver: resolver}
	_, err = dialer.DialContext(t.Context(), "tcp4", "shop.example.com:"+port)
	require.ErrorIs(t, err, egress.ErrAddressRefused)
	require.ErrorContains(t, err, "127.0.0.1")
	require.Equal(t, int32(2), asked.Load())

	for _, address := range []string{
		"127.0.0.1:" + port, "[::ffff:127.0.0.1]:" + port, "localhost:" + port,
		"0.0.0.0:" + port,
	} {
		_, err = new(egress.Dialer).DialContext(t.Context(), "tcp", address)
		require.ErrorIs(t, err, egress.ErrAddressRefused, address)
	}
	c, err := (&egress.Dialer{AllowPrivate: true, Resolver: resolver}).DialContext(t.Context(), "tcp4",
		"shop.example.com:"+port)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// answerDNS answers one query over a stream (RFC 1035, 4.2.2) with one A record.
func answerDNS(c net.Conn, address func() netip.Addr) {
	defer func() { _ = c.Close() }()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, question...)
	answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
	answer = append(answer, address().AsSlice()...)
	_, _ = c.Write(binary.BigEndian.AppendUint16(nil, uint16(len(answer))))
	_, _ = c.Write(answer)
}
