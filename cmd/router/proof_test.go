package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"payrouter/abi/capability"
	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/live"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/plugin"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
	"payrouter/host/wasm"
)

// strangers are bodies that something else than the provider wrote: web servers, firewalls, gateways, other people's
// APIs. None of them proves anything.
var strangers = []string{
	``, ` `, `null`, `true`, `0`, `""`, `"success"`, `{}`, `[]`, `[{}]`, `{`, `Forbidden`, `Too Many Requests`,
	`<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN"><html><head><title>403 Forbidden</title></head><body><h1>` +
		`Forbidden</h1></body></html>`,
	`<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr><center>` +
		`nginx</center></body></html>`,
	`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`,
	`{"message":"Forbidden"}`, `{"message":"Unauthenticated."}`, `{"message":"Not Found"}`,
	`{"message":"Limit Exceeded","__type":"x"}`,
	`{"error":"invalid_token","error_description":"expired"}`,
	`{"error":{"code":403,"message":"denied","status":"PERMISSION_DENIED"}}`,
	`{"statusCode":401,"message":"Unauthorized"}`,
	`{"statusCode":403,"message":"Forbidden resource","error":"Forbidden"}`,
	`{"timestamp":"2024-01-01T00:00:00Z","status":403,"error":"Forbidden","message":"","path":"/"}`,
	`{"timestamp":"2024-01-01T00:00:00Z","status":400,"error":"Bad Request","message":"no",` +
		`"errors":[{"field":"amount"}],"path":"/"}`,
	`{"type":"about:blank","title":"Forbidden","status":403,"detail":"no"}`,
	`{"success":false,"errors":[{"code":1020,"message":"denied"}],"messages":[]}`,
	`{"errors":[{"status":"403","title":"Forbidden"}]}`, `{"data":null,"errors":[{"message":"no"}]}`,
	`{"code":0,"message":"ok","data":{}}`,
	`{"success":false,"message":"Forbidden"}`, `{"status":"1","message":"Forbidden"}`,
	`{"status":"error","message":"rate limited"}`,
	`{"error":"1","error_text":"Api disabled"}`, `{"id":"1","status":"ok"}`, `{"status":"declined"}`,
	`{"result":"duplicate"}`,
}

// recorded is a documented flow: a call, and the answers to its requests.
type recorded struct {
	name string
	call struct {
		Operation string          `json:"operation"`
		Input     json.RawMessage `json:"input"`
		Settings  json.RawMessage `json:"settings"`
		Query     json.RawMessage `json:"query"`
		Payment   *struct {
			Kind, Amount, Currency, Country, Method, Description string
			ReturnURL                                            string `json:"return_url"`
			Payer                                                payment.Payer
			Destination                                          payment.Destination
			Options                                              json.RawMessage `json:"options"`
		} `json:"payment"`
		Cursor string `json:"cursor"`
	}
	responses []*abi.HttpResponse
	rejected  bool
}

func recordings(t *testing.T, name string) []recorded {
	t.Helper()
	files, err := filepath.Glob("../../plugins/" + name + "/testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []recorded
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		one := recorded{name: filepath.Base(file)}
		for _, section := range archive.Files {
			switch {
			case section.Name == "call.json":
				require.NoError(t, json.Unmarshal(section.Data, &one.call), file)
			case strings.HasPrefix(section.Name, "response-"):
				head, body, _ := strings.Cut(string(section.Data), "\n\n")
				status, err := strconv.ParseUint(strings.Fields(head)[0], 10, 32)
				require.NoError(t, err, file)
				one.responses = append(one.responses,
					&abi.HttpResponse{Status: uint32(status), Body: []byte(strings.TrimSuffix(body, "\n"))})
			case section.Name == "outcome.json":
				one.rejected = strings.Contains(string(section.Data), `"verdict": "rejected"`)
			}
		}
		if len(one.responses) > 0 && one.call.Query == nil && one.call.Cursor == "" {
			all = append(all, one)
		}
	}
	return all
}

