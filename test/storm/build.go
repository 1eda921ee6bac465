package storm

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed tagged.go.txt
var tagged string

// swapped is the plugin that is swapped.
const swapped = "paygram"

// build is one build of it.
type build struct {
	version string
	code    []byte
	digest  string
}

// makeBuild makes a build with a version of its own, out of the sources under root, which it leaves as they are. Its
// requests carry its version in their state, and it refuses to read the answer to another build's request: an attempt
// that mixes generations fails.
func makeBuild(ctx context.Context, root, dir, version string) (build, error) {
	source := filepath.Join(root, "plugins", swapped)
	main, err := os.ReadFile(filepath.Join(source, "main.go"))
	if err != nil {
		return build{}, fmt.Errorf("read the plugin's source: %w", err)
	}
	const registers = "guest.Register(connector{})"
	if !strings.Contains(string(main), registers) {
		return build{}, fmt.Errorf("%s has no %q", source, registers)
	}
	replaced := map[string]string{
		"main.go":   strings.Replace(string(main), registers, "guest.Register(tagged{})", 1),
		"tagged.go": strings.Replace(tagged, "{{version}}", version, 1),
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range replaced {
		path := filepath.Join(dir, version+"-"+name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return build{}, fmt.Errorf("write the plugin's source: %w", err)
		}
		overlay["Replace"][filepath.Join(source, name)] = path
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return build{}, fmt.Errorf("name the plugin's sources: %w", err)
	}
	named, out := filepath.Join(dir, version+".json"), filepath.Join(dir, version+".wasm")
	if err := os.WriteFile(named, text, 0o600); err != nil {
		return build{}, fmt.Errorf("name the plugin's sources: %w", err)
	}
	command := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags",
		"-s -w -buildid=", "-overlay", named, "-o", out,
		"./plugins/"+swapped)
	command.Dir, command.Env = root, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := command.CombinedOutput(); err != nil {
		return build{}, fmt.Errorf("build %s %s: %w: %s", swapped, version, err, output)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		return build{}, fmt.Errorf("read a build: %w", err)
	}
	return build{version: version, code: code, digest: digestOf(code)}, nil
}

func digestOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}
