// Package vector decides how golden vectors are written down, in a folder or in the module itself, and finds out what a
// plugin, in this process or as a bare module, makes of them.
//
// A vector is one txtar file:
//
//	Comment: the document and section that the example comes from, and what was mended.
//	-- call.json --
//	{"operation": "IssueInvoice", "payment": {"id": "pay_1", "kind": "collect", "amount": "100", "currency": "PHPT"},
//	 "settings": {}, "reference": "…", "now": "2023-10-04T08:34:00Z"}
//	-- request-1 --
//	POST /{{secret:token}}/IssueInvoice
//	Content-Type: application/json
//
//	{"requestId": 1}
//	-- response-1 --
//	200
//	Content-Type: application/json
//
//	{"success": true}
//	-- outcome.json --
//	{"verdict": "accepted", "status": "requires_action"}
//
// Further round trips are request-2, response-2 and so on. A call that ends otherwise has reject.json or error.json in
// the place of outcome.json; a callback has the sections callback (an HTTP request) and receipt.json, and takes
// settings and now from call.json. The expected sections are written by the suite itself when the test runs with
// -update: read the difference before you commit it. Enum values are the contract's in lower case, without their
// prefix.
package vector

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	abi "payrouter/abi/v1"
)

// Vector is one golden file: a call, the requests and responses of its round trips, and what it ends in; or a callback
// and its receipt.
type Vector struct {
	// The file's name, without its ending.
	Name     string
	path     string
	archive  *txtar.Archive
	call     *abi.Call
	callback *abi.Callback
	// In the order of the round trips.
	responses []*abi.HttpResponse
}

// mostSections bounds the sections of a vector.
const mostSections = 200

// Load reads a folder's vectors, *.txtar, in the order of their names.
func Load(directory string) ([]*Vector, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*"+ending))
	if err != nil {
		return nil, fmt.Errorf("list vectors: %w", err)
	}
	vectors := make([]*Vector, 0, len(paths))
	for _, path := range paths {
		loaded, err := Read(path)
		if err != nil {
			return nil, err
		}
		vectors = append(vectors, loaded)
	}
	return vectors, nil
}

// Read reads one vector.
func Read(path string) (*Vector, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read vector: %w", err)
	}
	v, err := parse(path, content)
	if err != nil {
		return nil, fmt.Errorf("read vector %s: %w", path, err)
	}
	return v, nil
}

func parse(path string, content []byte) (*Vector, error) {
	v := &Vector{
		Name: strings.TrimSuffix(filepath.Base(path), ending), path: path, archive: txtar.Parse(content),
		call: &abi.Call{},
	}
	if len(v.archive.Files) > mostSections {
		return nil, fmt.Errorf("it has %d sections, and may have %d", len(v.archive.Files), mostSections)
	}
	for i, file := range v.archive.Files {
		if err := v.take(file.Name, file.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name, err)
		}
		for _, other := range v.archive.Files[:i] {
			if other.Name == file.Name {
				return nil, fmt.Errorf("%s: stands twice", file.Name)
			}
		}
	}
	if v.call.GetOperation() == "" && v.callback == nil {
		return nil, fmt.Errorf("it needs a call.json that names an operation, or a callback")
	}
	return v, nil
}

func (v *Vector) take(name string, data []byte) error {
	kind, number, _ := strings.Cut(name, "-")
	switch {
	case name == "call.json":
		return readCall(data, v.call)
	case name == "callback":
		callback, err := readCallback(data)
		v.callback = callback
		return err
	case kind == "response":
		if number != strconv.Itoa(len(v.responses)+1) {
			return fmt.Errorf("responses are numbered from 1 in their order")
		}
		response, err := readResponse(data)
		v.responses = append(v.responses, response)
		return err
	case kind == "request", name == "outcome.json", name == "reject.json", name == "error.json", name == "receipt.json":
		return nil
	}
	return fmt.Errorf("a vector has no such section")
}

// Call is what the vector asks of the plugin; of a callback's vector it has the settings and the time.
func (v *Vector) Call() *abi.Call { return v.call }

