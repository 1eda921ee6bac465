package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

func TestAThousandConcurrentRequestsWithOneKeyMakeOnePayment(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)

	const requests = 1000
	statuses, bodies := make([]int, requests), make([]string, requests)
	var all sync.WaitGroup
	start := make(chan struct{})
	for n := range requests {
		all.Go(func() {
			<-start
			answer := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "one")
			statuses[n], bodies[n] = answer.Code, answer.Body.String()
		})
	}
	close(start)
	all.Wait()

	made := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "one")
	require.Equal(t, "true", made.Header().Get("Idempotency-Replayed"))
	answered := 0
	for n := range requests {
		switch statuses[n] {
		case http.StatusCreated:
			answered++
			require.Equal(t, made.Body.String(), bodies[n])
		case http.StatusConflict:
			require.Contains(t, bodies[n], "in-flight")
			require.Contains(t, bodies[n], idOf(t, made.Body.String()))
		default:
			t.Fatalf("%d %s", statuses[n], bodies[n])
		}
	}
	require.Positive(t, answered)
	_, sent := p.created()
	require.Equal(t, 1, sent)
}

func idOf(t *testing.T, body string) string {
	t.Helper()
	var p api.Payment
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	return p.ID
}

func TestADeclinedPaymentIsAnAnswerThatIsReplayed(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"error":"fraud"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	first := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, first.Code)
	require.Contains(t, first.Body.String(), `"status":"failed"`)

	again := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", `"k"`)

	require.Equal(t, first.Code, again.Code)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	_, sent := p.created()
	require.Equal(t, 1, sent)
}

// What a repetition was answered stands too, where the first request had no answer to keep.
func TestTheFirstSettledAnswerStandsWhoeverGotIt(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/create" {
			<-leave
			says(`{"id":"a-1","status":"open"}`)(w, r)
			return
		}
		says(`{"id":"a-1","status":"paid"}`)(w, r)
	})
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	early := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k", "Prefer", "respond-async")
	require.Equal(t, http.StatusAccepted, early.Code)
	busy := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k")
	require.Equal(t, http.StatusConflict, busy.Code)
	require.Equal(t, "1", busy.Header().Get("Retry-After"))
	close(leave)
	repeat := func() string {
		return s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k").Body.String()
	}
	require.Eventually(t, func() bool { return strings.Contains(repeat(), "requires_action") }, time.Minute,
		time.Millisecond)
	settled := repeat()
	paid := s.ask(http.MethodPost, "/v1/payments/"+idOf(t, settled)+"/refresh", "")
	require.Contains(t, paid.Body.String(), `"status":"succeeded"`)

	require.Equal(t, settled, repeat())
}

// kept is what a key stands for in the model: nothing, or a payment made by one body, answered once.
type kept struct {
	made    bool
	variant int
	// id and answer are empty until a caller was answered.
	id, answer string
}

type asked struct {
	key     string
	variant int
}

type reply struct {
	status     int
	id, answer string
}

// keys models the answers that an idempotency key may give: as if the requests had come one by one.
func keys() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[string][]porcupine.Operation{}
			for _, operation := range history {
				key := operation.Input.(asked).key
				byKey[key] = append(byKey[key], operation)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() []any { return []any{kept{}} },
		Step: func(state, input, output any) []any {
			return next(state.(kept), input.(asked), output.(reply))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v %v", input, output) },
	}
	return model.ToModel()
}

func next(now kept, in asked, out reply) []any {
	if out.status == http.StatusServiceUnavailable {
		// It may have been the first, or come to nothing.
		if now.made {
			return []any{now}
		}
		return []any{now, kept{made: true, variant: in.variant}}
	}
	after := now
	if !now.made {
		if out.status != http.StatusCreated && out.status != http.StatusAccepted {
			return nil // nothing was there to be in flight, or to differ from
		}
		after = kept{made: true, variant: in.variant}
	}
	if (after.variant == in.variant) != (out.status != http.StatusUnprocessableEntity) {
		return nil
	}
	if after.id != "" && after.id != out.id {
		return nil
	}
	after.id = out.id
	if out.status == http.StatusCreated {
		if after.answer != "" && after.answer != out.answer {
			return nil
		}
		after.answer = out.answer
	}
	return []any{after}
}

func TestTheModelOfKeysToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := func(n int64, in asked, out reply) porcupine.Operation {
		return porcupine.Operation{ClientId: int(n), Input: in, Output: out, Call: 2 * n, Return: 2*n + 1}
	}
	k, other := asked{"k", 0}, asked{"k", 1}
	for what, history := range map[string][]porcupine.Operation{
		"two payments":             {at(1, k, reply{201, "1", "x"}), at(2, k, reply{201, "2", "x"})},
		"two answers":              {at(1, k, reply{201, "1", "x"}), at(2, k, reply{201, "1", "y"})},
		"another body taken":       {at(1, k, reply{201, "1", "x"}), at(2, other, reply{201, "1", "x"})},
		"the same body refused":    {at(1, k, reply{201, "1", "x"}), at(2, k, reply{422, "1", ""})},
		"in flight before it came": {at(1, k, reply{409, "1", ""}), at(2, k, reply{201, "1", "x"})},
	} {
		require.False(t, porcupine.CheckOperations(keys(), history), what)
	}
	require.True(t, porcupine.CheckOperations(keys(), []porcupine.Operation{
		at(1, k, reply{503, "", ""}), at(2, k, reply{409, "1", ""}), at(3, other, reply{422, "1", ""}),
		at(4, k, reply{201, "1", "x"}), at(5, k, reply{201, "1", "x"}),
	}))
}

// Clients race for keys, with two bodies for each, while the process dies again and again and the provider misbehaves.
// Their answers could have come from requests one after the other; and no payment is sent twice.
func TestKeysAreLinearizableAcrossCrashes(t *testing.T) {
	t.Parallel()
	var calls counter
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls.next() % 4 {
		case 0:
			hangsUp(w, r)
		case 1:
			says(`{"error":"fraud"}`)(w, r)
		default:
			says(`{"id":"","status":"open"}`)(w, r)
		}
	})
	dir := t.TempDir()
	began := time.Now()
	var mutex sync.Mutex
	var history []porcupine.Operation
	const lives, clients, rounds, distinct = 5, 16, 30, 24
	for life := range lives {
		s := open(t, dir, p.url, api.Settings{})
		require.NoError(t, s.engine.Recover(t.Context()))
		var all sync.WaitGroup
		half := make(chan struct{})
		var once sync.Once
		for client := range clients {
			all.Go(func() {
				for round := range rounds {
					in := asked{fmt.Sprintf("k%d", (client*7+round*5+life*3)%distinct), (client + round) % 5 / 4}
					call := time.Since(began).Nanoseconds()
					answer := s.ask(http.MethodPost, "/v1/payments", orderOf(fmt.Sprintf("%d.00", 10+in.variant)),
						"Idempotency-Key", in.key)
					returned := time.Since(began).Nanoseconds()
					out := reply{status: answer.Code}
					switch answer.Code {
					case http.StatusCreated:
						out.id, out.answer = idOf(t, answer.Body.String()), answer.Body.String()
					default:
						var problem api.Problem
						_ = json.Unmarshal(answer.Body.Bytes(), &problem)
						out.id = problem.PaymentID
					}
					mutex.Lock()
					history = append(history,
						porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: returned})
					mutex.Unlock()
					if answer.Code == http.StatusServiceUnavailable {
						return // the process is gone
					}
					if round == rounds/2 {
						once.Do(func() { close(half) })
					}
				}
			})
		}
		<-half
		s.crash(t)
		all.Wait()
	}
	s := open(t, dir, p.url, api.Settings{})
	defer s.close(t)
	require.NoError(t, s.engine.Recover(t.Context()))
	for n := range distinct {
		key := fmt.Sprintf("k%d", n)
		answer := s.ask(http.MethodPost, "/v1/payments", orderOf("10.00"), "Idempotency-Key", key)
		require.NotEqual(t, http.StatusConflict, answer.Code, "nothing is in flight after a recovery")
	}

	seen := map[int]int{}
	for _, operation := range history {
		seen[operation.Output.(reply).status]++
	}
	t.Logf("answers by status: %v", seen)
	for _, status := range []int{http.StatusCreated, http.StatusUnprocessableEntity, http.StatusServiceUnavailable} {
		require.Positive(t, seen[status], "%v", seen)
	}
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(keys(), history, time.Minute), "%v", seen)
	payments, sent := p.created()
	require.Equal(t, payments, sent, "each payment was sent once")
}

type counter struct {
	mutex sync.Mutex
	count int
}

func (c *counter) next() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.count++
	return c.count
}

func TestARequestHasOneKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	for what, headers := range map[string][]string{
		"none":             nil,
		"empty":            {"Idempotency-Key", ""},
		"two":              {"Idempotency-Key", "a", "Idempotency-Key", "b"},
		"two that are one": {"Idempotency-Key", "a", "Idempotency-Key", "a"},
		"no closing quote": {"Idempotency-Key", `"a`},
	} {
		answer := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), headers...)
		require.Equal(t, http.StatusBadRequest, answer.Code, what)
		require.Contains(t, answer.Body.String(), "idempotency-key-missing", what)
	}
	_, sent := p.created()
	require.Zero(t, sent)
}