// scripted answers an account's requests: those that may have moved money by a stranger, the others by the recording.
// It never pauses and has no breaker, so that every answer is looked at.
type scripted struct {
	*egress.Client
	mutex sync.Mutex
	// Of the requests that change nothing: what comes next.
	recorded []*abi.HttpResponse
	// answer is the stranger's; nil loses the answer.
	answer *abi.HttpResponse
	// then answers what comes after the first request that may have moved money; nil where answer does.
	then *abi.HttpResponse
	// sent counts requests that may have moved money; all counts every one.
	sent, all int
}

func (s *scripted) Available() error { return nil }

func (s *scripted) Tries(_ context.Context, x egress.Exchange) iter.Seq[*egress.Try] {
	return func(yield func(*egress.Try) bool) {
		for number := 1; number <= 2; number++ {
			try := egress.NewTry(number, func(t *egress.Try, _ time.Time) {
				t.Sent, t.Writes, t.Response = true, 1, s.next(x.Alone)
			})
			if !yield(try) || !try.Judged().Retry {
				return
			}
		}
	}
}

func (s *scripted) next(grave bool) *abi.HttpResponse {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.all++
	if grave {
		s.sent++
		if s.sent > 1 && s.then != nil {
			return s.then
		}
		return s.answer
	}
	if len(s.recorded) > 0 {
		answer := s.recorded[0]
		s.recorded = s.recorded[1:]
		return answer
	}
	return s.answer
}

func (s *scripted) play(recorded []*abi.HttpResponse, answer *abi.HttpResponse) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.recorded, s.answer, s.sent, s.all = recorded, answer, 0, 0
}

// bench is an engine over two accounts of one plugin.
type bench struct {
	t             *testing.T
	name          string
	engine        *paymenttest.Stack
	first, second *scripted
	ahead         time.Duration
	keys          int
}

func newBench(t *testing.T, name string, journal *sqlite.DB, connector attempt.Connector,
	settings json.RawMessage,
) *bench {
	t.Helper()
	b := &bench{t: t, name: name, first: client(t, connector), second: client(t, connector)}
	file := filepath.Join(t.TempDir(), "routing.yaml")
	plugin := connector.Manifest().GetName()
	if len(capability.Flows(connector.Manifest(), settings)) == 0 {
		settings = json.RawMessage(`{"directions": {"USDT": {}}}`) // no rule has an account that takes no payments
	}
	var secrets []string
	for _, secret := range connector.Manifest().GetSecrets() {
		secrets = append(secrets, secret.GetName()+": env:X")
	}
	account := func(name, plugin string) string {
		return fmt.Sprintf(
			"  %s:\n    plugin: %s\n    base_url: https://provider.example\n    secrets: {%s}\n    settings: %s\n",
			name, plugin, strings.Join(secrets, ", "), strings.ReplaceAll(string(settings), "\n", " "))
	}
	text := "providers:\n" + account("first", plugin) + account("second", plugin) +
		"rules:\n  - name: all\n    to: [first, second]\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	routes, err := config.Load(file, nil)
	require.NoError(t, err, text)
	rules, err := routes.Ruleset(map[string]*abi.Manifest{plugin: connector.Manifest()})
	require.NoError(t, err, text)
	fleet := &payment.Fleet{Rules: rules, Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}}
	for name, exchanger := range map[string]*scripted{"first": b.first, "second": b.second} {
		fleet.Accounts[name] = &attempt.Account{
			Name: name, Egress: exchanger, Settings: settings,
			Plugin: func(string) attempt.Connector { return connector },
		}
	}
	start := time.Now()
	b.engine = paymenttest.New(journal, fleet, paymenttest.Settings{
		Runs: journal, Now: func() time.Time { return start.Add(b.ahead) },
	})
	t.Cleanup(func() { require.NoError(t, b.engine.Shutdown(context.Background())) })
	return b
}

func client(t *testing.T, connector attempt.Connector) *scripted {
	t.Helper()
	secrets := map[string]string{}
	for _, secret := range connector.Manifest().GetSecrets() {
		secrets[secret.GetName()] = "made-up-for-tests"
	}
	inner, err := egress.New(egress.Settings{Provider: "first", BaseURL: "https://provider.example", Secrets: secrets})
	require.NoError(t, err)
	t.Cleanup(inner.Close)
	return &scripted{Client: inner}
}

