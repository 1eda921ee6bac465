// Command hostile is a plugin for the tests: its operations are what a plugin may do to its host. It is written without
// the SDK, which would keep it from most of that.
package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	abi "payrouter/abi/v1"
)

func main() {}

// variant makes other plugins of this one without building them: the tests write over its bytes in the module. It holds
// words "key=value", and points where there is room.
var variant = "variant: ......................................................................"

// word is the value of a key of the variant.
func word(key string) string {
	for word := range strings.FieldsSeq(variant) {
		if value, found := strings.CutPrefix(word, key+"="); found {
			return value
		}
	}
	return ""
}

// defect is what is wrong with the whole plugin: nothing, unless a test links something else in.
var defect string

var (
	input, output []byte
	kept          [][]byte
	payer         string
)

// A slow start is most of the fuel that one may take.
func init() {
	if word("start") == "slow" {
		for range 15_000 {
			kept = append(kept[:0], make([]byte, 1<<10))
		}
	}
}

//go:wasmexport payrouter_abi_v1
func marker() {}

//go:wasmexport abi_version
func version() int32 { return 1 }

//go:wasmexport alloc
func alloc(size int32) int32 {
	input = make([]byte, size)
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport describe
func describe(_, _ int32) int64 {
	m := manifest()
	m.Name, m.Version = cmp.Or(word("name"), m.Name), cmp.Or(word("version"), m.Version)
	if secret := word("secret"); secret != "" {
		m.Secrets = append(m.Secrets, &abi.Secret{Name: secret, Summary: "One more."})
	}
	if host := word("host"); host != "" {
		m.Hosts = append(m.Hosts, host)
	}
	loosen(m, word("loosen"))
	switch defect {
	case "mute":
		return answer(&abi.Answer{})
	case "garbage":
		return give([]byte{0xff})
	case "endless":
		for {
		}
	case "panic":
		panic("no manifest today")
	case "nameless":
		m.Name = ""
	case "greedy":
		m.Operations[0].Idempotency = 99
	}
	return answer(&abi.Answer{Result: &abi.Answer_Manifest{Manifest: m}})
}

// loosen has the host do more than the plain manifest does.
func loosen(m *abi.Manifest, what string) {
	switch what {
	case "class":
		m.Operations[0].Idempotency = abi.Idempotency_IDEMPOTENCY_SAFE
	case "decline":
		m.Operations[0].DeclineIsFinal = true
	case "failure":
		m.Failures = append(m.Failures, &abi.FailureRule{
			HttpStatus: 402, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "declined", Source: "inferred",
			Proofs: []*abi.Proof{{Pointer: "/error/code"}},
		})
	}
}

func manifest() *abi.Manifest {
	const object = `{"type": "object"}`
	return &abi.Manifest{
		Name: "hostile", Version: "1.0.0", Title: "Hostile", BaseUrl: "https://api.example.com", SettingsSchema: object,
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "serve"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "look"},
		}}},
		Operations: []*abi.Operation{
			{
				Name: "serve", Summary: "Do what is asked.", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE,
				InputSchema: object, OutputSchema: object,
				Documented: abi.Documented_DOCUMENTED_FULL,
			},
			{
				Name: "look", Summary: "Read it.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, InputSchema: object,
				OutputSchema: object,
				Documented:   abi.Documented_DOCUMENTED_FULL, FindsByReference: true,
			},
		},
		Callback: &abi.CallbackForm{},
		MaxSteps: 1,
	}
}

//go:wasmexport prepare
func prepare(_, size int32) int64 {
	call := new(abi.Call)
	if err := call.UnmarshalVTUnsafe(bytes.Clone(input[:size])); err != nil {
		panic(err)
	}
	switch call.GetOperation() {
	case "serve":
		if word("shape") != "" {
			return send("/serve", call.GetPayment())
		}
	case "buy":
		return send(cmp.Or(word("place"), "/buy"), call.GetPayment())
	case "loop":
		for {
		}
	case "allocate":
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case "recurse":
		return deeper(0)
	case "reach out":
		return int64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	case "panic":
		panic("boom")
	case "keep": // the next payment's request has this one's payer
		former := payer
		payer = call.GetPayment().GetPayer().GetEmail()
		return send("/keep/"+former, call.GetPayment())
	case "exit":
		os.Exit(7)
	case "garbage":
		return give([]byte{0xff})
	case "odd verdict":
		return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{
			Next: &abi.Step_Done{Done: &abi.Outcome{Verdict: 99}},
		}}})
	case "odd status":
		return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{
			Next: &abi.Step_Done{Done: &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: 99}},
		}}})
	case "beyond":
		return 0x7fff_ffff<<32 | 16
	case "huge":
		return int64(uintptr(unsafe.Pointer(unsafe.SliceData(input))))<<32 | 0x7fff_ffff
	case "receipt":
		return answer(&abi.Answer{Result: &abi.Answer_Receipt{Receipt: &abi.Receipt{}}})
	case "empty step":
		return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{}}})
	case "admitted panic":
		return answer(fault(abi.Error_CODE_PANIC, "it went wrong"))
	case "bad settings":
		return answer(fault(abi.Error_CODE_BAD_SETTINGS, "no account"))
	case "clock":
		return done(strconv.FormatInt(time.Now().UnixMilli(), 10))
	case "random":
		var drawn [8]byte
		_, _ = rand.Read(drawn[:])
		return done(hex.EncodeToString(drawn[:]))
	}
	return done("prepared " + call.GetOperation())
}

