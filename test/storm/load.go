package storm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"payrouter/test/process"
)

// order is a payment that clients ask for.
type order struct {
	amount, currency, country string
}

// orders are asked for in turn: one for each rule, and both sides of every bound.
//
//nolint:gochecknoglobals // a table
var orders = [...]order{
	{"49.90", "EUR", "DE"},
	{"1200.00", "EUR", "FR"},
	{"15.00", "USD", "US"},
	{"0.015", "BTC", "SE"},
	{"250", "USDT", "NL"},
	{"1000.00", "EUR", "IT"},
	{"80.00", "GBP", "GB"},
	{"99.99", "EUR", "ES"},
}

// shot is one request, and what became of it.
type shot struct {
	key   string
	order order
	// due is when it was to begin, counted from the load's begin; sent is when it did; took is from due until its
	// answer was read.
	due, sent, took time.Duration
	// status is 0 where there was no answer.
	status int
	body   []byte
	err    error
}

// load is one open loop: requests begin at a fixed rate, whether or not earlier ones have been answered.
type load struct {
	address  string
	name     string
	rate     float64
	inFlight int
	shots    []shot
	began    time.Time
}

func newLoad(address, name string, rate float64, length time.Duration, inFlight int) *load {
	l := &load{
		address: address, name: name, rate: rate, inFlight: inFlight,
		shots: make([]shot, int(rate*length.Seconds())),
	}
	for i := range l.shots {
		l.shots[i] = shot{
			key: fmt.Sprintf("%s-%d", name, i), order: orders[i%len(orders)],
			due: time.Duration(float64(i) / rate * float64(time.Second)),
		}
	}
	return l
}

// fire makes every request, and returns when the last is answered. A caller that is late for its turn has its wait
// counted.
func (l *load) fire(ctx context.Context) error {
	l.began = time.Now()
	turns := make(chan *shot, len(l.shots)) // the loop never waits for callers
	var callers sync.WaitGroup
	for range l.inFlight {
		callers.Go(func() {
			line := &line{address: l.address}
			defer line.hangUp()
			for one := range turns {
				one.sent = time.Since(l.began)
				one.status, one.body, one.err = line.post(ctx, one)
				one.took = time.Since(l.began) - one.due
			}
		})
	}
	err := l.keepTime(ctx, turns)
	close(turns)
	callers.Wait()
	return err
}

func (l *load) keepTime(ctx context.Context, turns chan<- *shot) error {
	for i := range l.shots {
		if early := l.shots[i].due - time.Since(l.began); early > 0 && !process.Wait(ctx, early) {
			return ctx.Err()
		}
		turns <- &l.shots[i]
	}
	return nil
}

// line is one caller's connection, kept alive. It is leaner than http.Client, for the router shares its processors with
// the callers.
type line struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
}

// answerWithin bounds one request, so that nothing hangs for good.
const answerWithin = 40 * time.Second

func (c *line) post(ctx context.Context, one *shot) (status int, body []byte, err error) {
	if err := c.dial(ctx); err != nil {
		return 0, nil, err
	}
	defer func() {
		if err != nil {
			c.hangUp()
		}
	}()
	c.write(one)
	if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, nil, fmt.Errorf("bound a request: %w", err)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, nil, fmt.Errorf("send a request: %w", err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("read an answer: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end, or the connection goes
	if body, err = io.ReadAll(answer.Body); err != nil {
		return 0, nil, fmt.Errorf("read an answer: %w", err)
	}
	if answer.Close {
		return answer.StatusCode, body, errors.New("the router closed the connection")
	}
	return answer.StatusCode, body, nil
}

func (c *line) dial(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: answerWithin}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("reach the router: %w", err)
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	return nil
}

func (c *line) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *line) write(one *shot) {
	body := fmt.Appendf(nil,
		`{"amount":%q,"currency":%q,"country":%q,"reference":%q,"return_url":"https://shop.example/thanks",`+
			`"payer":{"email":"payer@shop.example"},"metadata":{"shop":"storm"}}`, one.order.amount, one.order.currency,
		one.order.country, one.key)
	c.out = append(c.out[:0], "POST /v1/payments HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.address...)
	c.out = append(c.out, "\r\nContent-Type: application/json\r\nIdempotency-Key: \""...)
	c.out = append(c.out, one.key...)
	c.out = append(c.out, "\"\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
}
