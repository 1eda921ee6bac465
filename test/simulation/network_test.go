package simulation

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/sandbox"
	"payrouter/test/chaos"
)

// network carries what the router sends to the providers, and their answers. Each request is held before it reaches its
// provider, and each answer before it reaches the router.
type network struct {
	w *world
	// down are the sites that cannot be reached, until when.
	down map[string]time.Time
	// blind are the payments that their provider denies to know, until when.
	blind map[string]time.Time
	// lookups are the answers to look-ups so far, by site and operation; taken are those to creates that the router got
	// as they were.
	lookups, taken map[string][]lookupAnswer
	conns          int
}

type lookupAnswer struct {
	payment, request string
	raw              []byte
}

// wire is the router's end of a connection.
type wire struct {
	network *network
	life    *life
	site    string
	number  int

	mutex    sync.Mutex // guards what follows
	out, in  []byte
	failure  error
	closed   bool
	deadline time.Time
	// fresh: there is something to read, or never will be.
	fresh chan struct{}
}

// dial is an account's way to its provider.
func (l *life) dial(account string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		n, site := l.w.network, chaos.SiteOf(account)
		c := &wire{network: n, life: l, site: site, fresh: make(chan struct{}, 1)}
		err := l.hold(ctx, "connect "+account, func(e *event) {
			n.conns++
			c.number = n.conns
			e.at = time.Now().Add(l.w.between(time.Millisecond, 100*time.Millisecond))
			switch {
			case n.down[site].After(time.Now()), l.w.chance(3):
				l.w.fire("connection refused")
				c.failure = syscall.ECONNREFUSED
			case l.w.chance(2):
				l.w.fire("connection black-holed")
				e.at = time.Now().Add(time.Minute)
			}
		})
		if err == nil {
			err = c.failure
		}
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
		l.adopt(c)
		return c, nil
	}
}

func (c *wire) Read(b []byte) (int, error) {
	for {
		c.mutex.Lock()
		n := copy(b, c.in)
		c.in = c.in[n:]
		failure := c.failure
		if c.closed {
			failure = net.ErrClosed
		}
		c.mutex.Unlock()
		if n > 0 {
			return n, nil
		}
		if failure != nil {
			return 0, failure
		}
		<-c.fresh
	}
}

// Write takes requests. What is written is on its way, whatever becomes of the writer.
func (c *wire) Write(b []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.life.dead.Load():
		return 0, syscall.EPIPE
	case c.failure != nil && !errors.Is(c.failure, io.EOF):
		return 0, syscall.EPIPE
	case !c.deadline.IsZero() && !c.deadline.After(c.network.w.clock.Now()):
		return 0, os.ErrDeadlineExceeded
	}
	c.out = append(c.out, b...)
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.out)))
	if err != nil {
		return len(b), nil // there is more to come
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return len(b), nil
	}
	c.out = nil
	c.network.leave(c, request, body)
	return len(b), nil
}

func (c *wire) Close() error {
	c.mutex.Lock()
	c.closed = true
	c.mutex.Unlock()
	c.wake()
	return nil
}

func (c *wire) wake() {
	select {
	case c.fresh <- struct{}{}:
	default:
	}
}

// fail ends the connection from the provider's side.
func (c *wire) fail(err error) {
	c.mutex.Lock()
	c.failure = cmp.Or(c.failure, err)
	c.mutex.Unlock()
	c.wake()
}

// deliver hands bytes to the router, and reports whether it still reads.
func (c *wire) deliver(raw []byte) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed || c.failure != nil {
		return false
	}
	c.in = append(c.in, raw...)
	c.wake()
	return true
}

func (c *wire) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: c.number} }

func (c *wire) RemoteAddr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 80} }
func (c *wire) SetDeadline(t time.Time) error   { return c.SetWriteDeadline(t) }
func (c *wire) SetReadDeadline(time.Time) error { return nil }
func (c *wire) SetWriteDeadline(t time.Time) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.deadline = t
	return nil
}

// exchange is a request that has left, and what becomes of it.
type exchange struct {
	wire    *wire
	request *http.Request
	body    []byte
	// key is the same for the same request.
	key     string
	attempt attempt.Attempt
	fault   string
	// delay is how long the answer takes.
	delay time.Duration
	// status is of the faults that have one.
	status int
}

