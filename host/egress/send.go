package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"syscall"

	abi "payrouter/abi/v1"
)

var (
	errEncoding = errors.New("the answer came in a content encoding that was not asked for")
	errSwitched = errors.New("the provider switched protocols")
	errLeftover = errors.New("the answer was there before the request")
)

// userAgent is for requests in which a plugin sets none.
const userAgent = "payrouter/1"

// send writes an exchange's request and fills in the result of the try.
func (c *Client) send(ctx context.Context, x *Exchange, t *Try, until deadline) {
	p := &permit{now: c.settings.Now, until: until, resend: x.Resendable, room: c.wireLimit()}
	response, err := c.roundTrip(ctx, x, p)
	spent := p.revoke()
	if err == nil && !spent.answered() {
		// Bytes that an earlier answer left behind. Taking them for this one would settle a payment with another's
		// answer.
		p.closeConns()
		err = errLeftover
	}
	t.Sent, t.Writes = spent.writes > 0, spent.writes
	if err != nil {
		t.Err = x.Request.mask.fault(err, spent.late, ctx.Err(), c.ours(err))
		return
	}
	t.RetryAfter = RetryAfter(response.header.Get("Retry-After"), c.settings.Now())
	t.Response = x.Request.mask.response(response)
}

// wireLimit bounds what may come over the wire for one answer: the body may be chunked, its compressed form may unpack
// to nothing at all, and there is a header.
func (c *Client) wireLimit() int64 { return 8*c.settings.MaxResponse + 2*maxResponseHeader }

// answer is a response as it came, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *Client) roundTrip(ctx context.Context, x *Exchange, p *permit) (*answer, error) {
	if p.until.passed(c.settings.Now()) {
		return nil, ErrLate
	}
	ctx, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:     func(got httptrace.GotConnInfo) { p.grant(got.Conn) },
		PutIdleConn: func(error) { p.park() },
	})
	over := c.transport
	if x.Alone {
		over = c.alone
	}
	response, err := over.RoundTrip(x.Request.wire.http(ctx, p.resend))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return c.read(response)
}

func (c *Client) read(response *http.Response) (*answer, error) {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, errSwitched
	}
	// Masking cannot look into an encoding, and the guest could.
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, errEncoding
	}
	limit := c.settings.MaxResponse
	if response.ContentLength > limit {
		return nil, ErrTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("answer with status %d broke off: %w", response.StatusCode, err)
	}
	if int64(len(body)) > limit {
		return nil, ErrTooLarge
	}
	return &answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

// http makes a fresh request for one try. Unless it may be resent, nothing in it lets net/http do so after a write:
// see isReplayable and rewindBody there.
func (out *wireRequest) http(ctx context.Context, resend bool) *http.Request {
	request := (&http.Request{Method: out.method, URL: out.url, Header: out.header.Clone()}).WithContext(ctx)
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", userAgent)
	}
	if len(out.body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(out.body))
		request.ContentLength = int64(len(out.body))
		if resend {
			request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.body)), nil }
		}
		return request
	}
	if resend {
		return request
	}
	if lengthSent[out.method] {
		// A body of unknown length would go out chunked, which some providers refuse. Without a body it is the key's
		// header that makes net/http resend, found by its canonical name only.
		hideKey(request.Header, "Idempotency-Key", "idempotency-key")
		hideKey(request.Header, "X-Idempotency-Key", "x-idempotency-key")
		return request
	}
	// net/http looks into it, finds nothing and sends no body; yet a request with one is not resent.
	request.Body = io.NopCloser(strings.NewReader(""))
	return request
}

// lengthSent are the methods that send "Content-Length: 0" without a body.
var lengthSent = map[string]bool{ //nolint:gochecknoglobals // a table
	http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
}

func hideKey(header http.Header, canonical, plain string) {
	if values, ok := header[canonical]; ok {
		delete(header, canonical)
		header[plain] = values
	}
}

func (m mask) response(a *answer) *abi.HttpResponse {
	masked := &abi.HttpResponse{Status: uint32(a.status), Body: m.bytes(a.body)} //nolint:gosec // three digits
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, value := range a.header[name] {
			masked.Headers = append(masked.Headers,
				&abi.Header{Name: name, Value: strings.ToValidUTF8(value, "\uFFFD")})
		}
	}
	m.headers(masked.Headers)
	return masked
}

// ours is the kind of a failed try's error where this machine is the cause; nil elsewhere.
func (c *Client) ours(err error) error {
	if _, unconnected := errors.AsType[*dialError](err); !unconnected {
		return nil
	}
	switch {
	case c.settings.Machine.caused(err, c.settings.Now()):
		return ErrExhausted
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ErrLocal
	}
	return nil
}

// fault classifies a failed try's error by the first kind that applies. caller is the error of the caller's context,
// if it ended; ours is set where this machine is the cause.
func (m mask) fault(err error, late bool, caller, ours error) error {
	f := &tryError{}
	var dial *dialError
	var network net.Error
	switch {
	case late || errors.Is(err, ErrLate):
		f.kinds = []error{ErrLate}
	case errors.Is(caller, context.Canceled):
		f.kinds = []error{context.Canceled}
	case errors.As(err, &dial):
		f.kinds = []error{ErrDial}
		if errors.Is(err, ErrAddressRefused) {
			f.kinds = append(f.kinds, ErrAddressRefused)
		}
		if ours != nil {
			f.kinds = append(f.kinds, ours)
		}
	case errors.Is(err, ErrTooLarge):
		f.kinds = []error{ErrTooLarge}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		f.kinds = []error{ErrTimeout}
	default:
		f.kinds = []error{ErrBroken}
	}
	f.text = f.kinds[0].Error()
	if cause := err.Error(); cause != f.text {
		// net/http quotes what it could not read.
		f.text += ": " + shorten(m.text(cause))
	}
	return f
}

// longestText bounds an error's text, in bytes: what a provider sends is nothing to fill a log with.
const longestText = 200

func shorten(s string) string {
	if len(s) <= longestText {
		return s
	}
	return strings.ToValidUTF8(s[:longestText], "") + "…"
}