func (b *bench) key() attempt.Key {
	b.keys++
	return attempt.Key{Value: fmt.Sprint(b.name, " ", b.keys), Fingerprint: "f"}
}

func (b *bench) create(one recorded) (payment.Payment, error) {
	p := one.call.Payment
	order := payment.Order{
		Kind: payment.Kind(p.Kind), Amount: p.Amount, Currency: p.Currency, Country: p.Country, Method: p.Method,
		Description: p.Description,
		ReturnURL:   p.ReturnURL, Payer: p.Payer, Destination: p.Destination,
	}
	if p.Options != nil {
		order.Options = map[string]json.RawMessage{
			b.engine.Fleet().Accounts["first"].Plugin("").Manifest().GetName(): p.Options,
		}
	}
	receipt, err := b.engine.Create(b.t.Context(), approval.Author{Merchant: "shop"}, b.key(), order, time.Minute)
	return receipt.Value, err
}

// answers are a stranger's, and such as keep one member of the provider's own refusals: every body that is worth a look
// with the statuses that mean something, and some drawn by lot with any status.
func answers(all []recorded, draw *rand.Rand) []*abi.HttpResponse {
	bodies := slices.Clone(strangers)
	for _, one := range all {
		var members map[string]json.RawMessage
		if last := one.responses[len(one.responses)-1]; one.rejected &&
			json.Unmarshal(last.GetBody(), &members) == nil {
			for name, value := range members {
				alone, _ := json.Marshal(map[string]json.RawMessage{name: value})
				bodies = append(bodies, string(alone))
			}
		}
	}
	slices.Sort(bodies)
	bodies = slices.Compact(bodies)
	var made []*abi.HttpResponse
	add := func(status uint32, body string) {
		kinds := []string{
			"", "application/json", "text/html; charset=utf-8", "application/problem+json", "text/plain",
			"application/octet-stream",
		}
		made = append(made, &abi.HttpResponse{
			Status: status, Body: []byte(body),
			Headers: []*abi.Header{{Name: "Content-Type", Value: kinds[draw.IntN(len(kinds))]}},
		})
	}
	telling := []uint32{200, 201, 204, 301, 400, 401, 403, 404, 409, 415, 422, 429, 500, 502, 503}
	for _, body := range bodies {
		add(telling[draw.IntN(len(telling))], body)
	}
	for _, status := range telling {
		add(status, bodies[draw.IntN(len(bodies))])
	}
	for range 20 {
		add(uint32(100+draw.IntN(500)), bodies[draw.IntN(len(bodies))])
	}
	return made
}

// connectors are the five plugins as they ship, each in its sandbox.
func connectors(t *testing.T) map[string]attempt.Connector {
	t.Helper()
	dir, compiled := plugins(t)
	compiler, err := wasm.New(compiled, wasm.Options{})
	require.NoError(t, err)
	registry := plugin.NewRegistry(compiler, plugin.Settings{Record: -1})
	t.Cleanup(func() {
		require.NoError(t, registry.Close(context.Background()))
		require.NoError(t, compiler.Close(context.Background()))
	})
	all := map[string]attempt.Connector{}
	for _, name := range []string{"paygram", "payplay", "exchanger", "paygrt", "cryptogram"} {
		code, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
		require.NoError(t, err)
		_, err = registry.Install(t.Context(), plugin.Candidate{Code: code})
		require.NoError(t, err)
		serving, _ := registry.Current(name)
		all[name] = live.Connector(serving)
	}
	return all
}

