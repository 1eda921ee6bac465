package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/plugin"
	"payrouter/host/router"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite/sqlitetest"
)

// secrets are the credentials of every account, in the forms in which they might leak.
func secrets() map[string][]byte {
	forms := map[string][]byte{}
	credentials := reflect.ValueOf(sandbox.DefaultCredentials())
	for i := range credentials.NumField() {
		name, value := credentials.Type().Field(i).Name, credentials.Field(i).String()
		forms[name] = []byte(value)
		forms[name+" in base64"] = []byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "="))
		forms[name+" in hexadecimal"] = []byte(hex.EncodeToString([]byte(value)))
		forms[name+" escaped for a URL"] = []byte(url.QueryEscape(value))
	}
	return forms
}

func requireNoSecret(t *testing.T, where string, text []byte) {
	t.Helper()
	for what, secret := range secrets() {
		require.False(t, bytes.Contains(text, secret), "%s holds %s", where, what)
	}
}

// tattler stands before a provider, and repeats every request's credentials in its answer's header and body: what a
// careless provider's error page does.
func tattler(t *testing.T, simulated string) string {
	t.Helper()
	at, err := url.Parse(simulated)
	require.NoError(t, err)
	transport := &http.Transport{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inbound := r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Api-Key") + " " +
			r.Header.Get("Api-Login")
		r.URL.Scheme, r.URL.Host, r.RequestURI = at.Scheme, at.Host, ""
		answer, err := transport.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		if members := map[string]json.RawMessage{}; json.Unmarshal(text, &members) == nil {
			members["debug"], _ = json.Marshal(inbound)
			text, _ = json.Marshal(members)
		} else {
			text = append(text, inbound...)
		}
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.Header().Set("X-Debug", inbound)
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(text)
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}

var allFive = []string{byPayGram, byCryptogram, byPayPlay, byExchanger, recharge, payout}

// Whatever a provider repeats, no credential is found in the journal's files, the log, or any answer.
func TestNoSecretIsKeptOrTold(t *testing.T) {
	t.Parallel()
	behind := &harness{t: t, log: &transcript{}, data: t.TempDir()}
	behind.openSandbox(sandbox.Options{})
	front := *behind
	front.simulated = tattler(t, behind.simulated)
	w := build(t, plan{beside: &front})
	var answers bytes.Buffer
	note := func(a answer) { answers.Write(a.body); answers.WriteString(stringOf(a.header)) }
	for _, order := range allFive {
		made := w.post(w.key(), order)
		require.Equal(t, 201, made.status, string(made.body))
		note(made)
		p := w.list("limit=1").Data[0]
		require.Contains(t, []string{"requires_action", "processing"}, p.Status, "%+v", p.Failure)
		for _, kind := range []string{
			`"kind":"garbage","status":401`, `"kind":"status","status":403,"after":true`,
			`"kind":"reset_after"`,
		} {
			provider := strings.TrimSuffix(p.Provider, "-eu")
			w.ask("POST", behind.simulated+"/_sandbox/"+provider+"/faults", `{"count":1,`+kind+`}`)
			note(w.post(w.key(), order))
			w.ask("DELETE", behind.simulated+"/_sandbox/"+provider+"/faults", "")
			note(w.ask("POST", w.router+"/v1/providers/"+p.Provider+"/resume", `{"reason":"the fault was made"}`))
		}
		for _, act := range []string{"refresh", "confirm", "cancel"} {
			note(w.ask("POST", w.router+"/v1/payments/"+p.ID+"/"+act, ""))
		}
		note(w.ask("PATCH", w.router+"/v1/payments/"+p.ID, `{"description":"Lamps"}`))
	}
	for _, p := range w.list("").Data {
		a := w.ask("GET", w.router+"/v1/payments/"+p.ID+"/attempts", "")
		note(a)
		require.Contains(t, string(a.body), `"request"`)
	}
	note(w.ask("GET", w.router+"/v1/payments", ""))
	note(w.ask("GET", w.router+"/v1/providers", ""))
	require.Contains(t, answers.String(), "X-Debug", "the attempts do show what was repeated")
	requireNoSecret(t, "an answer", answers.Bytes())
	requireNoSecret(t, "the log", []byte(w.log.String()))

	journal := 0
	require.NoError(t, filepath.WalkDir(w.data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if bytes.Contains(text, []byte("X-Debug")) {
			journal++
		}
		requireNoSecret(t, path, text)
		return nil
	}))
	require.Positive(t, journal, "the journal's files were searched while they hold the attempts")
}

func stringOf(header http.Header) string {
	var text bytes.Buffer
	_ = header.Write(&text)
	return text.String()
}

// heard is all input of a plugin.
type heard struct {
	attempt.Connector
	mutex  sync.Mutex
	inputs []input
}

type input struct {
	export string
	bytes  []byte
}

