package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// content is what the files held at a moment. Equal ones have the same effect.
type content struct {
	certificate, key, clientCA string
	// unreadable is why a file cannot be read; empty where each can.
	unreadable string
}

func (s Settings) read() content {
	var c content
	var problems []error
	for _, file := range []struct {
		path string
		text *string
	}{{s.Certificate, &c.certificate}, {s.Key, &c.key}, {s.ClientCA, &c.clientCA}} {
		if file.path == "" {
			continue
		}
		text, err := os.ReadFile(file.path)
		problems = append(problems, err)
		*file.text = string(text)
	}
	if err := errors.Join(problems...); err != nil {
		c.unreadable = err.Error()
	}
	return c
}

// material is content that can be used.
type material struct {
	config *tls.Config
	leaf   *x509.Certificate
}

func (s Settings) parse(c content) (*material, error) {
	if c.unreadable != "" {
		return nil, fmt.Errorf("read the TLS certificate: %s", c.unreadable)
	}
	chain, err := certificates(c.certificate)
	if err != nil {
		return nil, fmt.Errorf("read the TLS certificate of %s: %w", s.Certificate, err)
	}
	pair, err := tls.X509KeyPair([]byte(c.certificate), []byte(c.key))
	if err != nil {
		return nil, fmt.Errorf("read the TLS certificate of %s with the key of %s: %w; want a certificate in PEM, followed "+
			"by its chain, and its own private key in PEM, not encrypted", s.Certificate, s.Key, err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols(), Certificates: []tls.Certificate{pair},
	}
	if s.ClientCA != "" {
		authorities, err := certificates(c.clientCA)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of client certificates of %s: %w", s.ClientCA, err)
		}
		config.ClientCAs = x509.NewCertPool()
		for _, authority := range authorities {
			config.ClientCAs.AddCert(authority)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.SessionTicketsDisabled = true // a resumed session would bring a client back under former authorities
	}
	return &material{config: config, leaf: chain[0]}, nil
}

// certificates reads every certificate of a text. A block that is cut off, or is no certificate, is an error:
// crypto/tls would leave it out, and serve a chain that clients cannot follow.
func certificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue // a key beside its certificate, as haproxy has them
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, one)
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("the block after certificate %d is cut off: write the file whole", len(all))
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate: want PEM, a block \"-----BEGIN CERTIFICATE-----\" each")
	}
	return all, nil
}

// expired is nil for a certificate that clients take at a time.
func (m *material) expired(now time.Time) error {
	switch {
	case now.After(m.leaf.NotAfter):
		return fmt.Errorf("the TLS certificate expired at %s: renew it", m.leaf.NotAfter.Format(time.RFC3339))
	case now.Before(m.leaf.NotBefore):
		return fmt.Errorf("the TLS certificate is valid from %s on only", m.leaf.NotBefore.Format(time.RFC3339))
	}
	return nil
}
