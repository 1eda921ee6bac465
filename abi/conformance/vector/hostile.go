package vector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// attack is an input with a response in it that the provider never meant to send, or a callback that it did not.
type attack struct {
	name  string
	input input
	// judge returns what is wrong with the answer, or nothing.
	judge func(answer *abi.Answer) []string
}

// Attacker turns vectors into attacks. What does not depend on a vector's response, and what is costly, it does once
// for each place where a response is awaited. It is used by one goroutine, on one machine or on two of which one is the
// model.
type Attacker struct {
	manifest *abi.Manifest
	done     map[string]bool
}

// NewAttacker starts the attacks on a plugin with this manifest.
func NewAttacker(manifest *abi.Manifest) *Attacker {
	return &Attacker{manifest: manifest, done: make(map[string]bool)}
}

// first reports the first visit to a place.
func (a *Attacker) first(place string) bool {
	seen := a.done[place]
	a.done[place] = true
	return !seen
}

// on are the attacks that a vector gives rise to: each of its responses, damaged in every way and replaced by garbage,
// at the place in the flow where the response stood.
func (a *Attacker) on(ctx context.Context, guest Machine, v *Vector) ([]attack, error) {
	moves, err := play(ctx, guest, v)
	if err != nil {
		return nil, err
	}
	if v.callback != nil {
		return a.onCallback(v.received(), moves[0].answer)
	}
	var attacks []attack
	for trip, m := range moves {
		if m.interpretation == nil {
			continue
		}
		made, err := a.onMove(trip, m)
		if err != nil {
			return nil, err
		}
		attacks = append(attacks, made...)
	}
	return attacks, nil
}

func (a *Attacker) onMove(trip int, m move) ([]attack, error) {
	good := m.interpretation.GetResponse()
	hostile := check.Spoil(good)
	native := m.interpretation.GetCall().GetPayment() == nil
	place := fmt.Sprint(m.interpretation.GetCall().GetOperation(), m.operation, trip, native)
	if a.first(place) {
		hostile = slices.Concat(hostile, check.Garbage())
	}
	if a.first(place + fmt.Sprint(good.GetStatus())) {
		hostile = slices.Concat(hostile, check.Swell(good))
	}
	attacks := make([]attack, 0, len(hostile))
	for _, h := range hostile {
		interpretation := &abi.Interpretation{
			Call: m.interpretation.GetCall(), State: m.interpretation.GetState(),
			Response: h.Response,
		}
		encoded, err := encode(interpretation)
		if err != nil {
			return nil, err
		}
		attacks = append(attacks, attack{
			name:  fmt.Sprintf("response-%d: %s", trip, h.Name),
			input: input{export: check.Interpret, bytes: encoded},
			judge: func(answer *abi.Answer) []string { return h.Judge(a.manifest, answer) },
		})
	}
	if body := marked(good.GetBody()); body != nil {
		interpretation := &abi.Interpretation{
			Call: m.interpretation.GetCall(), State: m.interpretation.GetState(),
			Response: &abi.HttpResponse{Status: good.GetStatus(), Headers: good.GetHeaders(), Body: body},
		}
		encoded, err := encode(interpretation)
		if err != nil {
			return nil, err
		}
		attacks = append(attacks, attack{
			name:  fmt.Sprintf("response-%d: after a byte order mark", trip),
			input: input{export: check.Interpret, bytes: encoded},
			judge: func(answer *abi.Answer) []string { return a.same(m.answer, answer) },
		})
	}
	return attacks, nil
}

// marked is a JSON body behind a byte order mark, which does not change its meaning; nil where the body is not JSON.
func marked(body []byte) []byte {
	if !json.Valid(body) {
		return nil
	}
	return append([]byte("\xef\xbb\xbf"), body...)
}

// same returns where an answer differs from the one that the body without its byte order mark gets. What a flow carries
// over to its next step may hold the body as it came.
func (a *Attacker) same(without, with *abi.Answer) []string {
	wrong := check.Answer(a.manifest, with)
	if !check.Same(stateless(without), stateless(with)) {
		wrong = append(wrong,
			"the answer is another than without the mark: RFC 8259 has readers ignore it, and some sites send "+
				"it always")
	}
	return wrong
}

