package egress

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// spareFiles is how many files this process has to be able to open for new work to be taken: a payment needs a
// connection, its caller another.
const spareFiles = 8

// How long the results of a check are used: of one with a shortage, and of one without.
const (
	shortageStands = time.Second
	spareStands    = 100 * time.Millisecond
)

//nolint:gochecknoglobals // a table
var shortages = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS}

// Machine reports whether this process can open connections: a shortage of files, sockets or memory is no fault of a
// provider. Its zero value is ready. Safe for concurrent use.
type Machine struct {
	mutex sync.Mutex
	// short is the last result, and until is how long it is used.
	until time.Time
	short bool
}

// Check is nil, or ErrExhausted where no connection can be opened. It is cheap enough for every payment: it opens and
// closes a few files, at most ten times in a second.
func (m *Machine) Check(now time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if elapsed := m.until.Sub(now); elapsed <= 0 || elapsed > shortageStands {
		m.find(now, !spare())
	}
	if m.short {
		return ErrExhausted
	}
	return nil
}

func (m *Machine) find(now time.Time, short bool) {
	m.short, m.until = short, now.Add(spareStands)
	if short {
		m.until = now.Add(shortageStands)
	}
}

// caused reports whether a shortage of this machine is why there is no connection, and remembers it.
func (m *Machine) caused(err error, now time.Time) bool {
	short := wanting(err)
	if _, unresolved := errors.AsType[*net.DNSError](err); unresolved && !short {
		short = !spare() // the resolver's errors lose their cause
	}
	if short {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		m.find(now, true)
	}
	return short
}

func wanting(err error) bool {
	if slices.ContainsFunc(shortages, func(e syscall.Errno) bool { return errors.Is(err, e) }) {
		return true
	}
	// A *net.DNSError has the text of its cause, and not the cause.
	unresolved, is := errors.AsType[*net.DNSError](err)
	return is &&
		slices.ContainsFunc(shortages,
			func(e syscall.Errno) bool { return strings.Contains(unresolved.Err, e.Error()) })
}

// spare reports whether a few more files can be opened.
func spare() bool {
	var opened [spareFiles]*os.File
	defer func() {
		for _, file := range opened {
			if file != nil {
				_ = file.Close()
			}
		}
	}()
	for i := range opened {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return !wanting(err)
		}
		opened[i] = file
	}
	return true
}
