package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARefusalHasAllThatTheAnswerSays(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct{ body, want string }{
		"a detail": {
			`{"title":"No such account","detail":"no account \"x\""}`,
			`the router answered 422 Unprocessable Entity: no account "x"`,
		},
		"several members": {
			`{"detail":"/a is missing","errors":[{"pointer":"/a","detail":"is missing"},{"pointer":"/b","detail":"is empty"}]}`,
			"the router answered 422 Unprocessable Entity: /a is missing\n/b is empty",
		},
		"a provider's failure": {
			`{"detail":"the account has too little","failure":{"code":"insufficient_funds"}}`,
			"the router answered 422 Unprocessable Entity: the account has too little (insufficient_funds)",
		},
		"a proxy's page": {`<html>`, "the router answered 422 Unprocessable Entity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, answer.body)
			}))
			defer server.Close()
			asker, err := newAsker(&host{ctx: t.Context()}, "", askerFlags{}, time.Minute)
			require.NoError(t, err)
			defer asker.close()
			_, err = asker.ask(http.MethodGet, server.URL, nil, nil)
			require.EqualError(t, err, answer.want)
		})
	}
}
