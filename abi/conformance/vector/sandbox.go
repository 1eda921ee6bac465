package vector

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// share is how much of a call's fuel and memory an honest call may take, as its inverse: what is left is for a larger
// answer than the documents show.
const share = 2

// Sandboxed runs a plugin's module as the host does. It is used by one goroutine.
type Sandboxed struct {
	guest check.Guest
	// Of the calls so far.
	most check.Usage
}

// NewSandboxed makes a machine of a module, which stays the caller's to close.
func NewSandboxed(guest check.Guest) *Sandboxed {
	return &Sandboxed{guest: guest}
}

func (s *Sandboxed) call(ctx context.Context, in input) ([]byte, error) {
	return s.run(ctx, in.export, in.bytes)
}

func (s *Sandboxed) run(ctx context.Context, export check.Export, in []byte) ([]byte, error) {
	answer, used, err := s.guest.Call(ctx, export, in)
	s.most.Fuel = max(s.most.Fuel, used.Fuel)
	s.most.Memory = max(s.most.Memory, used.Memory)
	return answer, err
}

// Describe is the module's manifest.
func (s *Sandboxed) Describe(ctx context.Context) (*abi.Manifest, error) {
	encoded, err := s.run(ctx, check.Describe, nil)
	if err != nil {
		return nil, err
	}
	answer := new(abi.Answer)
	if err := answer.UnmarshalVTUnsafe(encoded); err != nil {
		return nil, fmt.Errorf("describe: decode Answer: %w", err)
	}
	if answer.GetManifest() == nil {
		return nil, fmt.Errorf("describe: the answer holds no manifest")
	}
	return answer.GetManifest(), nil
}

// SameManifest reports whether the module describes itself to the byte as the model does.
func (s *Sandboxed) SameManifest(ctx context.Context, model *abi.Manifest) []string {
	expected, err := encode(&abi.Answer{Result: &abi.Answer_Manifest{Manifest: model}})
	if err != nil {
		return []string{err.Error()}
	}
	answer, err := s.run(ctx, check.Describe, nil)
	if err != nil {
		return []string{err.Error()}
	}
	if !bytes.Equal(expected, answer) {
		return []string{fmt.Sprintf("two manifests:\n%x\n%x", expected, answer)}
	}
	return nil
}

// Frugal returns where a call so far took more than an honest one may.
func (s *Sandboxed) Frugal() []string {
	wrong := s.memory()
	if limit := s.guest.Limits().Fuel; s.most.Fuel >= limit/share {
		wrong = append(wrong, fmt.Sprintf("a call took %d of %d fuel; an honest one may take half", s.most.Fuel, limit))
	}
	return wrong
}

func (s *Sandboxed) memory() []string {
	if limit := s.guest.Limits().Memory; s.most.Memory >= limit/share {
		return []string{fmt.Sprintf("calls took %d of %d bytes of memory; honest ones may take half", s.most.Memory,
			limit)}
	}
	return nil
}

// Unharmed reports whether a call so far cost an instance.
func (s *Sandboxed) Unharmed() []string {
	if discarded := s.guest.Discarded(); discarded > 0 {
		return []string{fmt.Sprintf("%d calls cost an instance", discarded)}
	}
	return nil
}

// Lasting asks until more memory has been used than there is, and returns where it ran out: the guest's collector has
// to have its turns.
func (s *Sandboxed) Lasting(ctx context.Context) []string {
	limit := s.guest.Limits().Memory
	manifest, err := s.run(ctx, check.Describe, nil)
	if err != nil {
		return []string{err.Error()}
	}
	for range 2 * limit / int64(len(manifest)) {
		if _, err := s.run(ctx, check.Describe, nil); err != nil {
			return []string{err.Error()}
		}
	}
	return s.memory()
}

// Guarded passes bytes to the module that are none of the contract's messages, and returns where the module does not
// report them as such, and continue.
func (s *Sandboxed) Guarded(ctx context.Context) []string {
	var wrong []string
	for _, export := range []check.Export{check.Prepare, check.Interpret, check.Receive} {
		for _, garbage := range [][]byte{{0xff}, {0x0a, 0x7f}, slices.Repeat([]byte{0x0a}, 1000)} {
			answer := new(abi.Answer)
			encoded, err := s.run(ctx, export, garbage)
			if err == nil {
				err = answer.UnmarshalVTUnsafe(encoded)
			}
			if err != nil || answer.GetError().GetCode() != abi.Error_CODE_BAD_INPUT {
				wrong = append(wrong,
					fmt.Sprintf("%s: %d bytes that are no message are not refused as such: %v %v", export, len(garbage),
						err, answer))
			}
		}
	}
	return wrong
}

// Module checks a bare module by its golden vectors, whoever wrote it in whatever language: everything that a plugin's
// own test checks, but for the comparison with its native self.
func Module(ctx context.Context, module check.Guest, vectors []*Vector) ([]check.Result, error) {
	guest := NewSandboxed(module)
	manifest, err := guest.Describe(ctx)
	if err != nil {
		return nil, err
	}
	attacker := NewAttacker(manifest)
	each := func(judge func(v *Vector) []string) (problems []string) {
		for _, v := range vectors {
			for _, problem := range judge(v) {
				problems = append(problems, v.Name+": "+problem)
			}
		}
		return problems
	}
	return []check.Result{
		{
			Name:     fmt.Sprintf("%d golden vectors", len(vectors)),
			Problems: each(func(v *Vector) []string { return v.Golden(ctx, guest, manifest) }),
		},
		{Name: "one call, one answer", Problems: each(func(v *Vector) []string { return v.Pure(ctx, guest) })},
		{Name: "an honest call's share", Problems: guest.Frugal()},
		{Name: "vectors show what the manifest says", Problems: Coverage(ctx, guest, manifest, vectors)},
		{
			Name:     "hostile answers and callbacks",
			Problems: each(func(v *Vector) []string { return attacker.Attack(ctx, guest, v) }),
		},
		{Name: "again and again", Problems: guest.Lasting(ctx)},
		{Name: "no instance lost", Problems: guest.Unharmed()},
	}, ctx.Err()
}