// Callback is nil but for a callback's vector.
func (v *Vector) Callback() *abi.Callback { return v.callback }

// Responses are the provider's, in the order of the round trips.
func (v *Vector) Responses() []*abi.HttpResponse { return v.responses }

// Section is the content under a name, "outcome.json"; nil where the vector has none.
func (v *Vector) Section(name string) []byte {
	content, _ := v.section(name)
	return content
}

// section is the content under a name, and whether it stands there.
func (v *Vector) section(name string) ([]byte, bool) {
	for _, file := range v.archive.Files {
		if file.Name == name {
			return file.Data, true
		}
	}
	return nil, false
}

// rewrite puts results in the place of those that the vector holds, and saves the file.
func (v *Vector) rewrite(results []txtar.File) error {
	kept := v.archive.Files[:0:0]
	for _, file := range v.archive.Files {
		if !isResult(file.Name) {
			kept = append(kept, file)
		}
	}
	for _, result := range results {
		kept = insert(kept, result)
	}
	v.archive.Files = kept
	if err := os.WriteFile(v.path, txtar.Format(v.archive), 0o600); err != nil {
		return fmt.Errorf("rewrite vector: %w", err)
	}
	return nil
}

func isResult(name string) bool {
	switch name {
	case "outcome.json", "reject.json", "error.json", "receipt.json":
		return true
	}
	return strings.HasPrefix(name, "request-")
}

// insert puts a request in front of its response, and anything else at the end.
func insert(files []txtar.File, result txtar.File) []txtar.File {
	if number, isRequest := strings.CutPrefix(result.Name, "request-"); isRequest {
		for i, file := range files {
			if file.Name == "response-"+number {
				return append(files[:i:i], append([]txtar.File{result}, files[i:]...)...)
			}
		}
	}
	return append(files, result)
}

type callText struct {
	Operation         string          `json:"operation"`
	Payment           *paymentText    `json:"payment"`
	Input             json.RawMessage `json:"input"`
	Settings          json.RawMessage `json:"settings"`
	Reference         string          `json:"reference"`
	ProviderReference string          `json:"provider_reference"`
	CreateReference   string          `json:"create_reference"`
	Now               string          `json:"now"`
	Sent              string          `json:"sent"`
	Seed              string          `json:"seed"`
	Cursor            string          `json:"cursor"`
	CallbackURL       string          `json:"callback_url"`
	Query             *queryText      `json:"query"`
}

// queryText is there where the operation is performed for a role of the account; it may be empty.
type queryText struct {
	From     string `json:"from"`
	Until    string `json:"until"`
	Country  string `json:"country"`
	Currency string `json:"currency"`
	Limit    uint32 `json:"limit"`
}

type paymentText struct {
	ID          string           `json:"id"`
	Kind        string           `json:"kind"`
	Amount      string           `json:"amount"`
	Currency    string           `json:"currency"`
	Country     string           `json:"country"`
	Method      string           `json:"method"`
	Reference   string           `json:"reference"`
	Description string           `json:"description"`
	ReturnURL   string           `json:"return_url"`
	ExpiresAt   string           `json:"expires_at"`
	Payer       *payerText       `json:"payer"`
	Destination *destinationText `json:"destination"`
	Options     json.RawMessage  `json:"options"`
}

type payerText struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Phone string `json:"phone"`
	IP    string `json:"ip"`
}

type destinationText struct {
	Operator string `json:"operator"`
	Number   string `json:"number"`
	Account  string `json:"account"`
	Address  string `json:"address"`
	Network  string `json:"network"`
	Memo     string `json:"memo"`
}

