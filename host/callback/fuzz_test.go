package callback_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/callback"
	"payrouter/host/egress"
)

// lastKept is a store that keeps the last callback in memory.
type lastKept struct {
	callback.Store
	kept []callback.Callback
}

func (s *lastKept) KeepCallback(_ context.Context, c callback.Callback) error {
	s.kept = append(s.kept, c)
	return nil
}

func (s *lastKept) Clock() time.Duration { return time.Second }

// Whatever comes is answered with a documented status, kept as it came or not at all, and never logged.
func FuzzServeCallback(f *testing.F) {
	addresses, err := callback.NewAddresses("", []byte(addressSecret))
	if err != nil {
		f.Fatal(err)
	}
	full, err := callback.NewAddresses("https://pay.example", []byte(addressSecret))
	if err != nil {
		f.Fatal(err)
	}
	account := strings.TrimPrefix(full.Account("a"), "https://pay.example")
	own := strings.TrimPrefix(full.Payment("a", "pay_1"), "https://pay.example")
	_, token, _ := strings.Cut(account, "/callbacks/a/")
	f.Add("POST", account, "", "Signature", "00", []byte("about=known"))
	f.Add("GET", own, "about=known&x=%zz", "X", "", []byte{})
	f.Add("REPORT", account+"/", "", "Content-Type", "application/json", []byte(`{"about": 1}`))
	f.Add("POST", "/callbacks/a/guessed", "", "Expect", "100-continue", bytes.Repeat([]byte("x"), 5000))
	f.Fuzz(func(t *testing.T, method, path, query, header, value string, body []byte) {
		log, store, plugin := &bytes.Buffer{}, &lastKept{}, &reader{}
		inbox := callback.NewInbox(store, nil, callback.Settings{
			Addresses: addresses, MaxBody: 4096, Logger: slog.New(slog.NewTextHandler(log, nil)),
			Accounts: func() (map[string]callback.Account, func()) {
				return map[string]callback.Account{"a": {Plugin: plugin, Verifier: nobody{}}}, func() {}
			},
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		r.Method, r.URL.Path, r.URL.RawPath, r.URL.RawQuery = method, path, "", query
		r.Header[header] = []string{value}
		w := httptest.NewRecorder()
		inbox.ServeHTTP(w, r)

		ours := path == account || path == own
		switch {
		case !ours && (w.Code != http.StatusNotFound || len(store.kept)+len(plugin.seen)+log.Len() != 0):
			t.Fatalf("%s is not ours: %d", path, w.Code)
		case ours && w.Code == http.StatusRequestEntityTooLarge:
			if len(body) <= 4096 || len(store.kept) != 0 {
				t.Fatalf("%d bytes are too many, of which %d were kept", len(body), len(store.kept))
			}
		case ours && (w.Code != http.StatusAccepted || len(store.kept) != 1 || !bytes.Equal(store.kept[0].Body, body)):
			t.Fatalf("ours is answered %d and kept as %v", w.Code, store.kept)
		}
		if strings.Contains(log.String(), token) || len(body) > 8 && strings.Contains(log.String(), string(body)) {
			t.Fatalf("it is logged: %s", log)
		}
	})
}

// nobody signs.
type nobody struct{}

func (nobody) Verify(*abi.Signature, string, egress.Signed) error { return egress.ErrNoSecret }
