package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	abi "payrouter/abi/v1"
)

// facts are collected in the answer's order. Empty ones are left out.
type facts []fact

// open adds a text of the plugin's author, or a value of a closed list.
func (f *facts) open(key, value string) { f.add(key, value, value) }

// closed adds a text that may be personal data.
func (f *facts) closed(key, value string) { f.add(key, value, veil(value)) }

func (f *facts) add(key, value, shown string) {
	if value != "" {
		*f = append(*f, fact{key, value, shown})
	}
}

// veil shows only the length of a text. A hash of a telephone number could be found from a list of all numbers.
func veil(text string) string {
	return fmt.Sprintf("(%d characters)", utf8.RuneCountInString(text))
}

// masks have a payer's data of a call, and keep it out of what is shown.
type masks struct {
	words  []string // lower case
	digits []string
	// all: which texts are a payer's is not known.
	all bool
}

// shortest is the least length of a payer's word that is searched for in other text: shorter ones occur everywhere.
const shortest = 3

// masksOf reads the payer's data from a recording's call.
func masksOf(r Recording) masks {
	if r.Operation == "" {
		return masks{all: true}
	}
	call := new(abi.Call)
	if len(r.Steps) == 0 || call.UnmarshalVTUnsafe(r.Steps[0].Input) != nil {
		return masks{}
	}
	p := call.GetPayment()
	said := []string{
		p.GetPayer().GetName(), p.GetPayer().GetEmail(), p.GetPayer().GetPhone(), p.GetPayer().GetIp(),
		p.GetDescription(), p.GetReturnUrl(),
		p.GetReference(), p.GetDestination().GetNumber(), p.GetDestination().GetAccount(),
		p.GetDestination().GetAddress(), p.GetDestination().GetMemo(),
		string(p.GetOptions()), string(call.GetInput()),
	}
	var m masks
	for _, text := range said {
		for word := range strings.FieldsFuncSeq(strings.ToLower(text),
			func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if len(word) >= shortest {
				m.words = append(m.words, word)
			}
		}
		if digits := digitsOf(text); len(digits) > shortest {
			m.digits = append(m.digits, digits)
		}
	}
	slices.Sort(m.words)
	m.words = slices.Compact(m.words)
	return m
}

func digitsOf(text string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, text)
}

// touches reports whether a text contains payer's data.
func (m masks) touches(text string) bool {
	if m.all {
		return true
	}
	lower, digits := strings.ToLower(text), digitsOf(text)
	return slices.ContainsFunc(m.words, func(word string) bool { return strings.Contains(lower, word) }) ||
		slices.ContainsFunc(m.digits, func(known string) bool { return strings.Contains(digits, known) })
}

// text shows a text unless it contains payer's data.
func (m masks) text(text string) string {
	if m.touches(text) {
		return veil(text)
	}
	return text
}

// codePattern matches constants of providers' APIs, and numbers: no sentence, no address, no name with a space.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,24}$`)

// value shows constants and numbers that are not payer's data.
func (m masks) value(text string) string {
	if codePattern.MatchString(text) && !m.touches(text) {
		return text
	}
	return veil(text)
}

func (m masks) send(f *facts, send *abi.Send) {
	request := send.GetRequest()
	f.open("request/operation", send.GetOperation())
	f.open("request/method", request.GetMethod())
	f.open("request/origin", request.GetOrigin())
	m.parts(f, "request/path", request.GetPath())
	for i, field := range request.GetQuery() {
		m.parts(f, "request/query/"+numbered(field.GetName(), i, request.GetQuery()), field.GetValue())
	}
	for i, field := range request.GetHeaders() {
		m.parts(f, "request/header/"+numbered(strings.ToLower(field.GetName()), i, request.GetHeaders()),
			field.GetValue())
	}
	if auth := request.GetBasicAuth(); auth != nil {
		m.parts(f, "request/basic_auth/user", []*abi.Part{auth.GetUser()})
		f.open("request/basic_auth/password", "{{secret:"+auth.GetPasswordSecret()+"}}")
	}
	for i, signature := range request.GetSignatures() {
		f.open("request/signature/"+strconv.Itoa(i+1), signatureText(signature, strconv.Quote))
	}
	m.body(f, "request/body", request.GetBody())
}

