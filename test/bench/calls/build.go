package calls

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"payrouter/test/process"
)

// What a plugin's package gets in each build. It is a command, so nothing can import its connector.
const (
	nativeMain = `//go:build !wasip1

package main

import "payrouter/test/bench/calls/peer"

func main() { peer.Main(connector{}) }
`
	extismInit = `//go:build wasip1

package main

import "payrouter/test/bench/calls/bridge"

func init() { bridge.Register(connector{}) }
`
	ownMain, formerMain = "\nfunc main() {", "\nfunc formerMain() {"
)

// built are the files that are made of one plugin.
type built struct {
	// peer is the command into which the plugin is linked, module the plugin as the router takes it, and extism as
	// Extism does.
	peer, module, extism string
}

// builder builds plugins from the sources under root, which it leaves as they are, into the folder dir.
type builder struct{ root, dir string }

func (b builder) build(ctx context.Context, folder string) (made built, err error) {
	name := filepath.Base(folder)
	made = built{
		peer:   filepath.Join(b.dir, name+"-peer"),
		module: filepath.Join(b.dir, name+".wasm"),
		extism: filepath.Join(b.dir, name+"-extism.wasm"),
	}
	if err := process.BuildModule(ctx, "payrouter/"+folder, made.module); err != nil {
		return built{}, err
	}
	files, err := b.withoutMain(folder)
	if err != nil {
		return built{}, err
	}
	files["bench_main.go"] = nativeMain
	err = b.overlaid(ctx, folder, name+"-peer", files, nil, "-o", made.peer)
	if err != nil {
		return built{}, err
	}
	err = b.overlaid(ctx, folder, name+"-extism", map[string]string{"bench_extism.go": extismInit},
		[]string{"GOOS=wasip1", "GOARCH=wasm"}, "-buildmode=c-shared", "-ldflags", "-s -w -buildid=", "-o", made.extism)
	return made, err
}

// withoutMain are those of a command's files that have its main function, with another name for it.
func (b builder) withoutMain(folder string) (files map[string]string, err error) {
	paths, err := filepath.Glob(filepath.Join(b.root, folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the plugin's sources: %w", err)
	}
	files = map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the plugin's source: %w", err)
		}
		if strings.Contains(string(text), ownMain) && !strings.HasSuffix(path, "_wasip1.go") {
			files[filepath.Base(path)] = strings.Replace(string(text), ownMain, formerMain, 1)
		}
	}
	return files, nil
}

// overlaid builds the command in a folder with some of its files replaced, or added.
func (b builder) overlaid(ctx context.Context, folder, name string, files map[string]string, environment []string,
	arguments ...string,
) error {
	overlay := map[string]map[string]string{"Replace": {}}
	for file, text := range files {
		path := filepath.Join(b.dir, name+"-"+file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the plugin's source: %w", err)
		}
		overlay["Replace"][filepath.Join(b.root, folder, file)] = path
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return fmt.Errorf("name the plugin's sources: %w", err)
	}
	named := filepath.Join(b.dir, name+".json")
	if err := os.WriteFile(named, text, 0o600); err != nil {
		return fmt.Errorf("name the plugin's sources: %w", err)
	}
	arguments = append([]string{"build", "-trimpath", "-overlay", named}, arguments...)
	command := exec.CommandContext(ctx, "go", append(arguments, "payrouter/"+folder)...)
	command.Dir = filepath.Join(b.root, "test", "bench")
	command.Env = append(append(os.Environ(), "CGO_ENABLED=0"), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, output)
	}
	return nil
}
