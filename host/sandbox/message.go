package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds a request's body, in bytes. No provider documents a limit; none needs more.
const maxBody = 1 << 20

// request is what came in, read to its end: the providers' rules work on values, not on sockets.
type request struct {
	method string
	// path is what follows the provider's prefix, split and unescaped; vars are the parts that a route names.
	path   []string
	vars   map[string]string
	query  url.Values
	header http.Header
	body   []byte
	// base is the provider's base URL as the caller knows it: payers' links start with it.
	base string
	// ip is the caller's address.
	ip  string
	now time.Time
}

func readRequest(r *http.Request, provider, path string, now time.Time) (*request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the request's body has more than %d bytes", maxBody)
	}
	ip := r.RemoteAddr
	if cut := strings.LastIndexByte(ip, ':'); cut > 0 {
		ip = ip[:cut]
	}
	return &request{
		method: r.Method,
		path:   segments(path),
		query:  r.URL.Query(),
		header: r.Header,
		body:   body,
		base:   "http://" + r.Host + "/" + provider,
		ip:     ip,
		now:    now,
	}, nil
}

// segments splits an escaped path. A slash at the end is ignored, as by the providers' routers.
func segments(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

// form reads the body as the two form types that browsers send; any other body has no fields.
func (r *request) form() url.Values {
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		return url.Values{}
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(r.body))
		if err != nil {
			return url.Values{}
		}
		return values
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(r.body), params["boundary"]).ReadForm(maxBody)
		if err != nil {
			return url.Values{}
		}
		return form.Value
	default:
		return url.Values{}
	}
}

// answer is what goes out.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	a.writeHeader(w)
	_, _ = w.Write(a.body)
}

func (a answer) writeHeader(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
}

// jsonAnswer renders value without escaping &, < and >, and without a newline at the end: the documents' byte counts
// have neither.
func jsonAnswer(status int, value any) answer {
	body, err := marshal(value)
	if err != nil {
		return answer{status: http.StatusInternalServerError, body: []byte(err.Error())}
	}
	return answer{
		status: status,
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		body:   body,
	}
}

func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// route is one call of a provider: "/private-api/orders/{slug}/{id}".
type route struct {
	operation string
	method    string
	pattern   string
	serve     func(*request) answer
	// open calls ask for no credentials.
	open bool
}

type compiledRoute struct {
	route
	parts []string
}

func compileRoutes(routes []route) []compiledRoute {
	compiled := make([]compiledRoute, 0, len(routes))
	for _, rt := range routes {
		compiled = append(compiled, compiledRoute{rt, segments(rt.pattern)})
	}
	return compiled
}

// match finds the first route of the request's method and path, and sets the request's vars.
func match(routes []compiledRoute, r *request) *compiledRoute {
	for i := range routes {
		if routes[i].method != r.method {
			continue
		}
		if vars, ok := capture(routes[i].parts, r.path); ok {
			r.vars = vars
			return &routes[i]
		}
	}
	return nil
}

func capture(parts, path []string) (map[string]string, bool) {
	if len(parts) != len(path) {
		return nil, false
	}
	vars := map[string]string{}
	for i, part := range parts {
		name, isVar := strings.CutPrefix(part, "{")
		switch {
		case isVar && path[i] != "":
			vars[strings.TrimSuffix(name, "}")] = path[i]
		case part != path[i]:
			return nil, false
		}
	}
	return vars, true
}
