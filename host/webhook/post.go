package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"payrouter/host/egress"
)

const (
	// tryTimeout bounds one try, from resolving the name to the last byte read.
	tryTimeout = 15 * time.Second
	// maxRead is how much of an answer's body is read, only so that its connection can be used again.
	maxRead = 64 << 10
	// maxHeader bounds an answer's headers.
	maxHeader = 32 << 10
)

// client talks to endpoints: it knows no proxy, follows no redirect and keeps no cookie.
func client(dialer *egress.Dialer) *http.Client {
	return &http.Client{
		Timeout: tryTimeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: tryTimeout, MaxResponseHeaderBytes: maxHeader,
			MaxIdleConns:        256,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post makes one try.
func (s *Sender) post(ctx context.Context, job Job) answer {
	now := s.settings.Now().UTC()
	body, err := bodyOf(job.Entry)
	if err != nil {
		return answer{at: now, problem: err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, job.Endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return answer{at: now, problem: "the address cannot be read"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "payrouter-webhooks/1")
	if err := sign(request.Header, job.Entry.ID, body, job.Endpoint.secrets(now), now); err != nil {
		return answer{at: now, problem: err.Error()}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{at: s.settings.Now().UTC(), problem: problemOf(err)}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxRead)
	at := s.settings.Now().UTC()
	wait := egress.RetryAfter(response.Header.Get("Retry-After"), at)
	return answer{at: at, status: response.StatusCode, retryAfter: wait}
}

// problemOf is the reason for a missing answer, as the merchant sees it. It reveals nothing about the router's network:
// a merchant chooses the host name, and must not learn which addresses it resolves to there or which of them listen.
func problemOf(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		if wrapped.Timeout() {
			return "no answer within " + tryTimeout.String()
		}
		err = wrapped.Err
	}
	if errors.Is(err, egress.ErrAddressRefused) {
		return "the name does not lead to a public address"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name cannot be resolved"
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return "no connection"
	}
	return "no answer: the connection was refused in its handshake, or broke"
}
