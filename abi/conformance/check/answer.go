package check

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// Answer lists what is wrong with a guest's answer by itself, whatever it was asked: a request that the host would not
// send, an amount that is not plain decimal text, an outcome that states nothing. An answer that holds an error is not
// wrong.
func Answer(m *abi.Manifest, answer *abi.Answer) []string {
	var f findings
	switch result := answer.GetResult().(type) {
	case *abi.Answer_Step:
		f.step(m, result.Step)
	case *abi.Answer_Receipt:
		f.receipt(m, result.Receipt)
	case *abi.Answer_Error:
		f.text("error message", result.Error.GetMessage())
	case *abi.Answer_Manifest:
	default:
		f.require(false, "the answer is empty")
	}
	for _, secret := range Secrets(answer) {
		f.require(declares(m, secret), "secret %q is not in the manifest", secret)
	}
	return f
}

func declares(m *abi.Manifest, secret string) bool {
	return slices.ContainsFunc(m.GetSecrets(), func(s *abi.Secret) bool { return s.GetName() == secret })
}

func (f *findings) step(m *abi.Manifest, step *abi.Step) {
	switch next := step.GetNext().(type) {
	case *abi.Step_Send:
		f.send(m, next.Send)
	case *abi.Step_Done:
		f.outcome(next.Done)
	case *abi.Step_Reject:
		f.require(isCode(next.Reject.GetCode()), "reject: code %q is not in the router's list", next.Reject.GetCode())
		f.require(next.Reject.GetMessage() != "", "reject: it says nothing")
		f.require(next.Reject.GetField() == "" || pointerPattern.MatchString(next.Reject.GetField()),
			"reject: field %q is no JSON pointer", next.Reject.GetField())
		f.text("reject message", next.Reject.GetMessage())
	default:
		f.require(false, "the step says neither send, nor done, nor reject")
	}
}

func (f *findings) send(m *abi.Manifest, send *abi.Send) {
	request := send.GetRequest()
	f.require(send.GetOperation() == "" || find(m, send.GetOperation()) != nil,
		"send: operation %q is not in the manifest", send.GetOperation())
	f.require(slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, request.GetMethod()),
		"request: method %q", request.GetMethod())
	f.require(len(request.GetPath()) > 0 && strings.HasPrefix(request.GetPath()[0].GetLiteral(), "/"),
		"request: the path starts with a literal slash")
	if origin := request.GetOrigin(); origin != "" {
		host, secure := strings.CutPrefix(origin, "https://")
		f.require(secure && slices.Contains(m.GetHosts(), host), "request: origin %q is not of the manifest's hosts",
			origin)
	}
	f.parts("path", request.GetPath())
	for _, field := range slices.Concat(request.GetQuery(), request.GetHeaders()) {
		f.require(field.GetName() != "", "request: a field without a name")
		f.parts(field.GetName(), field.GetValue())
	}
	for _, signature := range request.GetSignatures() {
		f.signature(signature)
		f.require(signature.GetHeader() != "", "signature: into which header?")
	}
}

func (f *findings) parts(where string, parts []*abi.Part) {
	for _, part := range parts {
		f.require(part.GetPart() != nil, "request: %s has an empty part", where)
		f.text("request: "+where, part.GetLiteral()+part.GetText())
		f.require(!strings.ContainsAny(part.GetLiteral(), "\r\n"), "request: %s has a line break", where)
	}
}

func (f *findings) signature(signature *abi.Signature) {
	f.require(signature.GetAlgorithm() != abi.Signature_ALGORITHM_UNSPECIFIED, "signature: by which algorithm?")
	f.require(signature.GetEncoding() != abi.Signature_ENCODING_UNSPECIFIED, "signature: in which encoding?")
	f.require(len(signature.GetParts()) > 0, "signature: over what?")
}

func (f *findings) outcome(outcome *abi.Outcome) {
	f.money("amount", outcome.GetAmount())
	f.money("received", outcome.GetReceived())
	f.money("fee", outcome.GetFee())
	f.quote(outcome.GetQuote())
	f.account(outcome)
	f.nextAction(outcome.GetNextAction())
	f.text("provider_reference", outcome.GetProviderReference())
	f.text("echoed_reference", outcome.GetEchoedReference())
	f.text("failure", outcome.GetFailure().GetProviderCode()+outcome.GetFailure().GetMessage())
	f.text("alert", outcome.GetAlert())
	f.text("cursor", outcome.GetCursor())
	f.require(len(outcome.GetOutput()) == 0 || json.Valid(outcome.GetOutput()), "outcome: output is not JSON")
	switch outcome.GetVerdict() {
	case abi.Verdict_VERDICT_ACCEPTED:
		f.accepted(outcome)
	case abi.Verdict_VERDICT_REJECTED:
		f.require(!accountParts(outcome), "outcome: rejected, and yet it tells of the account")
		f.require(outcome.GetFailure().GetProviderCode() != "", "outcome: rejected without a provider's code")
		f.require(outcome.GetStatus() == abi.Status_STATUS_UNSPECIFIED, "outcome: rejected, and yet with a status")
	case abi.Verdict_VERDICT_UNREADABLE:
		f.require(!accountParts(outcome), "outcome: unreadable, and yet it tells of the account")
		f.require(outcome.GetFailure().GetMessage() != "", "outcome: unreadable; but why?")
		f.require(outcome.GetStatus() == abi.Status_STATUS_UNSPECIFIED, "outcome: unreadable, and yet with a status")
	case abi.Verdict_VERDICT_UNSPECIFIED:
		f.require(false, "outcome: no verdict")
	}
}

