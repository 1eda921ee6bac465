package guest

import (
	"strings"

	abi "payrouter/abi/v1"
)

// Literal is the plugin's own text, taken as it stands.
func Literal(text string) *abi.Part {
	return &abi.Part{Part: &abi.Part_Literal{Literal: text}}
}

// Text is someone else's text: the host escapes it for its place.
func Text(text string) *abi.Part {
	return &abi.Part{Part: &abi.Part_Text{Text: text}}
}

// Secret names a secret of the account; the host puts its value there.
func Secret(name string) *abi.Part {
	return &abi.Part{Part: &abi.Part_Secret{Secret: name}}
}

// Request builds an HTTP request to the account's base URL. It holds the step that it becomes: an allocation costs a
// guest as much as reading a short message.
type Request struct {
	http    abi.HttpRequest
	headers [2]*abi.Field // as many as most requests have
	step    abi.Step
	next    abi.Step_Send
	send    abi.Send
}

// NewRequest starts a request; the path is its parts in a row, and starts with a literal "/".
func NewRequest(method string, path ...*abi.Part) *Request {
	r := new(Request)
	r.http.Method, r.http.Path, r.http.Headers = method, path, r.headers[:0]
	return r
}

// Header adds a header whose value is the parts in a row.
func (r *Request) Header(name string, value ...*abi.Part) *Request {
	r.http.Headers = append(r.http.Headers, &abi.Field{Name: name, Value: value})
	return r
}

// Bearer authenticates with a secret as RFC 6750 has it.
func (r *Request) Bearer(secret string) *Request {
	return r.Header("Authorization", Literal("Bearer "), Secret(secret))
}

// Query adds a query parameter, unless its text is empty.
func (r *Request) Query(name, text string) *Request {
	if text != "" {
		r.http.Query = append(r.http.Query, &abi.Field{Name: name, Value: []*abi.Part{Text(text)}})
	}
	return r
}

// JSON sets a JSON body.
func (r *Request) JSON(body []byte) *Request {
	r.http.Body = body
	r.http.Headers = append(r.http.Headers, jsonContent)
	return r
}

// jsonContent is in most requests, and never changed.
//
//nolint:gochecknoglobals // see above
var jsonContent = &abi.Field{Name: "Content-Type", Value: []*abi.Part{Literal("application/json")}}

// Form sets a urlencoded body.
func (r *Request) Form(form *Form) *Request {
	r.http.Body = []byte(form.encoded.String())
	return r.Header("Content-Type", Literal("application/x-www-form-urlencoded"))
}

// Send is the step that sends the request as the call's own operation. state comes back to Interpret.
func (r *Request) Send(state []byte) *abi.Step {
	return r.SendAs("", state)
}

// SendAs is Send for a request that performs another operation than the call's, on the way to it: that operation's
// idempotency class governs the request.
func (r *Request) SendAs(operation string, state []byte) *abi.Step {
	r.send.Request, r.send.State, r.send.Operation = &r.http, state, operation
	r.next.Send = &r.send
	r.step.Next = &r.next
	return &r.step
}

// Form is an application/x-www-form-urlencoded body (the URL Standard's serializer). The zero value is empty.
type Form struct {
	encoded strings.Builder
}

// Set adds a field, unless its text is empty.
func (f *Form) Set(name, text string) *Form {
	if text == "" {
		return f
	}
	if f.encoded.Len() > 0 {
		f.encoded.WriteByte('&')
	}
	f.escape(name)
	f.encoded.WriteByte('=')
	f.escape(text)
	return f
}

func (f *Form) escape(text string) {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '*':
			f.encoded.WriteByte(c)
		case c == ' ':
			f.encoded.WriteByte('+')
		default:
			f.encoded.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
}
