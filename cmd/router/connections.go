package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"payrouter/host/inbound"
)

// connectionFlags are serve's limits of clients' connections.
type connectionFlags struct {
	HeaderTimeout time.Duration `default:"10s" help:"How long a request's header may take."`
	BodyTimeout   time.Duration `default:"10s" help:"How long a request's body may take; each 64 KiB add a second."`
	WriteTimeout  time.Duration `default:"30s" help:"How long a client may take an answer; each 64 KiB add a second."`
	IdleTimeout   time.Duration `default:"2m" help:"How long a connection may wait for its next request."`

	MaxConnections int `help:"Connections at once; by default 4096, and at most half of the files that may be open."`

	ConnectionsPerAddress int `default:"256" help:"Connections at once from an IPv4 address, or a /64 of IPv6."`

	Proxies []netip.Prefix `help:"Networks of reverse proxies: X-Forwarded-For is believed, and no bound by address."`
}

// limits are the flags' limits. 0 stands for a flag's default.
func (c *connectionFlags) limits() (inbound.Settings, error) {
	var problems []error
	for flag, value := range map[string]time.Duration{
		"header": c.HeaderTimeout, "body": c.BodyTimeout, "write": c.WriteTimeout, "idle": c.IdleTimeout,
	} {
		if value < 0 {
			problems = append(problems, fmt.Errorf("--%s-timeout %s is negative: give a time such as 10s", flag, value))
		}
	}
	if c.MaxConnections < 0 || c.ConnectionsPerAddress < 0 {
		problems = append(problems,
			errors.New("--max-connections and --connections-per-address are numbers of connections, such as 4096"))
	}
	return inbound.Settings{
		Header: c.HeaderTimeout, Body: c.BodyTimeout, Write: c.WriteTimeout, Idle: c.IdleTimeout,
		Connections: c.MaxConnections, PerAddress: c.ConnectionsPerAddress, Proxies: c.Proxies,
	}, errors.Join(problems...)
}
