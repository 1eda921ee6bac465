package report

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Result is what a run ends with.
type Result interface {
	Print(w io.Writer) error
	// Err is nil if every promise was kept.
	Err() error
}

// Main is the main function of a command that makes one run, after it has defined its flags. The run gets an empty
// folder, which is removed if the run went well and -keep is not set. Main prints the result and ends the process with
// 1 after an error.
func Main(name string, run func(ctx context.Context, dir string) (Result, error)) {
	keep := flag.Bool("keep", false, "keep the folder of a run that went well, too")
	flag.Parse()
	if err := once(name, *keep, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func once(name string, keep bool, run func(ctx context.Context, dir string) (Result, error)) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", name+"-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	fmt.Fprintln(os.Stderr, "journal and log:", dir)
	result, err := run(ctx, dir)
	if err != nil {
		return err
	}
	if err := errors.Join(result.Print(os.Stdout), result.Err()); err != nil || keep {
		return err
	}
	return os.RemoveAll(dir)
}