// stateless is an answer without the state of the request that it sends.
func stateless(answer *abi.Answer) *abi.Answer {
	send := answer.GetStep().GetSend()
	if send == nil {
		return answer
	}
	return &abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{Next: &abi.Step_Send{
		Send: &abi.Send{Request: send.GetRequest(), Operation: send.GetOperation()},
	}}}}
}

// onCallback are what strangers may post to a callback's address.
func (a *Attacker) onCallback(good *abi.Callback, received *abi.Answer) ([]attack, error) {
	body := &abi.HttpResponse{Status: 200, Body: good.GetBody()}
	hostile := check.Spoil(body)
	if a.first("callback") {
		hostile = slices.Concat(hostile, check.Garbage(), check.Swell(body))
	}
	var attacks []attack
	for _, h := range hostile {
		changed := *good
		changed.Body = h.Response.GetBody()
		attacks = append(attacks, a.post("callback: "+h.Name, &changed))
	}
	if body := marked(good.GetBody()); body != nil {
		changed := *good
		changed.Body = body
		attack := a.post("callback: after a byte order mark", &changed)
		attack.judge = func(answer *abi.Answer) []string { return a.same(received, answer) }
		attacks = append(attacks, attack)
	}
	for _, query := range []string{"", "%zz&&==&a=%ff&%", strings.Repeat("a=1&", 25_000)} {
		changed := *good
		changed.Query = query
		attacks = append(attacks, a.post(fmt.Sprintf("callback with a query of %d bytes", len(query)), &changed))
	}
	return attacks, nil
}

func (a *Attacker) post(name string, callback *abi.Callback) attack {
	encoded, _ := callback.MarshalVT() // the generated code has no error to give
	return attack{
		name: name, input: input{export: check.Receive, bytes: encoded},
		judge: func(answer *abi.Answer) []string {
			if fault := answer.GetError(); fault != nil {
				return []string{"an error, and not a receipt: " + fault.GetMessage()}
			}
			return check.Answer(a.manifest, answer)
		},
	}
}

// mount answers an attack, and returns what is wrong with the answer.
func mount(ctx context.Context, guest Machine, a attack) (answer []byte, wrong []string) {
	encoded, err := guest.call(ctx, a.input)
	if err != nil {
		return nil, []string{err.Error()}
	}
	decoded := new(abi.Answer)
	if err := decoded.UnmarshalVTUnsafe(encoded); err != nil {
		return encoded, []string{"the answer does not decode: " + err.Error()}
	}
	return encoded, a.judge(decoded)
}

// Attack mounts the attacks that a vector gives rise to, and returns what is wrong with the answers.
func (a *Attacker) Attack(ctx context.Context, guest Machine, v *Vector) []string {
	attacks, err := a.on(ctx, guest, v)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, attack := range attacks {
		_, wrong := mount(ctx, guest, attack)
		problems = append(problems, named(attack, wrong)...)
	}
	return problems
}

// SameUnderAttack is Attack, and reports besides where the guest does not answer to the byte what the model answers.
func (a *Attacker) SameUnderAttack(ctx context.Context, model, guest Machine, v *Vector) []string {
	attacks, err := a.on(ctx, model, v)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, attack := range attacks {
		expected, _ := mount(ctx, model, attack)
		answer, wrong := mount(ctx, guest, attack)
		if !bytes.Equal(expected, answer) {
			wrong = append(wrong, fmt.Sprintf("one call, and two answers:\n%x\n%x", expected, answer))
		}
		problems = append(problems, named(attack, wrong)...)
	}
	return problems
}

func named(a attack, wrong []string) []string {
	problems := make([]string, 0, len(wrong))
	for _, problem := range wrong {
		problems = append(problems, a.name+": "+problem)
	}
	return problems
}
