package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/api"
	rerun "payrouter/host/plugin/replay"
)

type replayCommand struct {
	Attempt string `arg:"" help:"The attempt's id: att_…"`
	Module  string `type:"existingfile" help:"A module to hold against the one that made the attempt."`

	Plugins []string `type:"path" default:"build/plugins,data/plugins" help:"Folders to search for the module."`

	Router string `default:"http://127.0.0.1:8080" help:"The router whose attempt it is."`
	APIKey string `name:"api-key" env:"ROUTER_API_KEY" help:"An operator's API key, where the router has keys."`

	askerFlags `embed:""`
	Compiled   string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

// Run repeats the flow with the module that made it, compares that with the journal, and the other module with that.
// It fails where anything differs.
func (r *replayCommand) Run(h *host) error {
	journalled, err := r.fetch(h)
	if err != nil {
		return err
	}
	recording, err := recordingOf(journalled)
	if err != nil {
		return err
	}
	code, path, err := r.maker(journalled.Digest)
	if err != nil {
		return err
	}
	former, version, err := r.run(h, code, recording)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = fmt.Fprintf(h.stdout, "%s of %s: %s, %d calls of %s %s (%s)\n",
		r.Attempt, journalled.PaymentID, recording.Operation, len(former.Steps), journalled.Plugin, version, path)
	if err != nil {
		return err
	}
	if differs := unlikeJournal(former, journalled.Trips); len(differs) > 0 {
		return errors.Join(write(h, strings.Join(differs, "\n")+"\n"),
			fmt.Errorf("%s does not answer as the journal has it", path))
	}
	if r.Module == "" {
		return write(h, "identical to what the journal has\n")
	}
	if code, err = os.ReadFile(r.Module); err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	run, version, err := r.run(h, code, recording)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Module, err)
	}
	found := rerun.Compare(former, run)
	if len(found) == 0 {
		return write(h, "identical through "+version+" ("+r.Module+")\n")
	}
	var text strings.Builder
	for _, one := range found {
		text.WriteString(one.String() + "\n")
	}
	return errors.Join(write(h, text.String()),
		fmt.Errorf("%s answers otherwise in %d of %d calls", r.Module, len(found), len(former.Steps)))
}

// run plays the flow with a module, and returns the module's version.
func (r *replayCommand) run(h *host, code []byte, recording rerun.Recording) (rerun.Recording, string, error) {
	generation, closer, err := openModule(h, code, r.Compiled)
	if err != nil {
		return rerun.Recording{}, "", err
	}
	run, err := rerun.Run(h.ctx, generation, recording)
	return run, generation.Manifest().GetVersion(), errors.Join(err, closer())
}

// fetch asks a router for what it has of the attempt.
func (r *replayCommand) fetch(h *host) (*api.Recording, error) {
	target, err := url.JoinPath(r.Router, "/v1/attempts", url.PathEscape(r.Attempt), "recording")
	if err != nil {
		return nil, fmt.Errorf("the router's address: %w", err)
	}
	asker, err := newAsker(h, r.APIKey, r.askerFlags, time.Minute)
	if err != nil {
		return nil, err
	}
	defer asker.close()
	body, err := asker.ask(http.MethodGet, target, nil, nil)
	if err != nil {
		return nil, err
	}
	journalled := new(api.Recording)
	if err := json.Unmarshal(body, journalled); err != nil {
		return nil, fmt.Errorf("read the router's answer: %w", err)
	}
	return journalled, nil
}

// journalledExchange is what a replay needs of a journalled request or response.
type journalledExchange struct {
	Method  string `json:"method"`
	Body    string `json:"body"`
	Exact   []byte `json:"body_base64"`
	Status  uint32 `json:"status"`
	Headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"headers"`
}

func readExchange(text json.RawMessage) (journalledExchange, error) {
	var x journalledExchange
	if err := json.Unmarshal(text, &x); err != nil {
		return x, fmt.Errorf("read a journalled exchange: %w", err)
	}
	if x.Exact == nil {
		x.Exact = []byte(x.Body)
	}
	return x, nil
}

// recordingOf makes of what the journal has what a plugin was given.
func recordingOf(journalled *api.Recording) (rerun.Recording, error) {
	call := new(abi.Call)
	if err := call.UnmarshalVTUnsafe(journalled.Call); err != nil {
		return rerun.Recording{}, fmt.Errorf("read the journalled call: %w", err)
	}
	recording := rerun.Recording{
		Plugin: journalled.Plugin, Digest: journalled.Digest, Operation: call.GetOperation(),
		PaymentID: journalled.PaymentID,
		Steps:     []rerun.Step{{Input: journalled.Call}},
	}
	for _, trip := range journalled.Trips {
		if len(trip.Attempt.Response) == 0 {
			continue // without an answer the plugin was not called
		}
		x, err := readExchange(trip.Attempt.Response)
		if err != nil {
			return rerun.Recording{}, err
		}
		response := &abi.HttpResponse{Status: x.Status, Body: x.Exact}
		for _, header := range x.Headers {
			response.Headers = append(response.Headers, &abi.Header{Name: header.Name, Value: header.Value})
		}
		input, err := (&abi.Interpretation{Call: call, State: trip.State, Response: response}).MarshalVT()
		if err != nil {
			return rerun.Recording{}, fmt.Errorf("encode a journalled response: %w", err)
		}
		recording.Steps = append(recording.Steps, rerun.Step{Input: input})
	}
	return recording, nil
}

// unlikeJournal is the difference between the requests of a run and those in the journal, by method, body and state:
// the other parts contain secrets, which are not available here.
func unlikeJournal(run rerun.Recording, trips []api.Trip) []string {
	var sends []*abi.Send
	for _, step := range run.Steps {
		answer := new(abi.Answer)
		if answer.UnmarshalVTUnsafe(step.Answer) == nil && answer.GetStep().GetSend() != nil {
			sends = append(sends, answer.GetStep().GetSend())
		}
	}
	var differs []string
	at := 0
	for _, trip := range trips {
		if len(trip.Attempt.Request) == 0 {
			continue // nothing was to be sent
		}
		for at < len(sends) && !bytes.Equal(sends[at].GetState(), trip.State) {
			at++
		}
		x, err := readExchange(trip.Attempt.Request)
		switch {
		case err != nil:
			differs = append(differs, trip.Attempt.ID+": "+err.Error())
		case at == len(sends):
			return append(differs, trip.Attempt.ID+": its request is not made any more")
		case sends[at].GetRequest().GetMethod() != x.Method || !sameBody(sends[at].GetRequest().GetBody(), x.Body):
			differs = append(differs, trip.Attempt.ID+": its request is made otherwise")
		}
	}
	return differs
}

// sameBody compares a body with its masked copy in the journal. A masked part matches anything.
func sameBody(body []byte, shown string) bool {
	return strings.Contains(shown, "{{secret:") ||
		strings.ToValidUTF8(string(body), "\uFFFD") == strings.ToValidUTF8(shown, "\uFFFD")
}

// maker finds the module with a digest.
func (r *replayCommand) maker(digest string) (code []byte, path string, err error) {
	for _, dir := range r.Plugins {
		for _, pattern := range []string{"*.wasm", "*/*.wasm"} {
			paths, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				return nil, "", fmt.Errorf("look for modules: %w", err)
			}
			for _, path := range paths {
				code, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own folder
				if err == nil && sum(code) == digest {
					return code, path, nil
				}
			}
		}
	}
	return nil, "",
		fmt.Errorf("no module with sha256 %s in %s: name its folder with --plugins", digest,
			strings.Join(r.Plugins, ", "))
}
