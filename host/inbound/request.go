package inbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// bounded is a handler whose requests are held to the limits.
type bounded struct {
	settings Settings
	next     http.Handler
}

// ServeHTTP implements http.Handler.
func (b *bounded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), b.settings.Whole)
	defer cancel()
	connection, _ := r.Context().Value(connKey{}).(*conn)
	if connection != nil {
		// A handler that does not end with its context holds no connection.
		defer time.AfterFunc(b.settings.Whole+b.settings.Write, connection.cut).Stop()
	}
	e := &exchange{
		ResponseWriter: w, control: http.NewResponseController(w), settings: b.settings, request: r,
		connection: connection, began: now(), from: r.Body, ended: r.ContentLength == 0,
	}
	_ = e.control.SetReadDeadline(time.Time{}) // the server's own is for what it reads by itself
	limited := r.WithContext(ctx)
	if !e.ended {
		limited.Body = body{e}
	}
	b.next.ServeHTTP(e, limited)
	e.finish()
}

// now is the system's clock, by which the deadlines of sockets count: the router's own may be set by tests.
func now() time.Time { return time.Now() } //nolint:forbidigo // see above

// exchange is one request and its answer, in one goroutine. It is the answer's http.ResponseWriter, and body is its
// request's body.
type exchange struct {
	http.ResponseWriter
	control    *http.ResponseController
	settings   Settings
	request    *http.Request
	connection *conn
	began      time.Time

	// from is the server's own body; ended: it was read to its end.
	from  io.Reader
	ended bool
	// asked is when the body was first read; zero is never. received counts its bytes.
	asked    time.Time
	received int64

	// answered is when the answer began; zero is not yet. sent counts the bytes of its body.
	answered time.Time
	sent     int64
}

// after is a limit after a moment, later by the time that so many bytes may take, and never after last.
func (s Settings) after(since time.Time, limit time.Duration, bytes int64, last time.Time) time.Time {
	seconds := float64(bytes) / float64(s.Rate)
	at := since.Add(limit + time.Duration(seconds*float64(time.Second)))
	if at.After(last) {
		return last
	}
	return at
}

type body struct{ *exchange }

// Read reads the body while its time lasts.
func (b body) Read(p []byte) (int, error) { return b.read(p) }

// Close leaves the rest unread: the server's own body would wait for it.
func (b body) Close() error { return nil }

func (e *exchange) read(p []byte) (int, error) {
	if e.asked.IsZero() {
		e.asked = now()
	}
	return e.readUntil(p, e.settings.after(e.asked, e.settings.Body, e.received, e.began.Add(e.settings.Whole)))
}

func (e *exchange) readUntil(p []byte, deadline time.Time) (int, error) {
	// Where the connection knows no deadlines, there is nothing to wait for either: a test's recorder.
	_ = e.control.SetReadDeadline(deadline)
	n, err := e.from.Read(p)
	e.received += int64(n)
	if errors.Is(err, io.EOF) {
		e.ended = true
		// The server goes on to read, to notice a client that hangs up. That read must not end while a handler works.
		_ = e.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (e *exchange) WriteHeader(status int) {
	if status >= http.StatusOK && e.answered.IsZero() {
		if !e.reusable(status) {
			e.Header().Set("Connection", "close")
		}
		e.answered = now()
		e.extend()
	}
	e.ResponseWriter.WriteHeader(status)
}

// reusable reports whether the connection may have another request.
func (e *exchange) reusable(status int) bool {
	if !e.ended && status < http.StatusBadRequest {
		e.skip()
	}
	if !e.ended && e.connection != nil {
		e.connection.unread.Store(true)
	}
	// The server has one context for all requests of a connection, and a read that fails ends it.
	return e.ended && e.request.Context().Err() == nil
}

const (
	// unneeded is the longest body that is read although nobody needs it, so that its connection goes on. It came with
	// its header, as a rule; skipWithin is how long an answer waits for it.
	unneeded   = 4 << 10
	skipWithin = time.Second
)

// skip reads a short body that its handler had no use for.
func (e *exchange) skip() {
	waits := strings.EqualFold(e.request.Header.Get("Expect"), "100-continue") && e.asked.IsZero()
	if waits || e.request.ContentLength < 0 || e.request.ContentLength > unneeded {
		return
	}
	deadline := now().Add(min(skipWithin, e.settings.Body))
	for rest := make([]byte, unneeded); !e.ended; {
		if _, err := e.readUntil(rest, deadline); err != nil {
			return
		}
	}
}

// Write implements http.ResponseWriter.
func (e *exchange) Write(p []byte) (int, error) {
	if e.answered.IsZero() {
		e.WriteHeader(http.StatusOK)
	}
	e.sent += int64(len(p))
	e.extend()
	return e.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (e *exchange) FlushError() error {
	if e.answered.IsZero() {
		e.WriteHeader(http.StatusOK)
	}
	return e.control.Flush()
}

// extend gives the client time for what it is sent.
func (e *exchange) extend() {
	last := e.began.Add(e.settings.Whole + e.settings.Write)
	_ = e.control.SetWriteDeadline(e.settings.after(e.answered, e.settings.Write, e.sent, last)) // see readUntil
}

// finish ends the answer, and keeps the server from waiting for what is left of the body.
func (e *exchange) finish() {
	if e.answered.IsZero() {
		e.WriteHeader(http.StatusOK)
	}
	if !e.ended {
		_ = e.control.SetReadDeadline(e.began) // long over
	}
}
