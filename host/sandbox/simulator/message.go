package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"
)

// MaxBody bounds a request's body, in bytes. No provider documents a limit; none needs more.
const MaxBody = 1 << 20

// Request is what came in, read to its end: the providers' rules work on values, not on sockets.
type Request struct {
	Method string
	// Path is what follows the provider's prefix, split and unescaped; Vars are the parts that a route names.
	Path   []string
	Vars   map[string]string
	Query  url.Values
	Header http.Header
	Body   []byte
	// Base is the provider's base URL as the caller knows it: payers' links start with it.
	Base string
	// IP is the caller's address.
	IP  string
	Now time.Time
}

// Form reads the body as the two form types that browsers send; any other body has no fields.
func (r *Request) Form() url.Values {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return url.Values{}
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return url.Values{}
		}
		return values
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]).ReadForm(MaxBody)
		if err != nil {
			return url.Values{}
		}
		return form.Value
	default:
		return url.Values{}
	}
}

// Answer is what goes out.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Write sends the answer.
func (a Answer) Write(w http.ResponseWriter) {
	a.WriteHeader(w)
	_, _ = w.Write(a.Body)
}

// WriteHeader sends the answer up to its body.
func (a Answer) WriteHeader(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
}

// JSON renders value without escaping &, < and >, and without a newline at the end: the documents' byte counts
// have neither.
func JSON(status int, value any) Answer {
	body, err := Marshal(value)
	if err != nil {
		return Answer{Status: http.StatusInternalServerError, Body: []byte(err.Error())}
	}
	return Answer{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body:   body,
	}
}

// Marshal encodes value as JSON does.
func Marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Route is one call of a provider: "/private-api/orders/{slug}/{id}".
type Route struct {
	Operation string
	Method    string
	Pattern   string
	Serve     func(*Request) Answer
	// Open calls ask for no credentials.
	Open bool
	// Page calls are made by a payer's browser, which a web page may have sent there.
	Page bool
}
