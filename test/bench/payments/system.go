package payments

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"payrouter/test/figures"
	"payrouter/test/process"
)

//go:embed routing.yaml
var routing string

// Systems starts what is measured, in processes of their own, and hides their arguments.
type Systems struct {
	// Router is the router's binary, and Plugins the folder of its modules.
	Router, Plugins string
	// Self is the command that serves the provider and the forwarder, by their names.
	Self string
	// Dir is where routers' data and logs go.
	Dir string
}

// RouterAt starts a router with its journal in the folder Dir/name, in front of a provider. It returns how long the
// start took. Arguments go to the router, too.
func (s Systems) RouterAt(ctx context.Context, name, provider string, arguments ...string) (
	router *process.Process, address string, start time.Duration, err error,
) {
	if err := s.Prepare(name); err != nil {
		return nil, "", 0, err
	}
	dir := filepath.Join(s.Dir, name)
	rules := filepath.Join(dir, "routing.yaml")
	if err := os.WriteFile(rules, []byte(routing), 0o600); err != nil {
		return nil, "", 0, fmt.Errorf("write the routing file: %w", err)
	}
	environment := append(os.Environ(), "BENCH_CRYPTOGRAM_TOKEN=made-up-token",
		"ROUTER_PROVIDERS__CRYPTOGRAM__BASE_URL="+provider)
	began := time.Now()
	arguments = append([]string{
		"--data", s.Data(name), "--routing", rules, "--plugins", s.Plugins,
		"--compiled", filepath.Join(s.Dir, "compiled"), "--record-calls=-1",
		"--plugin-cpu=-1", "--account-cpu=-1", // what is measured is what a payment costs, not when it is refused
	}, arguments...)
	router, address, err = process.Serve(ctx, s.Router, dir, environment, arguments...)
	return router, address, time.Since(began), err
}

// Prepare makes the data folder of the router of that name.
func (s Systems) Prepare(name string) error {
	if err := os.MkdirAll(s.Data(name), 0o700); err != nil {
		return fmt.Errorf("make a folder for a router: %w", err)
	}
	return nil
}

// Data is the data folder of the router of that name.
func (s Systems) Data(name string) string { return filepath.Join(s.Dir, name, "data") }

// Serve starts the command as the server of that name, and returns its URL.
func (s Systems) Serve(ctx context.Context, arguments ...string) (*process.Process, string, error) {
	log, err := os.Create(filepath.Join(s.Dir, arguments[0]+".log"))
	if err != nil {
		return nil, "", fmt.Errorf("open the log of the %s: %w", arguments[0], err)
	}
	defer log.Close() //nolint:errcheck // the process has a descriptor of its own
	address := make(chan string, 1)
	server, err := process.Start(process.Settings{
		Binary: s.Self, Arguments: arguments, Environment: os.Environ(), Log: log, Detached: true,
		Line: func(line string) {
			select {
			case address <- line:
			default:
			}
		},
	})
	if err != nil {
		return nil, "", err
	}
	select {
	case at := <-address:
		return server, "http://" + at, nil
	case <-server.Ended():
		return nil, "", fmt.Errorf("the %s has ended: see %s", arguments[0], log.Name())
	case <-ctx.Done():
		server.Kill()
		return nil, "", ctx.Err()
	}
}

// Size is how many bytes the files of a folder have on disk.
func Size(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", folder, err)
	}
	return bytes, nil
}

// syncTime is the median time that the disk of a folder takes for a write of 4 KiB and an fsync, in milliseconds.
func syncTime(folder string, times int) (median float64, err error) {
	file, err := os.CreateTemp(folder, "sync-")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	took, page := make([]float64, times), make([]byte, 4096)
	for i := range took {
		began := time.Now()
		if _, err := file.Write(page); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		took[i] = float64(time.Since(began)) / float64(time.Millisecond)
	}
	return figures.Median(took), nil
}
