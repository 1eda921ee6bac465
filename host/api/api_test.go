package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/payment"
)

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return recorder
}

// A router that cannot record payments is alive, and gets no traffic.
func TestReadinessIsNotHealth(t *testing.T) {
	t.Parallel()
	handler := api.New(nil, api.Settings{Ready: func() error { return errors.New("disk full") }})
	require.Equal(t, http.StatusOK, get(t, handler, "/healthz").Code)
	unready := get(t, handler, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, unready.Code)
	require.JSONEq(t, `{"status":"unavailable"}`, unready.Body.String())
	require.NotContains(t, unready.Body.String(), "disk", "the reason is the operator's")
	require.Equal(t, http.StatusOK, get(t, api.New(nil, api.Settings{}), "/readyz").Code)
}

// A bug reveals nothing to the caller, and ends only its own request.
func TestAPanicIsAnInternalProblem(t *testing.T) {
	t.Parallel()
	var none *payment.Engine
	handler := api.New(none, api.Settings{})
	broken := get(t, handler, "/v1/providers")
	require.Equal(t, http.StatusInternalServerError, broken.Code)
	require.Equal(t, "application/problem+json", broken.Header().Get("Content-Type"))
	require.JSONEq(t, `{"type":"urn:payrouter:problem:internal","title":"Internal error","status":500}`,
		broken.Body.String())
	require.Equal(t, http.StatusOK, get(t, handler, "/healthz").Code)
}
