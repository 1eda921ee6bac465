package plugin

import (
	"context"
	"fmt"
	"strings"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/host/wasm/checked"
)

// maxProblems are the problems that a refusal names.
const maxProblems = 3

// check runs a candidate's own vectors, and damaged and hostile answers made of them, where that is required or where
// nothing else shows what the module does: on first admission, and where no flow is recorded to compare it by. It
// reports whether the module passed. A module without vectors, where none are required, did not, and is not refused.
func (r *Registry) check(ctx context.Context, c Candidate, g *Generation, t *trail) (passed bool, err error) {
	name := g.manifest.GetName()
	_, active := r.Current(name)
	proven := c.allows(AllowUnproven) || active && (c.Extent.any() || r.hasEvidence(name))
	if !r.settings.RequireCheck && proven {
		return false, nil
	}
	within, cancel := context.WithTimeout(ctx, r.settings.StepWithin)
	defer cancel()
	vectors, problems, err := r.conforms(within, c.Code)
	if slow := r.inTime(ctx, within, StepCheck, err); slow != err { //nolint:errorlint // it is err itself, or is not
		return false, t.failed(StepCheck, slow)
	}
	switch {
	case err != nil:
		return false, t.failed(StepCheck, &RefusedError{Step: StepCheck, Reason: ErrCheck, Err: err})
	case vectors == 0 && r.settings.RequireCheck:
		return false, t.failed(StepCheck, &RefusedError{
			Step: StepCheck, Reason: ErrCheck, What: "the module has no vectors, and this router requires them",
			Hint: "add them with \"router plugin embed\"",
		})
	case vectors == 0:
		return false, nil
	case len(problems) > 0:
		what := strings.Join(problems[:min(len(problems), maxProblems)], "; ")
		if more := len(problems) - maxProblems; more > 0 {
			what += fmt.Sprintf("; %d more", more)
		}
		return false, t.failed(StepCheck, &RefusedError{
			Step: StepCheck, Reason: ErrCheck, What: what, Hint: "\"router plugin check\" shows all of it",
		})
	}
	t.done(StepCheck, fmt.Sprintf("%d vectors hold, as do the checks of \"router plugin check\"", vectors))
	return true, nil
}

// conforms returns how many vectors a module has, and what of the conformance suite does not hold. The vectors are
// their author's text: whatever they do to the suite is a fault of theirs.
func (r *Registry) conforms(ctx context.Context, code []byte) (vectors int, problems []string, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("the vectors cannot be played: %v", panicked)
		}
	}()
	embedded, err := vector.Embedded(code)
	if err != nil || len(embedded) == 0 {
		return 0, nil, err
	}
	sandbox := timed{Sandbox: checked.New(r.compiler)}
	report, err := check.Module(ctx, sandbox, code)
	if err != nil {
		return 0, nil, err
	}
	results := report.Results
	if report.OK() {
		guest, err := sandbox.Compile(ctx, code)
		if err != nil {
			return 0, nil, err
		}
		played, err := vector.Module(ctx, guest, embedded)
		if closing := guest.Close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
		if err != nil {
			return 0, nil, err
		}
		results = played
	}
	for _, result := range results {
		for _, problem := range result.Problems {
			problems = append(problems, result.Name+": "+problem)
		}
	}
	return len(embedded), problems, nil
}

// timed is a sandbox whose guests answer no call after the context's end: the suite makes any number of calls.
type timed struct{ checked.Sandbox }

func (s timed) Compile(ctx context.Context, code []byte) (check.Guest, error) {
	guest, err := s.Sandbox.Compile(ctx, code)
	if err != nil {
		return nil, err
	}
	return timedGuest{guest}, nil
}

type timedGuest struct{ check.Guest }

func (g timedGuest) Call(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	if err := ctx.Err(); err != nil {
		return nil, check.Usage{}, err
	}
	return g.Guest.Call(ctx, export, input)
}