// numbered numbers fields of one name.
func numbered(name string, at int, among []*abi.Field) string {
	seen := 0
	for _, field := range among[:at] {
		if strings.EqualFold(field.GetName(), name) {
			seen++
		}
	}
	if seen == 0 {
		return name
	}
	return name + "[" + strconv.Itoa(seen) + "]"
}

// parts adds a value of parts: literals are shown, texts where value shows them, secrets by their names.
func (m masks) parts(f *facts, key string, parts []*abi.Part) {
	var value, shown strings.Builder
	for _, part := range parts {
		switch p := part.GetPart().(type) {
		case *abi.Part_Literal:
			value.WriteString("l:" + strconv.Quote(p.Literal))
			shown.WriteString(m.text(p.Literal))
		case *abi.Part_Text:
			value.WriteString("t:" + strconv.Quote(p.Text))
			shown.WriteString(m.value(p.Text))
		case *abi.Part_Secret:
			value.WriteString("s:" + strconv.Quote(p.Secret))
			shown.WriteString("{{secret:" + p.Secret + "}}")
		}
	}
	f.add(key, value.String(), shown.String())
}

// signatureText describes how a signature is computed. literal spells a literal of it, which is the plugin's own in a
// request, and a callback's in a receipt.
func signatureText(s *abi.Signature, literal func(string) string) string {
	words := []string{
		abi.NameOf(s.GetAlgorithm(), "ALGORITHM_"), abi.NameOf(s.GetEncoding(), "ENCODING_"), "into " + s.GetHeader(),
		"prefix " + strconv.Quote(s.GetPrefix()),
	}
	if s.GetSecret() != "" {
		words = append(words, "by {{secret:"+s.GetSecret()+"}}")
	}
	for _, part := range s.GetParts() {
		switch p := part.GetPart().(type) {
		case *abi.SignedPart_Literal:
			words = append(words, literal(p.Literal))
		case *abi.SignedPart_Secret:
			words = append(words, "{{secret:"+p.Secret+"}}")
		case *abi.SignedPart_Method:
			words = append(words, "method")
		case *abi.SignedPart_Path:
			words = append(words, "path")
		case *abi.SignedPart_Body:
			words = append(words, "body")
		case *abi.SignedPart_Header:
			words = append(words, "header "+p.Header)
		}
	}
	return strings.Join(words, " ")
}

// body adds a body member by member where it is JSON or a form, and otherwise as one text.
func (m masks) body(f *facts, key string, body []byte) {
	if len(body) == 0 {
		return
	}
	trimmed := strings.TrimSpace(string(body))
	if json.Valid(body) {
		m.json(f, key, body)
		return
	}
	if form, err := url.ParseQuery(trimmed); err == nil && strings.Contains(trimmed, "=") &&
		!strings.ContainsAny(trimmed, "\n <{") {
		for _, name := range slices.Sorted(maps.Keys(form)) {
			for i, value := range form[name] {
				at := key + "/" + name
				if i > 0 {
					at += "[" + strconv.Itoa(i) + "]"
				}
				f.add(at, "="+value, m.value(value))
			}
		}
		return
	}
	f.closed(key, string(body))
}

func (m masks) json(f *facts, key string, text []byte) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		f.closed(key, string(text))
		return
	}
	m.member(f, key, value)
}

// member adds a value of a JSON document, numbers as they are written.
func (m masks) member(f *facts, key string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			f.open(key, "{}")
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m.member(f, key+"/"+name, v[name])
		}
	case []any:
		if len(v) == 0 {
			f.open(key, "[]")
		}
		for i, one := range v {
			m.member(f, key+"/"+strconv.Itoa(i), one)
		}
	case string:
		f.add(key, strconv.Quote(v), strconv.Quote(m.value(v)))
	case json.Number:
		f.add(key, v.String(), m.value(v.String()))
	default:
		f.open(key, fmt.Sprint(v))
	}
}