// leave takes a request over from the router, on a goroutine of the router's.
func (n *network) leave(c *wire, request *http.Request, body []byte) {
	x := &exchange{wire: c, request: request, body: body}
	x.key = requestKey(c.site, request.Method, request.URL.RequestURI(), body)
	attempt, known := n.w.ledger.left(c.site, x.key, n.w.clock.Wall())
	if !known {
		n.w.violated("a request left for %s without a journalled attempt: %s", c.site, x.key)
	}
	x.attempt = attempt
	n.w.announce(&event{
		name:  fmt.Sprintf("request to %s (connection %d): %s %s", c.site, c.number, attempt.ID, x.key),
		enter: func(e *event) { e.at = time.Now().Add(n.travel(x)) }, happen: func() { n.arrive(x) },
	})
}

// requestKey names a request by its contents, as the journal shows them.
func requestKey(site, method, uri string, body []byte) string {
	for _, token := range tokensInPaths {
		uri = strings.ReplaceAll(uri, token, "{token}")
	}
	sum := fnv.New32a()
	_, _ = sum.Write(body)
	return fmt.Sprintf("%s %s %s %08x", site, method, uri, sum.Sum32())
}

// tokensInPaths are PayGram's credentials as they leave, and as the journal shows them.
var tokensInPaths = []string{
	sandbox.DefaultCredentials().PayGramEU, sandbox.DefaultCredentials().PayGramAsia,
	"{{secret:token}}", "%7B%7Bsecret:token%7D%7D",
}

func (x *exchange) lookup() bool { return x.attempt.Role == "lookup" }
func (x *exchange) create() bool {
	return x.attempt.Role == "create" && x.attempt.Idempotency != "safe"
}

// The faults of an exchange.
const (
	lateRequest   = "request arrives late"
	resetBefore   = "reset before booking"
	resetAfter    = "reset after booking"
	failedBefore  = "5xx before booking"
	failedAfter   = "5xx after booking"
	limited       = "429"
	limitedAfter  = "429 although booked, then \"duplicate\""
	garbage       = "garbage"
	truncated     = "truncated answer"
	empty         = "empty answer"
	maintenance   = "maintenance"
	lateAnswer    = "answer after timeout"
	hang          = "no answer"
	staleLookup   = "stale look-up"
	wrongLookup   = "wrong look-up (another payment's data)"
	unknownLookup = "look-up of what exists says not found"
	blindLookup   = "not found for ten minutes after booking"
	duplicate     = "duplicate answer"
	goneAway      = "provider closes an idle connection"
	down          = "provider down for a while"
	pageBefore    = "web server's page before booking"
	pageAfter     = "web server's page after booking"
	wrongCreate   = "another payment's data in answer to a create"
	respelt       = "amounts in another spelling"
	marked        = "an answer after a byte order mark"
	nulls         = "nulls for members that are only shown"
	names         = "names for numbers"
	lists         = "lists where objects were"
)

// odds are how often a fault is tried, of a hundred requests; what it does not apply to goes well.
var odds = []struct {
	fault   string
	percent int
	applies func(*exchange) bool
}{
	{lateRequest, 4, always},
	{resetBefore, 4, always},
	{resetAfter, 5, always},
	{failedBefore, 3, always},
	{failedAfter, 4, always},
	{limited, 3, always},
	{limitedAfter, 5, (*exchange).create},
	{garbage, 3, always},
	{truncated, 3, always},
	{empty, 2, always},
	{maintenance, 2, always},
	{lateAnswer, 4, always},
	{hang, 3, always},
	{staleLookup, 7, (*exchange).lookup},
	{wrongLookup, 7, (*exchange).lookup},
	{unknownLookup, 5, (*exchange).lookup},
	{blindLookup, 4, (*exchange).create},
	{duplicate, 4, always},
	{pageBefore, 3, always},
	{pageAfter, 5, always},
	{wrongCreate, 7, (*exchange).create},
	{respelt, 4, always},
	{marked, 1, always},
	{nulls, 2, always},
	{names, 2, always},
	{lists, 2, always},
}

func always(*exchange) bool { return true }

