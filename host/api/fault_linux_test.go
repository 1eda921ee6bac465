package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

// The tests of this file exchange files under numbers that the whole process shares, so nothing may run beside them.

func TestWithoutADiskNothingLeavesAndServiceComesBackByItself(t *testing.T) {
	p := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	require.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/readyz", "").Code)
	before := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "before")
	require.Equal(t, http.StatusCreated, before.Code)
	mend := breakLog(t, s.dir)

	repeated := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "before")
	require.Equal(t, http.StatusCreated, repeated.Code, "what was answered can be read still")
	require.Equal(t, before.Body.String(), repeated.Body.String())

	refused := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k")

	require.Equal(t, http.StatusServiceUnavailable, refused.Code)
	require.Equal(t, "application/problem+json", refused.Header().Get("Content-Type"))
	require.Contains(t, refused.Body.String(), "journal-unavailable")
	require.NotEmpty(t, refused.Header().Get("Retry-After"))
	require.NotContains(t, refused.Body.String(), s.dir, "where the journal is concerns no caller")
	require.Equal(t, http.StatusServiceUnavailable, s.ask(http.MethodGet, "/readyz", "").Code)
	require.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").Code)
	_, sent := p.created()
	require.Equal(t, 1, sent)

	mend()
	require.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/readyz", "").Code)
	require.Equal(t, http.StatusCreated,
		s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k").Code)
	_, sent = p.created()
	require.Equal(t, 2, sent)
}

// The disk goes between the payment and its attempt, and then between the request and its outcome.
func TestADiskThatGoesInTheMiddleOfAPayment(t *testing.T) {
	for what, row := range map[string]struct {
		// sent is how often the provider is asked while the disk is gone, and again in all.
		sent, total int
		during      bool
		status      string
	}{
		"before the request": {0, 1, false, "requires_action"},
		"before its outcome": {1, 1, true, "succeeded"},
	} {
		t.Run(what, func(t *testing.T) {
			var s *shop
			var mend func()
			p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/lookup" {
					says(`{"id":"a-1","status":"paid"}`)(w, r)
					return
				}
				if row.during && mend == nil {
					mend = breakLog(t, s.dir)
				}
				says(`{"id":"a-1","status":"open"}`)(w, r)
			})
			creating := func() {
				if !row.during && mend == nil {
					mend = breakLog(t, s.dir)
				}
			}
			s = openWith(t, t.TempDir(), p.url, api.Settings{}, creating)
			defer func() { s.close(t) }()

			answer := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k")

			require.Equal(t, http.StatusServiceUnavailable, answer.Code)
			_, sent := p.created()
			require.Equal(t, row.sent, sent)
			require.Equal(t, http.StatusServiceUnavailable, s.ask(http.MethodGet, "/readyz", "").Code)
			mend()
			require.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/readyz", "").Code)
			require.NoError(t, s.engine.Recover(t.Context()))
			if row.during {
				unknown := s.ask(http.MethodGet, "/v1/payments", "").Body.String()
				require.Contains(t, unknown, `"status":"unknown"`)
				id := unknown[strings.Index(unknown, "pay_"):][:len("pay_")+26]
				require.Equal(t, http.StatusOK, s.ask(http.MethodPost, "/v1/payments/"+id+"/refresh", "").Code)
			}

			again := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"), "Idempotency-Key", "k")
			require.Equal(t, http.StatusCreated, again.Code)
			require.Contains(t, again.Body.String(), `"status":"`+row.status+`"`)
			if row.during {
				require.Contains(t, answer.Body.String(), idOf(t, again.Body.String()), "the refusal names the payment")
			}
			_, sent = p.created()
			require.Equal(t, row.total, sent)
		})
	}
}

// breakLog lets every write to the journal's log fail, as a disk does that went bad, until mend is called. Reads go on.
func breakLog(t *testing.T, dir string) (mend func()) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	unwritable, err := syscall.Open(logs[0], syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer syscall.Close(unwritable)
	kept := map[int]int{}
	for _, fd := range openFiles(t, logs[0]) {
		if fd == unwritable {
			continue
		}
		kept[fd], err = syscall.Dup(fd)
		require.NoError(t, err)
		require.NoError(t, syscall.Dup3(unwritable, fd, syscall.O_CLOEXEC))
	}
	require.NotEmpty(t, kept)
	return sync.OnceFunc(func() {
		for fd, original := range kept {
			require.NoError(t, syscall.Dup3(original, fd, syscall.O_CLOEXEC))
			require.NoError(t, syscall.Close(original))
		}
	})
}

func openFiles(t *testing.T, path string) (found []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name())); err != nil || target != path {
			continue // closed meanwhile, or another file
		}
		fd, err := strconv.Atoi(entry.Name())
		require.NoError(t, err)
		found = append(found, fd)
	}
	return found
}