// receipt has what a plugin makes of a callback. All that it may have from there is closed.
func (m masks) receipt(f *facts, r *abi.Receipt) {
	f.open("receipt/trust", abi.NameOf(r.GetTrust(), "TRUST_"))
	f.closed("receipt/reference", r.GetReference())
	f.closed("receipt/provider_reference", r.GetProviderReference())
	if signature := r.GetSignature(); signature != nil {
		f.add("receipt/signature", signatureText(signature, strconv.Quote), signatureText(signature, veil))
	}
	f.closed("receipt/signature_value", r.GetSignatureValue())
	if r.GetOutcome() != nil {
		m.outcome(f, r.GetOutcome())
	}
	f.closed("receipt/dedupe_key", r.GetDedupeKey())
	if reply := r.GetReply(); reply != nil {
		f.open("receipt/reply/status", strconv.FormatUint(uint64(reply.GetStatus()), 10))
		f.open("receipt/reply/content_type", reply.GetContentType())
		f.closed("receipt/reply/body", string(reply.GetBody()))
	}
}

func (m masks) outcome(f *facts, o *abi.Outcome) {
	f.open("outcome/verdict", abi.NameOf(o.GetVerdict(), "VERDICT_"))
	f.open("outcome/status", abi.NameOf(o.GetStatus(), "STATUS_"))
	f.add("outcome/provider_reference", o.GetProviderReference(), m.value(o.GetProviderReference()))
	f.add("outcome/echoed_reference", o.GetEchoedReference(), m.value(o.GetEchoedReference()))
	money(f, "outcome/amount", o.GetAmount())
	money(f, "outcome/received", o.GetReceived())
	money(f, "outcome/fee", o.GetFee())
	if failure := o.GetFailure(); failure != nil {
		f.add("outcome/failure/provider_code", failure.GetProviderCode(), m.value(failure.GetProviderCode()))
		f.closed("outcome/failure/message", failure.GetMessage())
	}
	if o.GetExpiresMs() != 0 {
		f.open("outcome/expires_ms", strconv.FormatInt(o.GetExpiresMs(), 10))
	}
	f.closed("outcome/cursor", o.GetCursor())
	f.closed("outcome/alert", o.GetAlert())
	nextAction(f, o.GetNextAction())
	m.body(f, "outcome/output", o.GetOutput())
}

// nextAction shows the payer's next action without its link or address: whoever has those can act for the payer.
func nextAction(f *facts, action *abi.NextAction) {
	switch a := action.GetAction().(type) {
	case *abi.NextAction_Redirect:
		f.open("outcome/next_action", "redirect")
		link(f, a.Redirect.GetUrl())
	case *abi.NextAction_PayTo:
		f.open("outcome/next_action", "pay_to")
		f.closed("outcome/next_action/address", a.PayTo.GetAddress())
		f.open("outcome/next_action/network", a.PayTo.GetNetwork())
		money(f, "outcome/next_action/amount", a.PayTo.GetAmount())
		f.closed("outcome/next_action/memo", a.PayTo.GetMemo())
	case *abi.NextAction_Instructions:
		f.open("outcome/next_action", "instructions")
		f.closed("outcome/next_action/text", a.Instructions.GetText())
		money(f, "outcome/next_action/amount", a.Instructions.GetAmount())
		link(f, a.Instructions.GetUrl())
	}
}

func link(f *facts, text string) {
	shown := veil(text)
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		shown = u.Scheme + "://" + u.Host + "/… " + shown
	}
	f.add("outcome/next_action/url", text, shown)
}

func money(f *facts, key string, m *abi.Money) {
	if m != nil {
		f.open(key, m.GetAmount()+" "+m.GetCurrency())
	}
}
