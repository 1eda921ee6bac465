// Package evidence reads what a plugin has from its provider's documents: the list of the endpoints that they name,
// testdata/endpoints.txt, and the golden vectors with their requests and responses, testdata/*.txtar.
package evidence

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// Endpoint is one that the documents name, the operation that speaks with it, and how far which document goes.
type Endpoint struct {
	Method, Path, Operation, Source string
}

// Endpoints are those that are listed in a plugin's folder.
func Endpoints(tb testing.TB, plugin string) []Endpoint {
	tb.Helper()
	path := filepath.Join(plugin, "testdata", "endpoints.txt")
	content, err := os.ReadFile(path)
	require.NoError(tb, err, "every endpoint that the documents name")
	var all []Endpoint
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(tb, cells, 3, "%s: %s", path, line)
		method, route, found := strings.Cut(cells[0], " ")
		require.True(tb, found, "%s: %s", path, line)
		all = append(all, Endpoint{method, route, cells[1], cells[2]})
	}
	return all
}

// Matches reports whether a request's target is the endpoint's. A variable stands for one segment.
func (e Endpoint) Matches(method, target string) bool {
	target, _, _ = strings.Cut(target, "?")
	wanted, segments := strings.Split(e.Path, "/"), strings.Split(target, "/")
	return method == e.Method && slices.EqualFunc(wanted, segments, func(want, segment string) bool {
		return want == segment || strings.HasPrefix(want, "{") && segment != ""
	})
}

// Request is one that a golden vector shows, with the operation that it performs.
type Request struct {
	Method, Target, Operation string
}

// Requests are those that a plugin's vectors show.
func Requests(tb testing.TB, plugin string) []Request {
	tb.Helper()
	var shown []Request
	for _, archive := range archives(tb, plugin) {
		var call struct {
			Operation string `json:"operation"`
		}
		for _, section := range archive.Files {
			if section.Name == "call.json" {
				require.NoError(tb, json.Unmarshal(section.Data, &call))
			}
		}
		for _, section := range archive.Files {
			if strings.HasPrefix(section.Name, "request-") {
				shown = append(shown, request(call.Operation, section.Data))
			}
		}
	}
	return shown
}

// request reads a request's first line, as vectors write it: "GET /payments/1?a=b as GetPayment".
func request(operation string, section []byte) Request {
	line, _, _ := strings.Cut(string(section), "\n")
	line, other, performs := strings.Cut(line, " as ")
	if performs {
		operation = other
	}
	method, target, _ := strings.Cut(line, " ")
	if host, found := strings.CutPrefix(target, "https://"); found {
		_, path, _ := strings.Cut(host, "/")
		target = "/" + path
	}
	return Request{method, target, operation}
}

// Responses are those that a plugin's vectors show.
func Responses(tb testing.TB, plugin string) []*abi.HttpResponse {
	tb.Helper()
	var shown []*abi.HttpResponse
	for _, archive := range archives(tb, plugin) {
		for _, section := range archive.Files {
			if !strings.HasPrefix(section.Name, "response-") {
				continue
			}
			head, body, _ := strings.Cut(string(section.Data), "\n\n")
			status, err := strconv.ParseUint(strings.Fields(head)[0], 10, 32)
			require.NoError(tb, err)
			shown = append(shown,
				&abi.HttpResponse{Status: uint32(status), Body: []byte(strings.TrimSuffix(body, "\n"))})
		}
	}
	return shown
}

func archives(tb testing.TB, plugin string) []*txtar.Archive {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(plugin, "testdata", "*.txtar"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var all []*txtar.Archive
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(tb, err)
		all = append(all, archive)
	}
	return all
}
