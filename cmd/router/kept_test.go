package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api/pluginview"
)

const keepingRouting = `
providers:
  keeper:
    plugin: keeper
    base_url: %s
    allow_private: true
rules:
  - {name: all, to: [keeper]}
`

// A plugin that keeps a payment's payer has it in the next payment's request where calls share an instance. The sample
// finds that, and sends what a pristine instance asks for; where every call is pristine there is nothing to find.
func TestNoPayerGetsIntoAnothersRequest(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o",
		filepath.Join(modules, "keeper.wasm"), "./testdata/keeper")
	guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	require.NoError(t, succeed(guest))
	for name, row := range map[string]struct {
		command   serveCommand
		isolation string // after the payments
		leaks     bool
		kept      bool
	}{
		"pristine, by default": {serveCommand{}, "pristine", false, false},
		"shared, without a sample": {
			serveCommand{Isolation: map[string]string{"keeper": "shared"}, IsolationSample: -1}, "shared", true, false,
		},
		"shared, every second call sampled": {
			serveCommand{Isolation: map[string]string{"keeper": "shared"}, IsolationSample: 2}, "pristine", false, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mutex sync.Mutex
			var bodies []string
			provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mutex.Lock()
				defer mutex.Unlock()
				bodies = append(bodies, string(body))
			}))
			t.Cleanup(provider.Close)
			command := row.command
			command.Plugins = modules
			command.Routing = writeFile(t, filepath.Join(t.TempDir(), "routing.yaml"), fmt.Sprintf(keepingRouting, provider.URL))
			w := build(t, plan{bare: true, command: command})
			for i := range 4 {
				w.create(fmt.Sprintf(`{"kind":"collect","amount":"5.00","currency":"EUR",
					"payer":{"email":"payer%d@example.com"}}`, i))
			}
			require.Len(t, bodies, 4)
			require.Equal(t, row.leaks, strings.Contains(fmt.Sprint(bodies), "@example.com"), "%v", bodies)
			known := read[pluginview.Plugin](t, w.ask("GET", w.router+"/v1/plugins/keeper", ""))
			require.Equal(t, row.isolation, known.Generations[0].Isolation)
			require.Equal(t, row.kept, known.Generations[0].Kept > 0)
			require.NotContains(t, w.log.String(), "@example.com")
		})
	}
}
