package callback

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// Settings of an Inbox. Zero fields take the defaults that they name.
type Settings struct {
	Addresses Addresses
	// Accounts gives the accounts that serve now, by name, and keeps them serving until release is called.
	Accounts func() (accounts map[string]Account, release func())
	// OutOfService reports whether an account that Accounts does not have will be back: its provider is asked to try
	// again. Nil means that none will.
	OutOfService func(account string) bool
	// MaxBody is the largest callback's body, in bytes. 0 means 256 KiB.
	MaxBody int64
	// ArrivalsPerSecond is how many callbacks an account takes in a second, and ten times as many at once. 0 means 100.
	ArrivalsPerSecond int
	// LookupsPerSecond is how many look-ups the callbacks of an account may cause in a second. 0 means 5.
	LookupsPerSecond int
	// AtOnce is how many callbacks of an account are acted on at a time. 0 means 4.
	AtOnce int64
	// Every is the pause between two looks for callbacks that are due; new ones do not wait for it. 0 means 1 s.
	Every time.Duration
	// KeepFor is how long callbacks that are done with are remembered, and their repetitions known, by the journal's
	// own clock. 0 means 30 days.
	KeepFor time.Duration
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Random feeds ids, and is safe for concurrent use. Nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	if s.MaxBody == 0 {
		s.MaxBody = 256 << 10
	}
	if s.ArrivalsPerSecond == 0 {
		s.ArrivalsPerSecond = 100
	}
	if s.LookupsPerSecond == 0 {
		s.LookupsPerSecond = 5
	}
	if s.AtOnce == 0 {
		s.AtOnce = 4
	}
	if s.Every == 0 {
		s.Every = time.Second
	}
	if s.KeepFor == 0 {
		s.KeepFor = 30 * 24 * time.Hour
	}
	if s.OutOfService == nil {
		s.OutOfService = func(string) bool { return false }
	}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Inbox takes providers' callbacks over HTTP, under Prefix, and acts on them while Run does. It is safe for concurrent
// use.
type Inbox struct {
	settings Settings
	log      *slog.Logger
	store    Store
	engine   Engine
	// news wakes Run before its next look.
	news chan struct{}

	mutex    sync.Mutex
	accounts map[string]*work
}

// work is what an inbox knows of one account. All but busy is safe for concurrent use; busy is the inbox's mutex's.
type work struct {
	arrivals, lookups limiter
	looks             looks
	// busy: its last round is not over.
	busy bool
}

// NewInbox makes an inbox. It answers at once, and acts on nothing before Run.
func NewInbox(store Store, engine Engine, settings Settings) *Inbox {
	settings = settings.withDefaults()
	return &Inbox{
		settings: settings, log: settings.Logger, store: store, engine: engine, news: make(chan struct{}, 1),
		accounts: map[string]*work{},
	}
}

// work is made where there is none: callers name accounts that exist.
func (i *Inbox) work(account string) *work {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	one, known := i.accounts[account]
	if !known {
		one = &work{
			arrivals: newLimiter(i.settings.ArrivalsPerSecond, 10*i.settings.ArrivalsPerSecond),
			lookups:  newLimiter(i.settings.LookupsPerSecond, i.settings.LookupsPerSecond),
		}
		i.accounts[account] = one
	}
	return one
}

// ServeHTTP keeps a callback and answers as its provider expects. An address that is not ours is not found, whatever is
// wrong with it. The server that it is part of limits the header, and how long a body may take.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	paymentID, ours := i.settings.Addresses.owner(name, last)
	if !ours { // before anything else: strangers cost nothing
		http.NotFound(w, r)
		return
	}
	accounts, release := i.settings.Accounts()
	defer release()
	account, known := accounts[name]
	switch {
	case !known && i.settings.OutOfService(name):
		i.refuse(w, http.StatusServiceUnavailable)
		return
	case !known:
		http.NotFound(w, r)
		return
	}
	if !i.work(name).arrivals.allow(i.store.Clock()) {
		i.refuse(w, http.StatusTooManyRequests)
		return
	}
	body, refused := i.read(w, r)
	if refused != 0 {
		i.log.WarnContext(r.Context(), "a callback cannot be read", slog.String("account", name),
			slog.Int("status", refused))
		i.refuse(w, refused)
		return
	}
	// A provider that hangs up has delivered all the same.
	reply, err := i.take(context.WithoutCancel(r.Context()), name, account, paymentID, r, body)
	if err != nil {
		i.log.ErrorContext(r.Context(), "take a callback", slog.String("account", name), slog.Any("error", err))
		i.refuse(w, http.StatusServiceUnavailable)
		return
	}
	answer(w, reply)
}

// read reads a callback's body, or returns the status that refuses it. What the header shows is judged before the body
// comes.
func (i *Inbox) read(w http.ResponseWriter, r *http.Request) (body []byte, refused int) {
	if r.ContentLength > i.settings.MaxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, i.settings.MaxBody))
	if err == nil {
		return body, 0
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, http.StatusRequestTimeout
	}
	return nil, http.StatusBadRequest
}

