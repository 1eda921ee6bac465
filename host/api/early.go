package api

import (
	"fmt"
	"log/slog"
	"mime"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// judgeHeader is a huma middleware. It refuses by a request's header what huma would refuse once it has read the body:
// a body that is announced as too long, and one that is not JSON. Else the answer would wait for the body.
func (a *api) judgeHeader(described huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if refused := headerProblem(ctx.Operation(), ctx.Header("Content-Length"),
			ctx.Header("Content-Type")); refused != nil {
			a.refuse(described, ctx, refused)
			return
		}
		next(ctx)
	}
}

func headerProblem(operation *huma.Operation, length, kind string) *Problem {
	if operation.RequestBody == nil {
		return nil
	}
	if n, err := strconv.ParseInt(length, 10, 64); err == nil && n > operation.MaxBodyBytes {
		return tooLarge.problem(fmt.Sprintf("the body has %d bytes; this takes %d", n, operation.MaxBodyBytes))
	}
	if operation.RequestBody.Content["application/json"] == nil || kind == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
		return unknownMedia.problem(fmt.Sprintf("the body is %q: send it as application/json", kind))
	}
	return nil
}

// refuse answers with a problem in the place of an operation.
func (a *api) refuse(described huma.API, ctx huma.Context, p *Problem) {
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	if err := described.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		a.settings.Logger.WarnContext(ctx.Context(), "write an answer", slog.Any("error", err))
	}
}
