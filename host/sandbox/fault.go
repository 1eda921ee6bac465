package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox/simulator"
)

// The kinds of fault. "Processed" means that the provider has done what was asked, and booked it, before the fault.
const (
	// FaultDelay answers late. The request is processed when the delay is over, even if the caller has gone by then;
	// with After it is processed first.
	FaultDelay = "delay"
	// FaultResetBefore resets the connection (RST), unprocessed.
	FaultResetBefore = "reset_before"
	// FaultResetAfter processes, then resets the connection.
	FaultResetAfter = "reset_after"
	// FaultStatus answers Status, with RetryAfter in Retry-After; processed only with After.
	FaultStatus = "status"
	// FaultTruncated processes, promises the whole answer in Content-Length, sends half of it and closes.
	FaultTruncated = "truncated"
	// FaultGarbage processes, and answers Status (200 if 0) with something that is not JSON.
	FaultGarbage = "garbage"
	// FaultEmpty processes, and answers Status (200 if 0) with no body.
	FaultEmpty = "empty"
	// FaultHang never answers: the connection stays open until the caller or the sandbox goes; processed only with
	// After.
	FaultHang = "hang"
	// FaultMaintenance refuses in the provider's own way, unprocessed.
	FaultMaintenance = "maintenance"
	// FaultPage answers Status with the page Page: what a web server, proxy, firewall or gateway in front of the
	// provider writes instead of its answer. Processed only with After.
	FaultPage = "page"
	// FaultSpelling processes, and writes the answer's amounts in the form of Spelling. An answer without amounts does
	// not count.
	FaultSpelling = "spelling"
	// FaultOther processes, and gives an earlier answer to the same call that is about another object. While there is
	// none, the true answer goes out, and it is no strike.
	FaultOther = "other_object"
	// FaultMark processes, and writes a byte order mark before the answer's JSON.
	FaultMark = "mark"
	// FaultNulls processes, and writes null for every member that the answer only shows. An answer without any does not
	// count.
	FaultNulls = "nulls"
	// FaultNames processes, and writes names for the numbers of a list that the provider has names for. An answer
	// without any does not count.
	FaultNames = "names"
	// FaultLists processes, and writes lists where objects were, or nothing was, as PHP does: among the members that the
	// answer only shows. An answer without any does not count.
	FaultLists = "lists"
)

// Fault is a misbehaviour ordered for one provider.
type Fault struct {
	// Operation is the provider's name of a call; "" means any.
	Operation string
	Kind      string
	// Count is how many requests it strikes; 0 means all, until cleared.
	Count int
	// Delay comes before processing, or, with After, between processing and answering. Any kind may have one.
	Delay time.Duration
	// Status is the HTTP status of FaultStatus, FaultPage, FaultGarbage and FaultEmpty.
	Status int
	// Page is one of Pages, for FaultPage.
	Page string
	// Spelling is one of Spellings, for FaultSpelling.
	Spelling string
	// RetryAfter is the Retry-After header of FaultStatus and FaultPage, as it stands: seconds or an HTTP date; ""
	// means none.
	RetryAfter string
	// After processes the request first, for the kinds that leave it open.
	After bool

	// struckAt is the call that it is striking.
	struckAt string
}

// effect is what a kind of fault does.
type effect struct {
	// processes: never, always, or by Fault.After.
	processes processing
	// deliver answers, and reports whether the fault struck: one that did not strikes a later request.
	deliver func(s *site, w http.ResponseWriter, r *http.Request, f Fault, a simulator.Answer) (struck bool)
}

type processing int

const (
	never processing = iota
	always
	ifAfter
)

//nolint:gochecknoglobals // a table
var effects = map[string]effect{
	FaultDelay:       {always, deliverWhole},
	FaultResetBefore: {never, deliverReset},
	FaultResetAfter:  {always, deliverReset},
	FaultStatus:      {ifAfter, deliverStatus},
	FaultTruncated:   {always, deliverHalf},
	FaultGarbage:     {always, deliverGarbage},
	FaultEmpty:       {always, deliverEmpty},
	FaultHang:        {ifAfter, deliverNothing},
	FaultMaintenance: {never, deliverRefusal},
	FaultPage:        {ifAfter, deliverPage},
	FaultSpelling:    {always, deliverRespelt},
	FaultOther:       {always, deliverOther},
	FaultMark:        {always, deliverMarked},
	FaultNulls:       {always, deliverNulls},
	FaultNames:       {always, deliverNames},
	FaultLists:       {always, deliverLists},
}

// Kinds are the kinds of fault that there are.
func Kinds() []string { return slices.Sorted(maps.Keys(effects)) }