// refuse answers without keeping the callback. Where another try may succeed, it asks for one a little later.
func (i *Inbox) refuse(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	http.Error(w, http.StatusText(status), status)
}

// answer gives a plugin's reply to the letter.
func answer(w http.ResponseWriter, reply *abi.CallbackReply) {
	status := int(reply.GetStatus())
	if status < http.StatusOK || status > 599 {
		status = http.StatusOK
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header()["Content-Type"] = nil // none where the plugin names none
	if kind := reply.GetContentType(); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(status)
	//nolint:gosec // G705: a provider reads it, never a browser, and nothing sniffs its type
	_, _ = w.Write(reply.GetBody())
}

// take reads and keeps one callback, and gives the reply that its provider expects. An error asks the provider to
// repeat it.
func (i *Inbox) take(ctx context.Context, name string, account Account, paymentID string, r *http.Request,
	body []byte,
) (*abi.CallbackReply, error) {
	now := i.settings.Now().UTC()
	id, err := ulid.New(ulid.Timestamp(now), i.settings.Random)
	if err != nil {
		return nil, fmt.Errorf("make a callback's id: %w", err)
	}
	c := Callback{
		ID: "cb_" + strings.ToLower(id.String()), Account: name, AddressedTo: paymentID, ReceivedAt: now, LastAt: now,
		Method: r.Method, Query: r.URL.RawQuery, Header: r.Header, Body: body,
	}
	receipt, _, unread := account.Plugin.Receive(ctx, message(c, account.Settings))
	if unread == nil {
		c.Receipt = receipt
		c.Vouched = i.vouched(ctx, account, c, r.URL.EscapedPath())
	}
	c.State, c.Due = begin(c)
	c.Identity = identity(c)
	if err := i.store.KeepCallback(ctx, c); err != nil {
		return nil, err
	}
	if unread != nil {
		return nil, fmt.Errorf("callback %s is kept unread: %w", c.ID, unread)
	}
	i.wake()
	return receipt.GetReply(), nil
}

// message is what a plugin gets to see: everything but the token of the address.
func message(c Callback, settings []byte) *abi.Callback {
	m := &abi.Callback{
		Method: text(c.Method), Path: Prefix + c.Account, Query: text(c.Query), Body: c.Body, Settings: settings,
		NowMs: c.ReceivedAt.UnixMilli(),
	}
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		for _, value := range c.Header[name] {
			m.Headers = append(m.Headers, &abi.Header{Name: text(name), Value: text(value)})
		}
	}
	return m
}

// text is valid UTF-8, as the contract's strings are.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// vouched reports whether a callback's signature is valid. A callback with an invalid signature is treated as an
// unsigned one: its payment is looked up.
func (i *Inbox) vouched(ctx context.Context, account Account, c Callback, path string) bool {
	if c.Receipt.GetTrust() != abi.Receipt_TRUST_SIGNED {
		return false
	}
	err := account.Verifier.Verify(c.Receipt.GetSignature(), c.Receipt.GetSignatureValue(), egress.Signed{
		Method: c.Method, Path: path, Header: c.Header, Body: c.Body,
	})
	if err != nil && !errors.Is(err, egress.ErrNoSecret) {
		i.log.WarnContext(ctx, "a callback's signature is not believed", slog.String("account", c.Account),
			slog.String("callback", c.ID), slog.Any("error", err))
	}
	return err == nil
}

// begin is how a callback that has just come goes on.
func begin(c Callback) (state State, due time.Time) {
	switch c.Receipt.GetTrust() {
	case abi.Receipt_TRUST_LOOK_UP, abi.Receipt_TRUST_SIGNED:
		return Pending, c.ReceivedAt
	case abi.Receipt_TRUST_IGNORE, abi.Receipt_TRUST_UNSPECIFIED:
	}
	if c.Receipt == nil {
		return Unread, time.Time{}
	}
	return Ignored, time.Time{}
}

// identity is equal for repetitions of one callback. A signed callback is a repetition only if all of it is equal. A
// hint only names a payment, so the plugin's key may stand for its contents, but never for another payment, and never
// for a signed callback.
func identity(c Callback) string {
	hint := !c.Vouched && c.State == Pending
	parts := [][]byte{
		fmt.Append(nil, c.Vouched, hint), []byte(c.AddressedTo), []byte(c.Receipt.GetReference()),
		[]byte(c.Receipt.GetProviderReference()),
	}
	if key := c.Receipt.GetDedupeKey(); hint && key != "" {
		parts = append(parts, []byte("key"), []byte(key))
	} else {
		parts = append(parts, []byte("contents"), []byte(c.Method), []byte(c.Query), c.Body)
	}
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = io.Copy(sum, bytes.NewReader(part))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// wake has Run look at once.
func (i *Inbox) wake() {
	select {
	case i.news <- struct{}{}:
	default:
	}
}