// No answer without proof that the provider wrote it moves on, or ends, what may have moved money: not a create's, not
// a native run's, not a look-up's about one.
func TestNoAnswerWithoutProofMovesMoneyOn(t *testing.T) {
	t.Parallel()
	for name, connector := range connectors(t) {
		manifest := connector.Manifest()
		// What is sent, and answered by a stranger, at least once: an operation, and for whom.
		missing := map[string]bool{}
		for _, operation := range manifest.GetOperations() {
			if mayMove(operation) {
				missing[operation.GetName()] = true
			}
		}
		for _, flow := range manifest.GetFlows() {
			for _, action := range flow.GetActions() {
				if action.GetRole() == abi.Role_ROLE_CREATE && missing[action.GetOperation()] {
					missing["create "+flow.GetKind().String()] = true
					missing["look up "+flow.GetKind().String()] = true
				}
			}
		}
		all := recordings(t, name)
		journal := sqlitetest.Open(t)
		struck := 0
		seen := map[string]bool{}
		for i, one := range all {
			what := one.call.Operation
			if one.call.Payment != nil {
				what = "create KIND_" + strings.ToUpper(one.call.Payment.Kind)
			}
			account := string(one.call.Settings)
			if len(one.call.Settings) == 0 || one.rejected || seen[what+account] || !accepts(manifest, one, what) {
				continue
			}
			draw := rand.New(rand.NewPCG(uint64(i), 1))
			b := newBench(t, one.name, journal, connector, one.call.Settings)
			sent := 0
			for _, answer := range answers(all, draw) {
				sent += b.strike(one, answer, missing)
			}
			if sent > 0 {
				delete(missing, what)
				seen[what+account] = true
			}
			struck += sent
		}
		require.Empty(t, missing, "%s: operations that may move money, and were never answered by a stranger", name)
		t.Logf("%s: %d answers without proof", name, struck)
	}
}

func mayMove(operation *abi.Operation) bool {
	class := operation.GetIdempotency()
	return class == abi.Idempotency_IDEMPOTENCY_NONE || class == abi.Idempotency_IDEMPOTENCY_KEYED
}

// accepts reports whether a recording is of an operation that may move money, for a payment's create or by itself.
func accepts(manifest *abi.Manifest, one recorded, what string) bool {
	for _, flow := range manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			isCreate := action.GetRole() == abi.Role_ROLE_CREATE && action.GetOperation() == one.call.Operation
			if one.call.Payment != nil && isCreate && what == "create "+flow.GetKind().String() {
				return mayMoveBy(manifest, one.call.Operation)
			}
		}
	}
	return one.call.Payment == nil && mayMoveBy(manifest, one.call.Operation)
}

func mayMoveBy(manifest *abi.Manifest, name string) bool {
	return slices.ContainsFunc(manifest.GetOperations(),
		func(o *abi.Operation) bool { return o.GetName() == name && mayMove(o) })
}

// strike performs a recorded call whose money-moving request gets an answer that the provider did not write, and
// returns how often that happened.
func (b *bench) strike(one recorded, answer *abi.HttpResponse, missing map[string]bool) int {
	b.t.Helper()
	b.first.play(slices.Clone(one.responses), answer)
	b.second.play(nil, nil)
	message := fmt.Sprintf("%s answered with %d %q", one.name, answer.GetStatus(), answer.GetBody())
	if one.call.Payment == nil {
		receipt, err := b.engine.Perform(b.t.Context(), approval.Author{Merchant: "shop"}, b.key(), operation.Request{
			Provider: "first", Operation: one.call.Operation, Input: one.call.Input,
		}, time.Minute)
		if err != nil {
			return 0 // the input does not satisfy the schema
		}
		if b.first.sent > 0 {
			require.Equal(b.t, operation.Unknown, receipt.Value.Status, message)
		}
		return b.first.sent
	}
	p, err := b.create(one)
	if err != nil || b.first.sent == 0 {
		return 0
	}
	require.Equal(b.t, payment.Unknown, p.Status, message)
	require.Zero(b.t, b.second.all, message)

	// Long after, when "not found" could be believed.
	b.ahead += 24 * time.Hour
	b.first.play(nil, answer)
	_, _ = b.engine.Refresh(b.t.Context(), "shop", p.ID)
	if b.first.all > 0 || !b.looksUp(p.Kind) {
		delete(missing, "look up "+p.Kind.ABI().String())
	}
	p, err = b.engine.Payment(b.t.Context(), "shop", p.ID)
	require.NoError(b.t, err)
	require.Equal(b.t, payment.Unknown, p.Status, "a look-up after "+message)
	require.Zero(b.t, b.second.all, "a look-up after "+message)
	return 1
}