func readCall(data []byte, call *abi.Call) error {
	var text callText
	if err := readStrictly(data, &text); err != nil {
		return err
	}
	payment, err := text.Payment.message()
	if err != nil {
		return err
	}
	seed, err := readSeed(text.Seed)
	if err != nil {
		return err
	}
	now, err := readTime(text.Now)
	if err != nil {
		return err
	}
	sent, err := readTime(text.Sent)
	if err != nil {
		return err
	}
	query, err := text.Query.message()
	if err != nil {
		return err
	}
	*call = abi.Call{
		Operation: text.Operation, Payment: payment, Input: text.Input, Settings: text.Settings,
		Reference:         text.Reference,
		ProviderReference: text.ProviderReference, CreateReference: text.CreateReference, NowMs: now, SentMs: sent,
		Seed:   seed,
		Cursor: text.Cursor, CallbackUrl: text.CallbackURL, Query: query,
	}
	return nil
}

func (text *queryText) message() (*abi.Query, error) {
	if text == nil {
		return nil, nil
	}
	from, err := readTime(text.From)
	if err != nil {
		return nil, err
	}
	until, err := readTime(text.Until)
	if err != nil {
		return nil, err
	}
	return &abi.Query{FromMs: from, UntilMs: until, Country: text.Country, Currency: text.Currency, Limit: text.Limit},
		nil
}

func (text *paymentText) message() (*abi.Payment, error) {
	if text == nil {
		return nil, nil
	}
	kind, err := abi.ValueOf[abi.Kind](text.Kind, "KIND_", abi.Kind_value)
	if err != nil {
		return nil, err
	}
	expires, err := readTime(text.ExpiresAt)
	if err != nil {
		return nil, err
	}
	payment := &abi.Payment{
		Id: text.ID, Kind: kind, Amount: text.Amount, Currency: text.Currency, Country: text.Country,
		Method:    text.Method,
		Reference: text.Reference, Description: text.Description, ReturnUrl: text.ReturnURL, ExpiresMs: expires,
		Options: text.Options,
	}
	if payer := text.Payer; payer != nil {
		payment.Payer = &abi.Payer{Name: payer.Name, Email: payer.Email, Phone: payer.Phone, Ip: payer.IP}
	}
	if to := text.Destination; to != nil {
		payment.Destination = &abi.Destination{
			Operator: to.Operator, Number: to.Number, Account: to.Account, Address: to.Address, Network: to.Network,
			Memo: to.Memo,
		}
	}
	return payment, nil
}

// readSeed reads 32 bytes in hexadecimal; zeros where the vector does not care.
func readSeed(text string) ([]byte, error) {
	if text == "" {
		return make([]byte, 32), nil
	}
	seed, err := hex.DecodeString(text)
	if err != nil || len(seed) != 32 {
		return nil, fmt.Errorf("seed: not 32 bytes in hexadecimal")
	}
	return seed, nil
}

// readTime reads RFC 3339 to Unix milliseconds; 0 where it is not given.
func readTime(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("read time: %w", err)
	}
	return at.UnixMilli(), nil
}

func timeText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

// readResponse reads a status, headers, an empty line and a body. The line break that ends a section is not the body's.
func readResponse(data []byte) (*abi.HttpResponse, error) {
	first, headers, body, err := readMessage(data)
	if err != nil {
		return nil, err
	}
	number, _, _ := strings.Cut(first, " ")
	status, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("the first line is an HTTP status, not %q", first)
	}
	return &abi.HttpResponse{Status: uint32(status), Headers: headers, Body: body}, nil
}

func readCallback(data []byte) (*abi.Callback, error) {
	first, headers, body, err := readMessage(data)
	if err != nil {
		return nil, err
	}
	method, target, found := strings.Cut(first, " ")
	if !found || !strings.HasPrefix(target, "/") {
		return nil, fmt.Errorf("the first line is a method and a path, not %q", first)
	}
	path, query, _ := strings.Cut(target, "?")
	return &abi.Callback{Method: method, Path: path, Query: query, Headers: headers, Body: body}, nil
}

func readMessage(data []byte) (first string, headers []*abi.Header, body []byte, err error) {
	head, body, _ := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(strings.TrimSuffix(string(head), "\n"), "\n")
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			return "", nil, nil, fmt.Errorf("%q is no header", line)
		}
		headers = append(headers, &abi.Header{Name: name, Value: value})
	}
	return lines[0], headers, bytes.TrimSuffix(body, []byte("\n")), nil
}
