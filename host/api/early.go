package api

import (
	"fmt"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// judgeLength is a huma middleware. It refuses a body that is announced as too long before any of it is read: else the
// answer would wait for the body.
func (a *api) judgeLength(described huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		of := ctx.Operation()
		n, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64)
		if err == nil && of.RequestBody != nil && n > of.MaxBodyBytes {
			a.refuse(described, ctx, tooLarge.problem(fmt.Sprintf("the body has %d bytes; this takes %d", n, of.MaxBodyBytes)))
			return
		}
		next(ctx)
	}
}