// looksUp reports whether a payment of a kind can be found by our reference alone.
func (b *bench) looksUp(kind payment.Kind) bool {
	manifest := b.engine.Fleet().Accounts["first"].Plugin("").Manifest()
	for _, flow := range manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			if flow.GetKind() != kind.ABI() || action.GetRole() != abi.Role_ROLE_LOOKUP {
				continue
			}
			return slices.ContainsFunc(manifest.GetOperations(), func(o *abi.Operation) bool {
				return o.GetName() == action.GetOperation() && o.GetFindsByReference()
			})
		}
	}
	return false
}

// Where a provider's answer to a wrong key is documented, it is a proof: every payment, and every native operation that
// may do something, ends as failed, and none as unknown.
func TestAWrongKeyIsFinalWhereItsAnswerIsDocumented(t *testing.T) {
	t.Parallel()
	wrongKeys := map[string]*abi.HttpResponse{
		"paygram":   {Status: 200, Body: []byte(`{"message":"Invalid Token","type":0,"success":false}`)},
		"exchanger": {Status: 200, Body: []byte(`{"error":1,"error_text":"Api disabled","data":[]}`)},
		"paygrt":    {Status: 200, Body: []byte(`{"message":"Invalid API Key","data":null,"status":"1"}`)},
	}
	loaded := connectors(t)
	for name, answer := range wrongKeys {
		connector, journal := loaded[name], sqlitetest.Open(t)
		seen := map[string]bool{}
		for _, one := range recordings(t, name) {
			if len(one.call.Settings) == 0 {
				continue
			}
			b := newBench(t, one.name, journal, connector, one.call.Settings)
			b.first.play(nil, answer)
			b.second.play(nil, answer)
			what := one.call.Operation
			if one.call.Payment == nil {
				receipt, err := b.engine.Perform(t.Context(), approval.Author{Merchant: "shop"}, b.key(), operation.Request{
					Provider: "first", Operation: what, Input: one.call.Input,
				}, time.Minute)
				if err != nil || b.first.all == 0 {
					continue // the input is wrong, or a read
				}
				require.Equal(t, operation.Failed, receipt.Value.Status, one.name)
				require.Equal(t, "authentication_failed", receipt.Value.Failure.Code, one.name)
			} else {
				p, err := b.create(one)
				if err != nil || b.first.all == 0 {
					continue
				}
				what = "create " + string(p.Kind)
				require.Equal(t, payment.Failed, p.Status, one.name)
				require.Equal(t, "authentication_failed", p.Failure.Code, one.name)
			}
			seen[what] = true
		}
		for _, operation := range connector.Manifest().GetOperations() {
			require.True(t, seen[operation.GetName()] || !mayMove(operation), "%s was not tried", operation.GetName())
		}
		for _, flow := range connector.Manifest().GetFlows() {
			kind := strings.ToLower(strings.TrimPrefix(flow.GetKind().String(), "KIND_"))
			require.True(t, seen["create "+kind], "%s: no %s was tried", name, kind)
		}
	}
}

// A wrong key's answer to a repetition, after an answer that was lost, does not fail what may have been booked.
func TestAWrongKeyAfterALostAnswerLeavesDoubt(t *testing.T) {
	t.Parallel()
	connector := connectors(t)["paygram"]
	wrongKey := &abi.HttpResponse{Status: 200, Body: []byte(`{"message":"Invalid Token","type":0,"success":false}`)}
	for _, one := range recordings(t, "paygram") {
		if one.name != "payout-client-unique.txtar" {
			continue
		}
		b := newBench(t, one.name, sqlitetest.Open(t), connector, one.call.Settings)
		b.first.play(nil, nil) // the first answer is lost
		b.first.then = wrongKey
		p, err := b.create(one)
		require.NoError(t, err)
		require.Equal(t, 2, b.first.sent)
		require.Equal(t, payment.Unknown, p.Status)
		require.Zero(t, b.second.all)
		return
	}
	t.Fatal("there is no recording of a payout under clientUnique")
}
