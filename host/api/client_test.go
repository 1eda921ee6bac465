package api

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client cannot choose the address that the audit log shows: only what a proxy of ours added counts.
func TestTheClientsAddressIsWhatOurProxiesSaw(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, row := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:4711", nil, "192.0.2.1"},
		{"192.0.2.1:4711", []string{"198.51.100.7"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:10.0.0.1]:4711", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::1]:4711", []string{"2001:db8::7"}, "2001:db8::7"},
		{"10.0.0.1:4711", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"10.0.0.1:4711", []string{"203.0.113.9", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		{"10.0.0.1:4711", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:4711", []string{"198.51.100.7, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:4711", []string{""}, "10.0.0.1"},
		{"10.0.0.1:4711", nil, "10.0.0.1"},
		{"pipe", nil, "pipe"},
	} {
		require.Equal(t, row.want, clientOf(row.remote, row.forwarded, proxies), "%+v", row)
	}
}
