package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

// slow begins a request, and has the router wait for its body: the router asks for that (RFC 9110, section 10.1.1)
// once it has let the header pass. finish sends the body, and reads the answer.
func (w *harness) slow(line, body string, headers ...string) (finish func() answer) {
	w.t.Helper()
	c, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.router, "http://"))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() })
	require.NoError(w.t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n%s\r\n", line, len(body),
		strings.Join(append(headers, ""), "\r\n"))
	require.NoError(w.t, err)
	in := bufio.NewReader(c)
	goOn, err := in.ReadString('\n')
	require.NoError(w.t, err)
	require.Contains(w.t, goOn, "100 Continue")
	_, err = in.ReadString('\n')
	require.NoError(w.t, err)
	return func() answer {
		w.t.Helper()
		_, err := io.WriteString(c, body)
		require.NoError(w.t, err)
		response, err := http.ReadResponse(in, nil)
		require.NoError(w.t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(w.t, err)
		require.NoError(w.t, response.Body.Close())
		return answer{response.StatusCode, response.Header, text}
	}
}

// A body that comes slowly used to carry its key over its revocation, for as long as the body took.
func TestAKeyThatEndsWhileTheBodyComesIsRefused(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": access.Rights(), "desk": access.Rights(), "still": access.Rights(),
	})
	w := build(t, plan{data: data, command: serveCommand{Connections: connectionFlags{BodyTimeout: time.Hour}}})
	as := func(who, key string) []string {
		return []string{"Authorization: Bearer " + tokens[who], "Idempotency-Key: " + key}
	}
	id := "key_" + strings.Split(tokens["shop"], "_")[1]
	late := map[string]func() answer{
		"a payment": w.slow("POST /v1/payments", byPayPlay, as("shop", "late")...),
		"a key":     w.slow("POST /v1/keys", `{"name":"spare","preset":"owner"}`, as("shop", "late")...),
	}
	other := w.slow("POST /v1/payments", byPayPlay, as("still", "k")...)
	require.Equal(t, 200, w.ask("POST", w.router+"/v1/keys/"+id+"/revoke", "", bearer(tokens["desk"])...).status)
	before := w.asked()

	for what, finish := range late {
		a := finish()
		require.Equal(t, 401, a.status, "%s: %s", what, a.body)
		require.Equal(t, "unauthorized", problem(t, a).Type, what)
	}
	require.Equal(t, before, w.asked(), "nothing was sent")
	require.Equal(t, 201, other().status, "other keys' requests go on")
}

// A request that began while there was no key used to make one with every right after the first key had closed the
// router.
func TestTheFirstKeyClosesTheRouterToWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{Connections: connectionFlags{BodyTimeout: time.Hour}}})
	late := map[string]func() answer{
		"a key":     w.slow("POST /v1/keys", `{"name":"back door","merchant":"stranger","preset":"owner"}`),
		"a payment": w.slow("POST /v1/payments", byPayPlay, "Idempotency-Key: late"),
	}
	first := read[api.Key](t, w.ask("POST", w.router+"/v1/keys", `{"name":"first","preset":"owner"}`))
	before := w.asked()

	for what, finish := range late {
		a := finish()
		require.Equal(t, 401, a.status, "%s: %s", what, a.body)
	}
	require.Equal(t, before, w.asked(), "nothing was sent")
	keys := read[struct{ Data []api.Key }](t, w.ask("GET", w.router+"/v1/keys", "", bearer(first.Token)...)).Data
	require.Len(t, keys, 1)
}
