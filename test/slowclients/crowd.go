package slowclients

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"payrouter/test/process"
)

// ways are the ways of being slow, and how each begins.
//
//nolint:gochecknoglobals // a table
var ways = []struct{ name, begin string }{
	{"header", "GET /v1/payments HTTP/1.1\r\nHost: localhost\r\nX-Slow: "},
	{"body", "POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Idempotency-Key: slow\r\nContent-Length: 100000\r\n\r\n{"},
	{"reading", "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"},
}

// crowd is a number of slow connections. One that the router ends is followed by another, until stop is called.
type crowd struct {
	address string
	members sync.WaitGroup
	stopped chan struct{}
	gone    context.Context //nolint:containedctx // it ends all members
	leave   context.CancelFunc

	mutex sync.Mutex
	// lived is how long connections lived that the router ended, by way.
	lived map[string][]time.Duration
	left  int
}

// newCrowd opens the connections one after the other over a time, so that their limits do not fire at one moment, and
// returns when all are there.
func newCrowd(ctx context.Context, address string, size int, over time.Duration) *crowd {
	c := &crowd{address: address, stopped: make(chan struct{}), lived: map[string][]time.Duration{}}
	c.gone, c.leave = context.WithCancel(ctx)
	for i := range size {
		c.members.Go(func() { c.member(ways[i%len(ways)].name, ways[i%len(ways)].begin) })
		process.Wait(ctx, over/time.Duration(size))
	}
	return c
}

func (c *crowd) stop() { close(c.stopped) }

// ends reports whether the router ends all connections within a time.
func (c *crowd) ends(ctx context.Context, within time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		c.members.Wait()
		close(ended)
	}()
	patience, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case <-ended:
		c.leave()
		return true
	case <-patience.Done():
		return false
	}
}

// hangUp closes what is left, and returns how much that was.
func (c *crowd) hangUp() int {
	c.leave()
	c.members.Wait()
	return c.left
}

func (c *crowd) member(way, begin string) {
	for {
		began := time.Now()
		ended := c.connect(way, begin)
		c.mutex.Lock()
		if ended {
			c.lived[way] = append(c.lived[way], time.Since(began))
		} else {
			c.left++
		}
		c.mutex.Unlock()
		select {
		case <-c.stopped:
			return
		case <-c.gone.Done():
			return
		default:
		}
	}
}

// connect opens one slow connection, and reports whether the router ended it.
func (c *crowd) connect(way, begin string) bool {
	conn, err := (&net.Dialer{}).DialContext(c.gone, "tcp", c.address)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it is not used any more
	if tcp, ok := conn.(*net.TCPConn); ok && way == "reading" {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_, err = io.WriteString(conn, begin)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for one := make([]byte, 1); err == nil; {
		select {
		case <-c.gone.Done():
			return false
		case <-ticker.C:
		}
		// A byte now and then, in both directions. A connection that was reset still gives what it has received, so the
		// write is what notices.
		if _, err = io.WriteString(conn, " "); err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err = conn.Read(one); errors.Is(err, os.ErrDeadlineExceeded) {
				err = nil
			}
		}
	}
	return true
}
