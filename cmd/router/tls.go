package main

import (
	"errors"
	"strings"

	"payrouter/host/router"
)

// tlsFlags are what serve listens on with TLS, and for administration.
type tlsFlags struct {
	TLSCert string `name:"tls-cert" type:"path" help:"File of the TLS certificate and its chain, in PEM."`
	TLSKey  string `name:"tls-key" type:"path" help:"File of the TLS certificate's private key, in PEM."`

	AdminListen string `help:"Address for administration, which --listen does not serve then."`

	AdminTLSCert  string `name:"admin-tls-cert" type:"path" help:"As --tls-cert, of --admin-listen."`
	AdminTLSKey   string `name:"admin-tls-key" type:"path" help:"As --tls-key, of --admin-listen."`
	AdminClientCA string `name:"admin-client-ca" type:"path" help:"File of the authorities of --admin-listen's clients."`
}

// validate names every flag that lacks another.
func (f *tlsFlags) validate() error {
	var problems []error
	for _, pair := range []struct{ name, value, needs, needed, why string }{
		{"--tls-cert", f.TLSCert, "--tls-key", f.TLSKey, "name the file of its private key"},
		{"--tls-key", f.TLSKey, "--tls-cert", f.TLSCert, "name the file of its certificate"},
		{"--admin-tls-cert", f.AdminTLSCert, "--admin-tls-key", f.AdminTLSKey, "name the file of its private key"},
		{"--admin-tls-key", f.AdminTLSKey, "--admin-tls-cert", f.AdminTLSCert, "name the file of its certificate"},
		{
			"--admin-client-ca", f.AdminClientCA, "--admin-tls-cert", f.AdminTLSCert,
			"client certificates come with TLS only",
		},
		{"--admin-tls-cert", f.AdminTLSCert, "--admin-listen", f.AdminListen, "name the address that it is for"},
	} {
		if pair.value != "" && pair.needed == "" {
			problems = append(problems, errors.New(pair.name+" needs "+pair.needs+": "+pair.why))
		}
	}
	return errors.Join(problems...)
}

func (f *tlsFlags) public(address string) router.Listener {
	return router.Listener{Address: address, Certificate: f.TLSCert, Key: f.TLSKey}
}

func (f *tlsFlags) admin() router.Listener {
	return router.Listener{
		Address: f.AdminListen, Certificate: f.AdminTLSCert, Key: f.AdminTLSKey, ClientCA: f.AdminClientCA,
	}
}

// shellquote makes a path one word of a shell's.
func shellquote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