// travel draws what becomes of a request, and gives how long it is on its way.
func (n *network) travel(x *exchange) time.Duration {
	w := n.w
	x.delay = w.between(time.Millisecond, 300*time.Millisecond)
	on := w.between(time.Millisecond, 100*time.Millisecond)
	if w.faultsOver {
		return on
	}
	drawn := w.dice.IntN(100)
	for _, one := range odds {
		if drawn < one.percent {
			if one.applies(x) && !leftOut(one.fault) {
				x.fault = one.fault
			}
			break
		}
		drawn -= one.percent
	}
	switch x.fault {
	case lateRequest:
		return w.between(5*time.Second, 40*time.Second)
	case lateAnswer:
		x.delay = w.between(timeout+time.Second, 2*timeout)
	case failedBefore, failedAfter:
		x.status = []int{500, 502, 503}[w.dice.IntN(3)]
	}
	return on
}

// arrive has the provider act on a request, and sends its answer on the way.
func (n *network) arrive(x *exchange) {
	w := n.w
	if n.down[x.wire.site].After(time.Now()) {
		w.fire(down)
		n.lost(x)
		return
	}
	w.ledger.arrived(x)
	booked := len(w.providers.Ledger(""))
	switch x.fault {
	case resetBefore:
		w.fire(x.fault)
		n.lost(x)
		return
	case failedBefore:
		w.fire(x.fault)
		n.answer(x, render(x.status, nil, `{"message":"failed"}`))
		return
	case limited:
		w.fire(x.fault)
		n.answer(x, render(http.StatusTooManyRequests, http.Header{"Retry-After": {strconv.Itoa(1 + w.dice.IntN(4))}},
			`{"message":"slow down"}`))
		return
	case maintenance:
		if w.providers.Order(x.wire.site, sandbox.Fault{Kind: sandbox.FaultMaintenance, Count: 1}) == nil {
			w.fire(x.fault)
		}
	}
	raw := n.process(x)
	w.ledger.observe()
	if len(w.providers.Ledger("")) > booked {
		w.people.booked()
		if x.fault == lateRequest {
			w.fire("late success")
		}
	}
	if x.fault == lateRequest {
		w.fire(lateRequest)
	}
	n.spoil(x, raw)
}

// process gives the provider's answer as it would leave, or what is put in its place.
func (n *network) process(x *exchange) []byte {
	w := n.w
	kind := x.wire.site + " " + x.attempt.Operation
	if x.lookup() && (x.fault == unknownLookup || n.blind[string(x.attempt.Owner)].After(time.Now())) {
		if x.fault == unknownLookup {
			w.fire(unknownLookup)
		} else {
			w.fire(blindLookup)
		}
		return serve(w.void, x)
	}
	if x.create() && x.fault == blindLookup {
		n.blind[string(x.attempt.Owner)] = time.Now().Add(10 * time.Minute)
	}
	raw := n.disguised(x)
	if x.create() {
		for _, other := range n.taken[kind] {
			if x.fault == wrongCreate && other.payment != string(x.attempt.Owner) {
				w.fire(x.fault)
				return other.raw
			}
		}
	}
	if !x.lookup() || x.fault == pageBefore || x.fault == pageAfter {
		return raw
	}
	said := n.lookups[kind]
	n.lookups[kind] = append(said, lookupAnswer{string(x.attempt.Owner), x.key, raw})
	var others [][]byte
	for _, earlier := range said {
		switch {
		case x.fault == staleLookup && earlier.request == x.key && !bytes.Equal(earlier.raw, raw):
			w.fire(x.fault)
			return earlier.raw
		case earlier.payment != string(x.attempt.Owner):
			others = append(others, earlier.raw)
		}
	}
	if x.fault == wrongLookup && len(others) > 0 {
		w.fire(x.fault)
		return others[w.dice.IntN(len(others))]
	}
	return raw
}

// pageStatuses are what web servers, firewalls and gateways answer in a provider's place.
var pageStatuses = []int{
	http.StatusForbidden, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusNotFound,
	http.StatusBadRequest, http.StatusBadGateway, http.StatusOK,
}

// formKinds are the sandbox's kinds of the faults that give an answer another form.
var formKinds = map[string]string{
	marked: sandbox.FaultMark, nulls: sandbox.FaultNulls, names: sandbox.FaultNames, lists: sandbox.FaultLists,
}

