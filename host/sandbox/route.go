package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

func readRequest(r *http.Request, provider, path string, now time.Time) (*simulator.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, simulator.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	if len(body) > simulator.MaxBody {
		return nil, fmt.Errorf("the request's body has more than %d bytes", simulator.MaxBody)
	}
	ip := r.RemoteAddr
	if cut := strings.LastIndexByte(ip, ':'); cut > 0 {
		ip = ip[:cut]
	}
	return &simulator.Request{
		Method: r.Method,
		Path:   segments(path),
		Query:  r.URL.Query(),
		Header: r.Header,
		Body:   body,
		Base:   "http://" + r.Host + "/" + provider,
		IP:     ip,
		Now:    now,
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

type compiledRoute struct {
	simulator.Route
	parts []string
}

func compileRoutes(routes []simulator.Route) []compiledRoute {
	compiled := make([]compiledRoute, 0, len(routes))
	for _, rt := range routes {
		compiled = append(compiled, compiledRoute{rt, segments(rt.Pattern)})
	}
	return compiled
}

// match finds the first route of the request's method and path, and sets the request's vars.
func match(routes []compiledRoute, r *simulator.Request) *compiledRoute {
	for i := range routes {
		if routes[i].Method != r.Method {
			continue
		}
		if vars, ok := capture(routes[i].parts, r.Path); ok {
			r.Vars = vars
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
