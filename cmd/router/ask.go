package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"payrouter/host/api"
)

// asker asks a router.
type asker struct {
	h      *host
	client *http.Client
	apiKey string
}

// askerFlags are how commands ask a router that serves TLS.
type askerFlags struct {
	CA string `name:"ca" type:"path" help:"File of the authorities of the router's certificate; the system's by default."`

	ClientCert string `type:"path" help:"File of a client certificate, where the router asks for one."`
	ClientKey  string `type:"path" help:"File of the client certificate's private key."`
}

func (f askerFlags) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read --ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read --ca of %s: there is no certificate: want PEM", f.CA)
		}
	}
	switch {
	case f.ClientCert == "" && f.ClientKey == "":
	case f.ClientCert == "" || f.ClientKey == "":
		return nil, errors.New("--client-cert and --client-key go together: name both files")
	default:
		pair, err := tls.LoadX509KeyPair(f.ClientCert, f.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("read --client-cert and --client-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// newAsker asks with an API key, if any, and waits for each answer so long at most. Call close at the end.
func newAsker(h *host, apiKey string, flags askerFlags, timeout time.Duration) (*asker, error) {
	config, err := flags.config()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: config}}
	return &asker{h: h, client: client, apiKey: apiKey}, nil
}

func (a *asker) close() { a.client.CloseIdleConnections() }

// ask returns the body of a successful answer. Its error is a *refusedError where the router answered otherwise. A body
// is JSON unless the headers say what else.
func (a *asker) ask(method, target string, body []byte, headers map[string]string) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(a.h.ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the router's address: %w", err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	if a.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+a.apiKey)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	const largest = 64 << 20
	answer, err = io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		refused := &refusedError{status: response.Status}
		_ = json.Unmarshal(answer, &refused.problem) // a proxy's answer is no problem of the router's
		return nil, refused
	}
	return answer, nil
}

// print indents JSON for people; numbers keep their text.
func (a *asker) print(answer []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, bytes.TrimSpace(answer), "", "  "); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	return write(a.h, text.String()+"\n")
}

// refusedError is an answer of a status from 400.
type refusedError struct {
	status  string
	problem api.Problem
}

// Error has all errors of the answer.
func (e *refusedError) Error() string {
	var text strings.Builder
	text.WriteString("the router answered " + e.status)
	if e.problem.Detail != "" {
		text.WriteString(": " + e.problem.Detail)
	}
	if e.problem.Failure != nil {
		fmt.Fprintf(&text, " (%s)", e.problem.Failure.Code)
	}
	for i, field := range e.problem.Errors {
		if i > 0 { // the first is the detail
			fmt.Fprintf(&text, "\n%s %s", field.Pointer, field.Detail)
		}
	}
	return text.String()
}
