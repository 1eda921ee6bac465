// Package payments measures the router beside a bare forwarder to the same provider, in turns, and decides what both
// are asked.
package payments

import (
	"context"
	"fmt"
	"io"
	"time"

	"payrouter/test/bench/load"
	"payrouter/test/figures"
	"payrouter/test/process"
)

// Settings of a measurement.
type Settings struct {
	Systems Systems
	// Rounds are made with each number of callers, and Phase is how long each system is measured in a round.
	Rounds  int
	Callers []int
	Phase   time.Duration
	// Progress gets a line for each round.
	Progress io.Writer
}

const syncs = 100

// The routers' folders: one as it is shipped, and one that trusts its plugins to share instances.
const (
	shipped = "beside-forwarder"
	shared  = "beside-forwarder-shared"
)

// Run measures.
func Run(ctx context.Context, s Settings) (*figures.Payments, error) {
	provider, url, err := s.Systems.Serve(ctx, "provider")
	if err != nil {
		return nil, err
	}
	defer provider.Terminate()
	forwarder, forwarderURL, err := s.Systems.Serve(ctx, "forwarder", url)
	if err != nil {
		return nil, err
	}
	defer forwarder.Terminate()
	if err := s.fresh(ctx, url); err != nil {
		return nil, err
	}
	before, err := Size(s.Systems.Data(shipped))
	if err != nil {
		return nil, err
	}
	result := new(figures.Payments)
	if err := s.measure(ctx, url, system{forwarder, forwarderURL[len("http://"):]}, result); err != nil {
		return nil, err
	}
	after, err := Size(s.Systems.Data(shipped))
	result.Bytes = after - before
	return result, err
}

// fresh makes a journal that has what the first payment of each kind leaves, with the router ended.
func (s Settings) fresh(ctx context.Context, provider string) error {
	router, address, _, err := s.Systems.RouterAt(ctx, shipped, provider)
	if err != nil {
		return err
	}
	defer router.Terminate()
	callers := &load.Callers{Request: load.Create(address, "fresh"), Accept: load.Created}
	defer callers.Close()
	_, err = callers.Run(ctx, 1, load.Until{Requests: 1})
	return err
}

// system is a process that takes payments.
type system struct {
	process *process.Process
	address string
}

func (s Settings) measure(ctx context.Context, provider string, forwarder system, result *figures.Payments) error {
	router, address, _, err := s.Systems.RouterAt(ctx, shipped, provider)
	if err != nil {
		return err
	}
	defer router.Terminate()
	trusting, trustingAt, _, err := s.Systems.RouterAt(ctx, shared, provider, "--isolation", "cryptogram=shared")
	if err != nil {
		return err
	}
	defer trusting.Terminate()
	systems := []system{forwarder, {router, address}, {trusting, trustingAt}}
	callers := make([]*load.Callers, len(systems))
	for i, one := range systems {
		callers[i] = &load.Callers{
			Request: load.Create(one.address, "bench"), Accept: load.Created,
			CPU: func() time.Duration { return one.process.Usage().CPU },
		}
		defer callers[i].Close()
		for _, many := range s.Callers { // warms everything up
			if _, err := callers[i].Run(ctx, many, load.Until{Length: s.Phase / 4}); err != nil {
				return err
			}
		}
	}
	for n := range s.Rounds {
		for _, many := range s.Callers {
			round := figures.PaymentRound{Callers: many}
			if round.Sync, err = syncTime(s.Systems.Dir, syncs); err != nil {
				return err
			}
			into := []*figures.Load{&round.Forwarder, &round.Router, &round.Shared}
			for turn := range into {
				i := (turn + n) % len(into) // the first of one round is the last of the next
				if *into[i], err = callers[i].Run(ctx, many, load.Until{Length: s.Phase}); err != nil {
					return err
				}
			}
			result.Rounds = append(result.Rounds, round)
			_, _ = fmt.Fprintf(s.Progress, "payments, round %d, %d callers: forwarder %.0f/s, router %.0f/s, shared %.0f/s\n",
				n+1, many, round.Forwarder.Rate, round.Router.Rate, round.Shared.Rate)
		}
	}
	result.Count = callers[1].Sent()
	return nil
}