func (h *heard) note(export string, encode func() ([]byte, error)) {
	encoded, err := encode()
	if err != nil {
		panic(err)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.inputs = append(h.inputs, input{export, encoded})
}

func (h *heard) Begin(call *abi.Call, merchant string) attempt.Steps {
	return &heardSteps{h.Connector.Begin(call, merchant), h, call}
}

type heardSteps struct {
	attempt.Steps

	heard *heard
	call  *abi.Call
}

func (s *heardSteps) Prepare(ctx context.Context) (*abi.Step, int64, error) {
	s.heard.note("prepare", s.call.MarshalVT)
	return s.Steps.Prepare(ctx)
}

func (s *heardSteps) Interpret(ctx context.Context, state []byte,
	response *abi.HttpResponse,
) (*abi.Step, int64, error) {
	s.heard.note("interpret", (&abi.Interpretation{Call: s.call, State: state, Response: response}).MarshalVT)
	return s.Steps.Interpret(ctx, state, response)
}

// A guest's memory is made of its module and of what it is given, and of nothing else: so what every plugin was given,
// while payments went through all of them and providers repeated credentials, is given to a fresh instance of the same
// module, whose memory is searched.
func TestNoSecretIsInAGuestsMemory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it interprets five modules")
	}
	dir, compiled := plugins(t)
	behind := &harness{t: t, log: &transcript{}}
	behind.openSandbox(sandbox.Options{})
	environ := append(sandbox.Environment(tattler(t, behind.simulated)), quick...)
	log := slog.New(slog.DiscardHandler)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{}, log)
	require.NoError(t, err)
	defer func() { require.NoError(t, unload(context.Background())) }()
	manager, err := live.Open(live.Settings{File: "../../routing.yaml", Environ: environ}, registry.ActiveSet())
	require.NoError(t, err)
	defer manager.Close()
	fleet := manager.Fleet()
	ears := map[string]*heard{}
	for _, account := range fleet.Accounts {
		serving := account.Plugin("")
		name := serving.Manifest().GetName()
		if ears[name] == nil {
			ears[name] = &heard{Connector: serving}
		}
		account.Plugin = func(string) attempt.Connector { return ears[name] }
	}
	db := sqlitetest.Open(t)
	engine := paymenttest.New(db, fleet, paymenttest.Settings{})
	defer func() { require.NoError(t, engine.Shutdown(context.Background())) }()

	for i, text := range allFive {
		order := orderOf(t, text)
		receipt, err := engine.Create(t.Context(), approval.Author{Merchant: "shop"},
			attempt.Key{Value: string(rune('a' + i))}, order,
			time.Minute)
		require.NoError(t, err)
		require.NotEmpty(t, receipt.Value.ProviderReference, "%+v", receipt.Value.Failure)
		_, err = engine.Refresh(t.Context(), "shop", receipt.Value.ID)
		require.NoError(t, err)
	}

	require.Len(t, ears, 5)
	for name, ear := range ears {
		code, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
		require.NoError(t, err)
		memory := replay(t, code, ear.inputs)
		require.GreaterOrEqual(t, len(ear.inputs), 4, name)
		require.True(t, bytes.Contains(memory, []byte("X-Debug")),
			"%s: the memory searched is the one that held the answers", name)
		requireNoSecret(t, "the memory of "+name, memory)
	}
}

func orderOf(t *testing.T, text string) payment.Order {
	t.Helper()
	var body struct {
		Kind        payment.Kind
		Amount      string
		Currency    string
		Country     string
		Provider    string
		Payer       payment.Payer
		Destination payment.Destination
	}
	require.NoError(t, json.Unmarshal([]byte(text), &body))
	if body.Kind == "" {
		body.Kind = payment.Collect
	}
	return payment.Order{
		Kind: body.Kind, Amount: body.Amount, Currency: body.Currency, Country: body.Country, Pinned: body.Provider,
		Payer:       body.Payer,
		Destination: body.Destination,
	}
}

// replay gives a module's instance its inputs, and hands out its memory as it was after each.
func replay(t *testing.T, code []byte, inputs []input) []byte {
	t.Helper()
	ctx := t.Context()
	// A handful of calls: interpreting them is quicker than compiling.
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer func() { require.NoError(t, runtime.Close(context.Background())) }()
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	guest, err := runtime.InstantiateWithConfig(ctx, code,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	require.NoError(t, err)
	var all []byte
	for _, one := range inputs {
		at := callGuest(t, guest, "alloc", uint64(len(one.bytes)))
		require.True(t, guest.Memory().Write(uint32(at), one.bytes))
		callGuest(t, guest, one.export, at, uint64(len(one.bytes)))
		memory, ok := guest.Memory().Read(0, guest.Memory().Size())
		require.True(t, ok)
		all = append(all, memory...)
	}
	return all
}

func callGuest(t *testing.T, guest api.Module, export string, args ...uint64) uint64 {
	t.Helper()
	results, err := guest.ExportedFunction(export).Call(t.Context(), args...)
	require.NoError(t, err)
	return results[0]
}
