package api

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"payrouter/host/access"
)

// judgeLength is a huma middleware. It refuses a body that is announced as too long before any of it is read: else the
// answer would wait for the body.
func judgeLength(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	if of := ctx.Operation(); of.RequestBody != nil && r.ContentLength > of.MaxBodyBytes {
		refuse(ctx, tooLarge.problem(
			fmt.Sprintf("the body has %d bytes; this takes %d", r.ContentLength, of.MaxBodyBytes)))
		return
	}
	next(ctx)
}

// awaitBody is a huma middleware, the last one: it reads the body, which may take its time, and then refuses a caller
// whose key has ended meanwhile.
func (a *api) awaitBody(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	if ctx.Operation().RequestBody == nil || r.ContentLength == 0 {
		next(ctx)
		return
	}
	whole := &readContext{humaContext: ctx}
	whole.failure = whole.read(ctx.BodyReader(), r.ContentLength, ctx.Operation().MaxBodyBytes)
	if !a.stands(ctx.Context()) {
		refuse(ctx, problemOf(access.ErrCaller, ""))
		return
	}
	next(whole)
}

// stands reports whether the key of who asks has not ended since it was read.
func (a *api) stands(ctx context.Context) bool {
	return a.settings.Keys == nil || a.settings.Keys.Stands(callerOf(ctx))
}

// readContext is a request whose body was read.
type readContext struct {
	humaContext
	body    bytes.Buffer
	failure error
}

// promised is how much memory a body takes by its announced length alone.
const promised = 64 << 10

// read reads a body of a length, or of an unknown one below 0, as far as it is not too long.
func (c *readContext) read(from io.Reader, length, most int64) error {
	if length > 0 {
		c.body.Grow(int(min(length, most, promised) + bytes.MinRead))
	}
	_, err := c.body.ReadFrom(io.LimitReader(from, most))
	return err
}

// Unwrap has humago find the request.
func (c *readContext) Unwrap() huma.Context { return c.humaContext }

// BodyReader implements huma.Context. It fails where reading failed.
func (c *readContext) BodyReader() io.Reader {
	if c.failure == nil {
		return &c.body
	}
	return io.MultiReader(&c.body, failing{c.failure})
}

// failing is a reader of nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
