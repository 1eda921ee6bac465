package storm

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// swap is a build that took over.
type swap struct {
	digest string
	// written is when it was about to reach the router, shown is when it was active.
	written, shown time.Time
}

// swaps is what swaps came to. One goroutine uses it, until the storm is over.
type swaps struct {
	operatorClient *operatorClient
	folder         string
	builds         [2]build
	active         int

	// made is how many were tried.
	made       int
	took       []swap
	effects    []time.Duration
	cold       []time.Duration
	compiled   map[string]bool
	violations []string
}

// pluginStatus is the router's status of a plugin.
type pluginStatus struct {
	Generations []struct {
		Number    int64  `json:"number"`
		Digest    string `json:"digest"`
		State     string `json:"state"`
		Instances int    `json:"instances"`
	} `json:"generations"`
	Events []struct {
		Step  string `json:"step"`
		Error string `json:"error"`
	} `json:"events"`
}

func (p pluginStatus) active() string {
	for _, g := range p.Generations {
		if g.State == "active" {
			return g.Digest
		}
	}
	return ""
}

func (s *swaps) status(ctx context.Context) (status pluginStatus, err error) {
	return status, s.operatorClient.get(ctx, "/v1/plugins/"+swapped, &status)
}

// begin notes what serves before the first swap.
func (s *swaps) begin(ctx context.Context) error {
	status, err := s.status(ctx)
	if err != nil {
		return err
	}
	if status.active() != s.builds[0].digest {
		return fmt.Errorf("the router serves the plugin %s, and was given %s", status.active(), s.builds[0].digest)
	}
	s.took = []swap{{digest: s.builds[0].digest}}
	s.compiled = map[string]bool{s.builds[0].digest: true}
	return nil
}

// swap makes the nth swap, from 1: each build comes in each way in turn.
func (s *swaps) swap(ctx context.Context, n int) error {
	how := []way{byRename, byPut}[n/2%2]
	s.active = 1 - s.active
	next := s.builds[s.active]
	written := time.Now()
	since := written
	if how == byPut {
		answer, err := s.operatorClient.send(ctx, http.MethodPut, "/v1/plugins/"+swapped,
			map[string]string{"Content-Type": "application/wasm"}, next.code)
		if err != nil {
			return err
		}
		if answer.status != http.StatusOK {
			s.violate("swap %d over the API was answered %d: %.600s", n, answer.status, answer.body)
			return nil
		}
	} else {
		if err := replaceFile(filepath.Join(s.folder, swapped+".wasm"), next.code); err != nil {
			return err
		}
		since = time.Now()
	}
	shown, done, err := until(ctx, func(ctx context.Context) (bool, error) {
		status, err := s.status(ctx)
		return status.active() == next.digest, err
	})
	if err != nil {
		return err
	}
	if !done {
		s.violate("swap %d (%s) did not take place", n, how)
		return nil
	}
	effect := shown.Sub(since)
	if s.compiled[next.digest] {
		s.effects = append(s.effects, effect)
	} else {
		s.cold = append(s.cold, effect)
		s.compiled[next.digest] = true
	}
	s.took = append(s.took, swap{digest: next.digest, written: written, shown: shown})
	return nil
}

func (s *swaps) violate(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}
