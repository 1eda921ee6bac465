package chaos

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

func TestThePostLosesNothingAndRepeatsAndForges(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	taken, tries := map[string]int{}, 0
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mutex.Lock()
		defer mutex.Unlock()
		if tries++; tries <= 20 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		taken[r.Method+" "+r.URL.RequestURI()+" "+string(body)+" "+r.Header.Get("Signature")]++
	}))
	defer router.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := newPost(ctx, router.URL, rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	defer func() {
		cancel()
		<-p.closed
	}()
	const many = 40
	for range many {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/callbacks/a/b?c=d",
			strings.NewReader(`{"status": "COMPLETE"}`))
		require.NoError(t, err)
		request.Header.Set("Signature", "s")
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	require.Eventually(t, func() bool { return p.underway() == 0 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, many, p.carried().Genuine)
	require.Positive(t, p.carried().Replayed)
	require.Positive(t, p.carried().Forged)
	require.Empty(t, p.complaints())
	mutex.Lock()
	defer mutex.Unlock()
	require.GreaterOrEqual(t, taken[`POST /callbacks/a/b?c=d {"status": "COMPLETE"} s`], many)
}

func TestACallbackThatTheRouterWillNotHaveIsAComplaint(t *testing.T) {
	t.Parallel()
	router := httptest.NewServer(http.NotFoundHandler())
	defer router.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := newPost(ctx, router.URL, rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	p.bring(ctx, &letter{method: http.MethodGet, target: "/callbacks/a/b"})
	require.Len(t, p.complaints(), 1)
	p.bring(ctx, &letter{method: http.MethodGet, target: "/callbacks/a/b", forged: true})
	require.Len(t, p.complaints(), 1, "what is forged may be refused")
	cancel()
	<-p.closed
}

func TestAForgedCallbackIsAnother(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(3, 4))
	real := &letter{
		target: "/callbacks/a/b?recharge_status=Success&api_ref_id=0123456789",
		body:   []byte(`{"order": {"id": "0123456789", "status": "COMPLETE"}}`),
	}
	others := 0
	for range 100 {
		if forged := forge(real, dice); forged.target != real.target || string(forged.body) != string(real.body) {
			others++
		}
	}
	require.Greater(t, others, 80)
}

// The operator believes what has come to its end, and nothing else.
func TestTheOperatorSaysWhatTheProviderDid(t *testing.T) {
	t.Parallel()
	r := &run{payers: newPayers(nil, nil, Settings{})}
	r.payers.driven["paygrt over"] = time.Unix(1, 0)
	try := Tried{Provider: "paygrt", Role: "create", Idempotency: "none", Sent: true}
	of := func(reference string, moved bool) sandbox.Booking {
		return sandbox.Booking{
			Provider: "paygrt", Operation: "recharge", ProviderReference: reference,
			MovedMoney: moved,
		}
	}
	for name, test := range map[string]struct {
		bookings []sandbox.Booking
		status   string
		known    bool
	}{
		"nothing was booked":     {nil, "failed", true},
		"it moved money":         {[]sandbox.Booking{of("over", true)}, "succeeded", true},
		"it was given back":      {[]sandbox.Booking{of("over", false)}, "failed", true},
		"it is not over":         {[]sandbox.Booking{of("open", true)}, "", false},
		"there is more than one": {[]sandbox.Booking{of("over", true), of("over", true)}, "", false},
		"it is at another of them": {[]sandbox.Booking{{
			Provider: "payplay", Operation: "withdraw",
			ProviderReference: "over",
		}}, "", false},
	} {
		status, _, known := r.asked(&audited{
			Entry:    Entry{Provider: "paygrt", Tries: []Tried{try}},
			bookings: test.bookings,
		})
		require.Equal(t, test.status, status, name)
		require.Equal(t, test.known, known, name)
	}
}