// accepted allows an outcome without a status only where it carries a native operation's output, or a quote. What an
// account holds goes with the output of the operation that reports it.
func (f *findings) accepted(outcome *abi.Outcome) {
	status := outcome.GetStatus()
	quoted := outcome.GetQuote() != nil
	f.require(status != abi.Status_STATUS_UNSPECIFIED || quoted || len(outcome.GetOutput()) > 0,
		"outcome: accepted, but neither a status, nor a quote, nor an output")
	f.require(!accountParts(outcome) || len(outcome.GetOutput()) > 0,
		"outcome: what the account holds, without the provider's own answer")
	f.require(status == abi.Status_STATUS_UNSPECIFIED || !accountParts(outcome),
		"outcome: what the account holds, and yet a status: of which payment?")
	f.require(status == abi.Status_STATUS_UNSPECIFIED || !quoted,
		"outcome: a quote, and yet a status: of which payment?")
	f.require(status != abi.Status_STATUS_FAILED || outcome.GetFailure().GetProviderCode() != "",
		"outcome: failed without a provider's code")
}

func (f *findings) nextAction(action *abi.NextAction) {
	switch action := action.GetAction().(type) {
	case *abi.NextAction_Redirect:
		f.link(action.Redirect.GetUrl())
	case *abi.NextAction_PayTo:
		f.require(action.PayTo.GetAddress() != "", "next action: pay to which address?")
		f.require(action.PayTo.GetAmount() != nil, "next action: pay how much?")
		f.money("next action", action.PayTo.GetAmount())
	case *abi.NextAction_Instructions:
		f.require(action.Instructions.GetText() != "", "next action: instructions without a text")
		f.money("next action", action.Instructions.GetAmount())
		if url := action.Instructions.GetUrl(); url != "" {
			f.link(url)
		}
	}
}

// link keeps a page that a payer is sent to on the web: a provider's answer must not become a script in a browser.
func (f *findings) link(url string) {
	f.require(strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://"),
		"next action: %q is no web address", url)
	f.text("next action", url)
}

// money allows plain decimal text alone: no exponent, sign, blank or separator that a reader could take otherwise.
func (f *findings) money(where string, money *abi.Money) {
	if money == nil {
		return
	}
	parsed, err := decimal.Parse(money.GetAmount())
	f.require(err == nil && parsed.String() == money.GetAmount(), "%s: %q is not plain decimal text", where,
		money.GetAmount())
	f.require(currencyPattern.MatchString(money.GetCurrency()), "%s: currency %q", where, money.GetCurrency())
}

func (f *findings) text(where, text string) {
	f.require(utf8.ValidString(text), "%s is not UTF-8", where)
}

func (f *findings) receipt(m *abi.Manifest, receipt *abi.Receipt) {
	referred := receipt.GetReference() != "" || receipt.GetProviderReference() != ""
	f.text("reference", receipt.GetReference()+receipt.GetProviderReference()+receipt.GetDedupeKey())
	switch receipt.GetTrust() {
	case abi.Receipt_TRUST_IGNORE:
	case abi.Receipt_TRUST_LOOK_UP:
		f.require(referred, "receipt: look up what? It has no reference")
	case abi.Receipt_TRUST_SIGNED:
		f.require(referred, "receipt: signed, but it has no reference")
		f.require(receipt.GetSignature() != nil, "receipt: signed, but no signature is declared")
		f.signature(receipt.GetSignature())
	case abi.Receipt_TRUST_UNSPECIFIED:
		f.require(false, "receipt: it does not say whether to trust it")
	}
	if receipt.GetOutcome() != nil {
		f.outcome(receipt.GetOutcome())
	}
	f.require(m.GetCallback().GetSupported() || receipt.GetTrust() == abi.Receipt_TRUST_IGNORE,
		"receipt: the manifest says that callbacks are not supported")
	f.require(receipt.GetReply().GetStatus() >= 200 && receipt.GetReply().GetStatus() < 600,
		"receipt: reply with which HTTP status?")
}

// Secrets names every secret that an answer asks the host for, in the order of their use.
func Secrets(answer *abi.Answer) []string {
	var names []string
	add := func(name string) {
		if name != "" {
			names = append(names, name)
		}
	}
	request := answer.GetStep().GetSend().GetRequest()
	parts := slices.Clone(request.GetPath())
	for _, field := range slices.Concat(request.GetQuery(), request.GetHeaders()) {
		parts = append(parts, field.GetValue()...)
	}
	if user := request.GetBasicAuth().GetUser(); user != nil {
		parts = append(parts, user)
	}
	for _, part := range parts {
		add(part.GetSecret())
	}
	add(request.GetBasicAuth().GetPasswordSecret())
	for _, signature := range append(slices.Clone(request.GetSignatures()), answer.GetReceipt().GetSignature()) {
		add(signature.GetSecret())
		for _, part := range signature.GetParts() {
			add(part.GetSecret())
		}
	}
	return names
}