// disguised has a provider answer, with what stands in front of it, in the spelling of its numbers, or in another form.
func (n *network) disguised(x *exchange) []byte {
	w := n.w
	fault := sandbox.Fault{Count: 1}
	switch x.fault {
	case pageBefore, pageAfter:
		pages := sandbox.Pages()
		fault.Kind, fault.Page, fault.Status = sandbox.FaultPage, pages[w.dice.IntN(
			len(pages))], pageStatuses[w.dice.IntN(len(pageStatuses))]
		fault.After = x.fault == pageAfter
	case marked, nulls, names, lists:
		fault.Kind = formKinds[x.fault]
	case respelt:
		spellings := sandbox.Spellings()
		fault.Kind, fault.Spelling = sandbox.FaultSpelling, spellings[w.dice.IntN(len(spellings))]
	default:
		return serve(w.providers, x)
	}
	if w.providers.Order(x.wire.site, fault) != nil {
		return serve(w.providers, x)
	}
	before := struck(w.providers)
	raw := serve(w.providers, x)
	if struck(w.providers) > before {
		w.fire(x.fault)
	}
	_ = w.providers.Clear(x.wire.site)
	return raw
}

func struck(providers *sandbox.Server) (sum int) {
	for _, strike := range providers.Strikes("") {
		sum += strike.Times
	}
	return sum
}

// spoil applies a fault to an answer.
func (n *network) spoil(x *exchange, raw []byte) {
	w := n.w
	switch x.fault {
	case resetAfter, blindLookup:
		w.fire(resetAfter)
		n.lost(x)
		return
	case failedAfter:
		raw = render(x.status, nil, `{"message":"failed"}`)
	case limitedAfter:
		raw = render(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}, `{"message":"slow down"}`)
	case garbage:
		raw = render(http.StatusOK, nil, "<html>It works!</html>")
	case empty:
		raw = render(http.StatusOK, nil, "")
	case truncated:
		raw = raw[:len(raw)-max(1, min(len(raw)/3, 40))]
	case hang:
		w.fire(x.fault)
		return
	default:
		n.answer(x, raw)
		return
	}
	w.fire(x.fault)
	n.answer(x, raw)
}

// lost resets a connection instead of answering.
func (n *network) lost(x *exchange) {
	n.w.plan(x.delay, fmt.Sprintf("reset of connection %d to %s", x.wire.number, x.wire.site),
		func() { x.wire.fail(syscall.ECONNRESET) })
}

// answer sends an answer on its way.
func (n *network) answer(x *exchange, raw []byte) {
	w := n.w
	w.plan(x.delay, fmt.Sprintf("answer to %s (connection %d): %s", x.attempt.ID, x.wire.number, summary(raw)), func() {
		taken := x.wire.deliver(raw)
		if taken && x.create() && (x.fault == "" || x.fault == duplicate) {
			kind := x.wire.site + " " + x.attempt.Operation
			n.taken[kind] = append(n.taken[kind], lookupAnswer{string(x.attempt.Owner), x.key, raw})
		}
		switch {
		case x.fault == lateAnswer && !taken:
			w.fire(x.fault)
		case x.fault == truncated:
			w.plan(time.Millisecond, fmt.Sprintf("end of connection %d", x.wire.number), func() { x.wire.fail(io.EOF) })
		case x.fault == duplicate && taken:
			w.plan(w.between(time.Microsecond, 50*time.Millisecond), fmt.Sprintf("answer to %s again", x.attempt.ID),
				func() {
					if x.wire.deliver(raw) {
						w.fire(duplicate)
					}
				})
		case taken && w.chance(15):
			w.plan(w.between(0, 3*time.Second), fmt.Sprintf("end of connection %d", x.wire.number), func() {
				w.fire(goneAway)
				x.wire.fail(io.EOF)
			})
		}
	})
}

func summary(raw []byte) string {
	line, _, _ := bytes.Cut(raw, []byte("\r\n"))
	sum := fnv.New32a()
	_, _ = sum.Write(raw)
	return fmt.Sprintf("%s, %d bytes, %08x", line, len(raw), sum.Sum32())
}

// serve has a provider answer.
func serve(providers *sandbox.Server, x *exchange) []byte {
	request := x.request.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(x.body))
	request.RemoteAddr = "10.0.0.1:1000"
	answer := httptest.NewRecorder()
	providers.Handler().ServeHTTP(answer, request)
	return render(answer.Code, answer.Header(), answer.Body.String())
}

// render is an answer on the wire.
func render(status int, header http.Header, body string) []byte {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	var raw bytes.Buffer
	_, _ = fmt.Fprintf(&raw, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&raw)
	raw.WriteString("\r\n" + body)
	return raw.Bytes()
}
