package vector

import (
	"bytes"
	"context"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	abi "payrouter/abi/v1"
)

// Golden returns where the answers to a vector differ from its expected sections.
func (v *Vector) Golden(ctx context.Context, guest Machine, manifest *abi.Manifest) []string {
	moves, err := play(ctx, guest, v)
	if err != nil {
		return []string{err.Error()}
	}
	files, err := results(manifest, moves)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		seen[file.Name] = true
		held, stands := v.section(file.Name)
		if !stands {
			wrong = append(wrong,
				fmt.Sprintf("the vector has no %s (run with -update to write it); it would be:\n%s", file.Name,
					file.Data))
			continue
		}
		expected, err := canonical(file.Name, held)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", file.Name, err))
			continue
		}
		if difference := diff.Diff(file.Name, []byte(expected), "answered", file.Data); difference != nil {
			wrong = append(wrong, string(difference))
		}
	}
	for _, file := range v.archive.Files {
		if isResult(file.Name) && !seen[file.Name] {
			wrong = append(wrong, fmt.Sprintf("%s is not what the plugin answers; it answers %v", file.Name, seen))
		}
	}
	return wrong
}

// Update writes what a vector plays to into its file.
func (v *Vector) Update(ctx context.Context, guest Machine, manifest *abi.Manifest) error {
	moves, err := play(ctx, guest, v)
	if err != nil {
		return err
	}
	files, err := results(manifest, moves)
	if err != nil {
		return err
	}
	return v.rewrite(files)
}

// canonical lays an expected section out as the suite writes it.
func canonical(name string, held []byte) (string, error) {
	switch name {
	case "outcome.json":
		return restate[outcomeText](held)
	case "reject.json":
		return restate[rejectText](held)
	case "error.json":
		return restate[errorText](held)
	case "receipt.json":
		return restate[receiptText](held)
	}
	return string(held), nil
}

// Pure asks everything twice, and returns where the same call has another answer.
func (v *Vector) Pure(ctx context.Context, guest Machine) []string {
	return v.Same(ctx, guest, guest)
}

// Same plays a vector with the model, asks the guest what the model was asked, and returns where it does not answer the
// same to the byte.
func (v *Vector) Same(ctx context.Context, model, guest Machine) []string {
	moves, err := play(ctx, model, v)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	for _, m := range moves {
		expected, err := encode(m.answer)
		if err != nil {
			return []string{err.Error()}
		}
		answer, err := guest.call(ctx, m.input)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", m.input.export, err))
		} else if !bytes.Equal(expected, answer) {
			wrong = append(wrong,
				fmt.Sprintf("%s: one call, and two answers:\n%x\n%x", m.input.export, expected, answer))
		}
	}
	return wrong
}

// Again gives a function that runs a vector's flow once more, as the host does: encode, call, decode. To
// measure it.
func (v *Vector) Again(ctx context.Context, guest Machine) (converse func() error, err error) {
	moves, err := play(ctx, guest, v)
	if err != nil {
		return nil, err
	}
	return func() error {
		for _, m := range moves {
			var in message = v.call
			if m.interpretation != nil {
				in = m.interpretation
			}
			if _, err := ask(ctx, guest, m.input.export, in); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