func (f Fault) validate() error {
	var problems []error
	if _, ok := effects[f.Kind]; !ok {
		problems = append(problems, fmt.Errorf("fault kind %q is not one of %s", f.Kind, strings.Join(Kinds(), ", ")))
	}
	if f.Count < 0 {
		problems = append(problems, fmt.Errorf("count %d is negative", f.Count))
	}
	if f.Delay < 0 {
		problems = append(problems, fmt.Errorf("delay %s is negative", f.Delay))
	}
	if f.Kind == FaultDelay && f.Delay == 0 {
		problems = append(problems, errors.New("a delay of nothing: set delay, as in \"250ms\""))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) || f.Status == 0 && f.Kind == FaultStatus {
		problems = append(problems, fmt.Errorf("status %d is not between 200 and 599", f.Status))
	}
	problems = append(problems, f.validatePage(), f.validateSpelling())
	if strings.ContainsFunc(f.RetryAfter, func(c rune) bool { return c < ' ' || c > '~' }) {
		problems = append(problems, fmt.Errorf("retry_after %q cannot stand in a header", f.RetryAfter))
	}
	return errors.Join(problems...)
}

// faults is the queue of one provider. The zero value is empty.
type faults struct {
	mu    sync.Mutex
	queue []Fault
}

func (q *faults) order(f Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, f)
}

func (q *faults) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = nil
}

func (q *faults) list() []Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.queue)
}

// again has a fault that did not strike wait for another request, behind those that were ordered meanwhile.
func (q *faults) again(f Fault) {
	if f.Count == 0 {
		return // it is still in the queue
	}
	f.Count, f.struckAt = 1, ""
	q.order(f)
}

// take finds the first fault that strikes operation, and counts it.
func (q *faults) take(operation string) (Fault, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.queue, func(f Fault) bool { return f.Operation == "" || f.Operation == operation })
	if i < 0 {
		return Fault{}, false
	}
	f := q.queue[i]
	switch f.Count {
	case 0:
	case 1:
		q.queue = slices.Delete(q.queue, i, i+1)
	default:
		q.queue[i].Count--
	}
	return f, true
}

// interfere lets fault f spoil one request.
func (s *site) interfere(
	w http.ResponseWriter, r *http.Request, operation string, f Fault, process func() simulator.Answer,
) {
	e := effects[f.Kind]
	f.struckAt = operation
	acts := e.processes == always || e.processes == ifAfter && f.After
	if !f.After {
		s.wait(f.Delay)
	}
	var a simulator.Answer
	if acts {
		a = process()
	}
	if f.After {
		s.wait(f.Delay)
	}
	// Some kinds end the request by a panic, as net/http wants it.
	struck := true
	defer func() {
		if !struck {
			s.faults.again(f)
			return
		}
		s.strikes.add(Strike{Provider: s.name, Operation: operation, Kind: f.Kind, Detail: f.detail(), Processed: acts})
	}()
	struck = e.deliver(s, w, r, f, a)
}

// detail distinguishes a fault from others of its kind.
func (f Fault) detail() string {
	switch f.Kind {
	case FaultPage:
		return fmt.Sprint(f.Page, " ", f.Status)
	case FaultStatus:
		return strconv.Itoa(f.Status)
	}
	return f.Spelling
}

// wait lets d pass. Only the sandbox's end cuts it short: a provider that is slow does not notice that its caller left.
func (s *site) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
		panic(http.ErrAbortHandler)
	}
}

func deliverWhole(_ *site, w http.ResponseWriter, _ *http.Request, _ Fault, a simulator.Answer) bool {
	a.Write(w)
	return true
}

func deliverReset(_ *site, w http.ResponseWriter, _ *http.Request, _ Fault, _ simulator.Answer) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what is unsent is dropped, and the peer gets a RST instead of a FIN
	}
	_ = conn.Close()
	return true
}

func deliverStatus(_ *site, w http.ResponseWriter, _ *http.Request, f Fault, _ simulator.Answer) bool {
	a := simulator.JSON(f.Status, map[string]string{"message": http.StatusText(f.Status)})
	if f.RetryAfter != "" {
		a.Header.Set("Retry-After", f.RetryAfter)
	}
	a.Write(w)
	return true
}

func deliverHalf(_ *site, w http.ResponseWriter, _ *http.Request, _ Fault, a simulator.Answer) bool {
	w.Header().Set("Content-Length", strconv.Itoa(max(len(a.Body), 2)))
	a.WriteHeader(w)
	_, _ = w.Write(a.Body[:len(a.Body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func deliverGarbage(_ *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	a.Status, a.Body = f.Status, []byte("<html><body>Bad\xffGateway {\"success\":true,</body>")
	a.Write(w)
	return true
}

func deliverEmpty(_ *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	a.Status, a.Body = f.Status, nil
	a.Write(w)
	return true
}

func deliverNothing(s *site, _ http.ResponseWriter, r *http.Request, _ Fault, _ simulator.Answer) bool {
	select {
	case <-r.Context().Done():
	case <-s.closing:
	}
	panic(http.ErrAbortHandler)
}

func deliverRefusal(s *site, w http.ResponseWriter, _ *http.Request, _ Fault, _ simulator.Answer) bool {
	s.mu.Lock()
	a := s.provider.Maintenance()
	s.mu.Unlock()
	a.Write(w)
	return true
}