func deeper(n int64) int64 { return deeper(n+1) + n }

//go:wasmexport interpret
func interpret(_, size int32) int64 {
	in := new(abi.Interpretation)
	if err := in.UnmarshalVTUnsafe(bytes.Clone(input[:size])); err != nil {
		panic(err)
	}
	if in.GetCall().GetOperation() == "buy" {
		return bought(in)
	}
	if shape := word("shape"); shape != "" {
		return shaped(shape, in)
	}
	if in.GetCall().GetOperation() == "trap" {
		return int64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	}
	return done("interpreted " + string(in.GetState()) + string(in.GetResponse().GetBody()))
}

//go:wasmexport receive
func receive(_, size int32) int64 {
	callback := new(abi.Callback)
	if err := callback.UnmarshalVTUnsafe(bytes.Clone(input[:size])); err != nil {
		panic(err)
	}
	if callback.GetMethod() != "POST" {
		return done("a step is no receipt")
	}
	receipt := &abi.Receipt{
		Reference: string(callback.GetBody()), DedupeKey: strconv.FormatInt(time.Now().UnixMilli(), 10),
		Trust: abi.Receipt_TRUST_LOOK_UP, Reply: &abi.CallbackReply{Status: 200},
	}
	switch word("receive") {
	case "trap":
		return int64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	case "ignore":
		receipt.Trust = abi.Receipt_TRUST_IGNORE
	case "believe":
		receipt.Trust, receipt.SignatureValue = abi.Receipt_TRUST_SIGNED, "any"
	case "500":
		receipt.Reply.Status = 500
	}
	return answer(&abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}})
}

// send asks for a request about a payment. Its state holds which variant it is of.
func send(place string, payment *abi.Payment) int64 {
	body := []byte(`{"amount":"` + payment.GetAmount() + `","email":"` + payment.GetPayer().GetEmail() + `"}`)
	request := &abi.HttpRequest{Method: "POST", Path: []*abi.Part{{Part: &abi.Part_Literal{Literal: place}}},
		Body: body}
	return answer(
		&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{Next: &abi.Step_Send{Send: &abi.Send{Request: request,
			State: []byte(variant)}}}}})
}

// bought reads the answer to a request of send, by the same variant only.
func bought(in *abi.Interpretation) int64 {
	if string(in.GetState()) != variant {
		return answer(fault(abi.Error_CODE_BAD_INPUT, "not a state of this plugin"))
	}
	for range 50 * len(word("burn")) {
		kept = append(kept[:0], []byte("effort"))
	}
	status := abi.Status_STATUS_SUCCEEDED
	switch word("outcome") {
	case "failed":
		status = abi.Status_STATUS_FAILED
	case "trap":
		return int64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: status,
		ProviderReference: string(in.GetResponse().GetBody())}
	return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{Next: &abi.Step_Done{Done: outcome}}}})
}

// shaped reads the answer about a payment in the way that the plugin is to fail.
func shaped(shape string, in *abi.Interpretation) int64 {
	switch shape {
	case "loop":
		for {
		}
	case "trap":
		return int64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	case "allocate":
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case "panic":
		panic("boom")
	case "exit":
		os.Exit(7)
	case "garbage":
		return give([]byte{0xff})
	case "beyond":
		return 0x7fff_ffff<<32 | 16
	case "odd":
		return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{
			Next: &abi.Step_Done{Done: &abi.Outcome{Verdict: 99}},
		}}})
	case "send":
		return send("/serve", in.GetCall().GetPayment())
	case "reject":
		return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{
			Next: &abi.Step_Reject{Reject: &abi.Reject{Code: "invalid_request", Message: "not this one"}},
		}}})
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_SUCCEEDED,
		ProviderReference: in.GetCall().GetPayment().GetId()}
	return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{Next: &abi.Step_Done{Done: outcome}}}})
}

func done(reference string) int64 {
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, ProviderReference: reference}
	return answer(&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{Next: &abi.Step_Done{Done: outcome}}}})
}

func fault(code abi.Error_Code, message string) *abi.Answer {
	return &abi.Answer{Result: &abi.Answer_Error{Error: &abi.Error{Code: code, Message: message}}}
}

func answer(made *abi.Answer) int64 {
	encoded, err := made.MarshalVT()
	if err != nil {
		panic(err)
	}
	return give(encoded)
}

func give(bytes []byte) int64 {
	output = bytes
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | int64(len(output))
}
