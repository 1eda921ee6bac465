package sandboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// Reply is an answer read to its end.
type Reply struct {
	Status int
	Header http.Header
	Text   string
	Err    error
}

// JSON decodes the body; numbers stay text.
func (r Reply) JSON(t *testing.T) map[string]any {
	t.Helper()
	require.NoError(t, r.Err)
	var value map[string]any
	d := json.NewDecoder(strings.NewReader(r.Text))
	d.UseNumber()
	require.NoError(t, d.Decode(&value), r.Text)
	return value
}

// At walks down an answer's objects and lists.
func (r Reply) At(t *testing.T, path ...any) any {
	t.Helper()
	var value any = r.JSON(t)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	if n, ok := value.(json.Number); ok {
		return n.String()
	}
	return value
}

// Do asks the sandbox. What goes wrong on the way is the reply's Err.
func (w *World) Do(method, path string, header http.Header, body string) Reply {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.URL+path, reader)
	require.NoError(w.t, err)
	maps.Copy(req.Header, header)
	resp, err := w.Client.Do(req)
	if err != nil {
		return Reply{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return Reply{resp.StatusCode, resp.Header, string(text), err}
}

// JSONHeader is the header of a request in JSON, with pairs of a name and a value besides.
func JSONHeader(extra ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	for i := 0; i < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	return h
}

// FormHeader is the header of a form, with pairs of a name and a value besides.
func FormHeader(extra ...string) http.Header {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	return h
}

// Form writes pairs of a field and its value.
func Form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// Compact takes the blanks out of a document's example.
func Compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, []byte(text)))
	return out.String()
}

// Call asks a sandbox without a socket in between.
func Call(s *sandbox.Server, method, path string, header http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header = header
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// Decimal reads an amount.
func Decimal(t require.TestingT, text string) *apd.Decimal {
	d, _, err := apd.NewFromString(text)
	require.NoError(t, err, text)
	return d
}
