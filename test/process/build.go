package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildRouter builds the router as a file.
func BuildRouter(ctx context.Context, binary string) error {
	return build(exec.CommandContext(ctx, "go", "build", "-o", binary, "payrouter/cmd/router"))
}

// BuildPlugins builds plugins into a folder, as "make plugins" does.
func BuildPlugins(ctx context.Context, folder string, names ...string) error {
	for _, name := range names {
		if err := BuildModule(ctx, "payrouter/plugins/"+name, filepath.Join(folder, name+".wasm")); err != nil {
			return err
		}
	}
	return nil
}

// BuildModule builds one plugin of a package.
func BuildModule(ctx context.Context, of, file string) error {
	return build(exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags",
		"-s -w -buildid=", "-o", file, of), "GOOS=wasip1", "GOARCH=wasm")
}

func build(command *exec.Cmd, environment ...string) error {
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return nil
}
