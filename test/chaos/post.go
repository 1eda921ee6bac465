package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/test/process"
)

// post is the network between the providers' callbacks and the router. It loses none, as providers repeat them for
// days, but it delivers them late, out of order, some of them many times, and forged ones among them.
type post struct {
	url    string
	router string
	client *http.Client
	// closed is closed when all of it has ended.
	closed chan struct{}

	mutex   sync.Mutex // guards what follows
	dice    *rand.Rand
	waiting []*letter
	// genuine counts those of the providers' that have not been taken yet.
	genuine int
	counts  letters
	refused []string
}

// letters count what was carried.
type letters struct {
	// Genuine are the providers' own, Replayed their repetitions, Forged those that no provider wrote.
	Genuine  int `json:"genuine"`
	Replayed int `json:"replayed"`
	Forged   int `json:"forged"`
	// Insisting are those that came 19 times more, as Cryptogram repeats what it thinks was not taken.
	Insisting int `json:"insisting"`
}

// letter is one callback on its way.
type letter struct {
	method, target string
	header         http.Header
	body           []byte
	due            time.Time
	forged, again  bool
}

// newPost listens until ctx ends; closed is then closed.
func newPost(ctx context.Context, router string, dice *rand.Rand) (*post, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for callbacks: %w", err)
	}
	p := &post{
		url: "http://" + listener.Addr().String(), router: router, dice: dice, closed: make(chan struct{}),
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Second},
		},
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	var work sync.WaitGroup
	work.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	work.Go(func() { p.carry(ctx) })
	go func() {
		defer close(p.closed)
		_ = server.Serve(listener)
		work.Wait()
		p.client.CloseIdleConnections()
	}()
	return p, nil
}

// ServeHTTP takes a provider's callback.
func (p *post) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the body ended early", http.StatusBadRequest)
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.genuine++
	p.counts.Genuine++
	p.waiting = append(p.waiting,
		&letter{
			method: r.Method, target: r.URL.RequestURI(), header: r.Header.Clone(), body: body,
			due: p.soon(2 * time.Second),
		})
}

// soon is a moment within a while. The caller holds the mutex.
func (p *post) soon(within time.Duration) time.Time {
	return time.Now().Add(time.Duration(p.dice.Int64N(int64(within))))
}

// carry brings letters when they are due, until ctx ends.
func (p *post) carry(ctx context.Context) {
	const hands = 16
	places := make(chan struct{}, hands)
	var work sync.WaitGroup
	defer work.Wait()
	for process.Wait(ctx, 20*time.Millisecond) {
		for _, l := range p.ripe(time.Now()) {
			places <- struct{}{}
			work.Go(func() {
				defer func() { <-places }()
				p.bring(ctx, l)
			})
		}
	}
}

func (p *post) ripe(now time.Time) (ripe []*letter) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var rest []*letter
	for _, l := range p.waiting {
		if l.due.After(now) {
			rest = append(rest, l)
		} else {
			ripe = append(ripe, l)
		}
	}
	p.waiting = rest
	return ripe
}

func (p *post) bring(ctx context.Context, l *letter) {
	status, err := p.deliver(ctx, l)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case err != nil || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		l.due = p.soon(time.Second)
		p.waiting = append(p.waiting, l)
	case l.forged || l.again:
	case status/100 != 2:
		p.genuine--
		p.refused = append(p.refused, fmt.Sprintf("a provider's callback was answered %d", status))
	default:
		p.genuine--
		p.misuse(l)
	}
}

// misuse has a letter come again, and forged. The caller holds the mutex.
func (p *post) misuse(l *letter) {
	switch drawn := p.dice.IntN(100); {
	case drawn < 4:
		p.repeat(l, insistence, 20*time.Second)
		p.counts.Insisting++
	case drawn < 30:
		p.repeat(l, 1+p.dice.IntN(5), 8*time.Second)
	}
	if p.dice.IntN(100) < 20 {
		forged := forge(l, p.dice)
		forged.due = p.soon(4 * time.Second)
		p.waiting = append(p.waiting, forged)
		p.counts.Forged++
	}
}

// insistence is how often Cryptogram repeats a notification, to the byte, that it thinks was not taken.
const insistence = 19

// repeat has a letter come again, byte for byte. The caller holds the mutex.
func (p *post) repeat(l *letter, times int, within time.Duration) {
	for range times {
		again := *l
		again.again, again.due = true, p.soon(within)
		p.waiting = append(p.waiting, &again)
		p.counts.Replayed++
	}
}

// opposites are pairs of contrary statuses of providers.
//
//nolint:gochecknoglobals // a table
var opposites = []string{
	"order::completed", "order::declined", "order::declined", "order::completed", `"COMPLETE"`, `"DECLINED"`,
	`"DECLINED"`, `"COMPLETE"`,
	"status=success", "status=cancel", "status=cancel", "status=success", "recharge_status=Success",
	"recharge_status=Fail",
	"recharge_status=Fail", "recharge_status=Success", `"Status":2`, `"Status":3`, `"Status":3`, `"Status":2`,
	`"IsPaid":true`, `"IsPaid":false`,
	`"IsPaid":false`, `"IsPaid":true`,
}

// forge makes a callback from a real one with the contrary status or about an unknown object.
func forge(l *letter, dice *rand.Rand) *letter {
	forged := *l
	forged.forged, forged.again = true, false
	if dice.IntN(2) == 0 {
		reverse := strings.NewReplacer(opposites...)
		forged.target, forged.body = reverse.Replace(l.target), []byte(reverse.Replace(string(l.body)))
		return &forged
	}
	digit := []byte{'0' + byte(dice.IntN(10))}
	forged.body = bytes.ReplaceAll(l.body, []byte{'0' + byte(dice.IntN(10))}, digit)
	return &forged
}

func (p *post) deliver(ctx context.Context, l *letter) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, l.method, p.router+l.target, bytes.NewReader(l.body))
	if err != nil {
		return 0, fmt.Errorf("make a callback: %w", err)
	}
	maps.Copy(request.Header, l.header)
	response, err := p.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("bring a callback: %w", err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// underway is how many of the providers' callbacks have not been taken yet.
func (p *post) underway() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.genuine
}

func (p *post) carried() letters {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.counts
}

// complaints are the providers' callbacks that the router would not have.
func (p *post) complaints() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.refused)
}
