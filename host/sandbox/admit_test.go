package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// The credentials of the simulated providers are public: without this, any page that a developer opens books payments.
func TestOnlyPayersPagesAreReachedFromPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	const page = "navigate"
	for name, row := range map[string]struct {
		method, path, host, site, mode string
		status                         int
	}{
		"a program":                  {"POST", "/_sandbox/paygrt/up", "", "", "", 200},
		"a payer's button":           {"POST", "/_sandbox/paygrt/up", "", "same-origin", page, 200},
		"another page's form":        {"POST", "/_sandbox/paygrt/down", "", "cross-site", page, 403},
		"another port's page":        {"POST", "/_sandbox/paygrt/down", "", "same-site", "cors", 403},
		"another page's read":        {"GET", "/_sandbox/ledger", "", "cross-site", "cors", 403},
		"a name that was rebound":    {"POST", "/_sandbox/paygrt/down", "evil.example", "", "", 421},
		"a provider's endpoint":      {"GET", "/payplay/rates", "", "cross-site", page, 403},
		"a shop's link to a site":    {"GET", "/exchanger/?rid=1", "", "cross-site", page, 200},
		"the same as a fetch":        {"GET", "/exchanger/?rid=1", "", "cross-site", "no-cors", 403},
		"a provider that is rebound": {"GET", "/payplay/rates", "evil.example", "", "", 421},
	} {
		request, err := http.NewRequestWithContext(t.Context(), row.method, w.URL+row.path, nil)
		require.NoError(t, err)
		request.Host = row.host
		if row.site != "" {
			request.Header.Set("Sec-Fetch-Site", row.site)
			request.Header.Set("Sec-Fetch-Mode", row.mode)
			request.Header.Set("Sec-Fetch-Dest", "document")
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		require.Equal(t, row.status, response.StatusCode, name)
	}
	http.DefaultClient.CloseIdleConnections()
}
