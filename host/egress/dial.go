package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrAddressRefused is for a name that resolves to an address that must not be dialled.
var ErrAddressRefused = errors.New("address refused")

// Dialer connects to public addresses only. It judges the address that is really dialled, after the name was resolved,
// so a name that resolves to something else the second time gains nothing. It knows no proxy. Safe for concurrent use.
type Dialer struct {
	// AllowPrivate permits loopback, private and carrier-grade NAT addresses as well, for a sandbox. Link-local
	// addresses (where clouds serve credentials), multicast and translated addresses stay refused.
	AllowPrivate bool
	// Timeout bounds resolving and connecting together. 0 means no bound but the context's.
	Timeout time.Duration
	// Resolver looks names up. Nil means the system's.
	Resolver *net.Resolver
}

// DialContext connects as net.Dialer does. An error that wraps ErrAddressRefused means that no packet was sent.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: d.Timeout, Resolver: d.Resolver, Control: d.control}
	return dialer.DialContext(ctx, network, address)
}

func (d *Dialer) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is not an IP address and port", ErrAddressRefused, address)
	}
	return checkAddress(at.Addr(), d.AllowPrivate)
}

// network is a range of addresses that are not public servers.
type network struct {
	prefix netip.Prefix
	what   string
	// private ranges are the ones that a sandbox may live in.
	private bool
}

// refusedNetworks is taken from IANA's special-purpose address registries. Of IPv6, only global unicast (2000::/3) is
// public in the first place: see checkAddress.
var refusedNetworks = []network{ //nolint:gochecknoglobals // a table
	{netip.MustParsePrefix("0.0.0.0/8"), "this network", false},
	{netip.MustParsePrefix("10.0.0.0/8"), "private", true},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT", true},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback", true},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local", false},
	{netip.MustParsePrefix("172.16.0.0/12"), "private", true},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments", false},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation", false},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay", false},
	{netip.MustParsePrefix("192.168.0.0/16"), "private", true},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking", false},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation", false},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation", false},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast", false},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast", false},
	{netip.MustParsePrefix("::1/128"), "loopback", true},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4-mapped", false},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64", false},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64", false},
	{netip.MustParsePrefix("2001::/23"), "protocol assignments, Teredo among them", false},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation", false},
	{netip.MustParsePrefix("2002::/16"), "6to4", false},
	{netip.MustParsePrefix("3fff::/20"), "documentation", false},
	{netip.MustParsePrefix("fc00::/7"), "unique local", true},
	{netip.MustParsePrefix("fe80::/10"), "link-local", false},
	{netip.MustParsePrefix("ff00::/8"), "multicast", false},
}

var globalUnicast6 = netip.MustParsePrefix("2000::/3") //nolint:gochecknoglobals // a table

func checkAddress(addr netip.Addr, allowPrivate bool) error {
	// A zone would hide an address from the prefixes, which hold none.
	bare := addr.WithZone("")
	for _, n := range refusedNetworks {
		if !n.prefix.Contains(bare) {
			continue
		}
		if n.private && allowPrivate {
			return nil
		}
		return fmt.Errorf("%w: %s is %s", ErrAddressRefused, addr, n.what)
	}
	if bare.Is6() && !globalUnicast6.Contains(bare) {
		return fmt.Errorf("%w: %s is not global unicast", ErrAddressRefused, addr)
	}
	return nil
}
