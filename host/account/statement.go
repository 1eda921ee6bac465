package account

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrCursor means that a text is no cursor of a statement.
var ErrCursor = errors.New("it is no cursor of a statement")

// Period is what a statement is about. The cursor of a further page holds it.
type Period struct {
	// From is included, Until is not.
	From, Until time.Time
	// Currency is empty for all.
	Currency string
}

// Entry is what happened to one account.
type Entry struct {
	Provider string
	Transaction
}

// Page is a part of the accounts' statement, the newest entries first as far as each provider lists its own so.
type Page struct {
	// Entries may be fewer than were asked for, and none at all, where there is a cursor.
	Entries []Entry
	// Cursor is where the next page starts; empty on the last.
	Cursor string
	// Missing are accounts of which something is missing. They are left out of the cursor: each has its own to go on
	// with.
	Missing []Error
}

// Bounds of a cursor, which is somebody's text.
const (
	longestCursor = 16 << 10
	mostAccounts  = 1000
)

// mostRounds is how often accounts are asked for one page: more pages than one of an account are needed where little of
// each was wanted.
const mostRounds = 4

// Statement lists what happened to accounts within a period, limit entries at most.
func (a Aggregator) Statement(ctx context.Context, providers []string, p Period, limit int) Page {
	walk := &walk{aggregator: a, period: p, limit: limit}
	for _, provider := range providers {
		walk.sources = append(walk.sources, &source{provider: provider, wanting: true})
	}
	return walk.page(ctx)
}

// Further is the page that a cursor stands for. The error is ErrCursor.
func (a Aggregator) Further(ctx context.Context, cursor string, limit int) (Page, error) {
	walk, err := resume(cursor)
	if err != nil {
		return Page{}, err
	}
	walk.aggregator, walk.limit = a, limit
	return walk.page(ctx), nil
}

// walk goes through the statements of several accounts side by side.
type walk struct {
	aggregator Aggregator
	period     Period
	limit      int
	sources    []*source
	shown      Page
}

// source is one account's statement, and how far it was read.
type source struct {
	provider string
	// cursor is where its page starts that is read now, and taken how many of its entries have been.
	cursor string
	taken  int
	// entries of that page, the newest first, and where the next one starts; not there yet while it is wanting.
	entries []Transaction
	next    string
	wanting bool
	err     error
}

func (w *walk) page(ctx context.Context) Page {
	// Nothing new is begun once one account's time is over.
	begun, done := context.WithTimeout(ctx, w.aggregator.within())
	defer done()
	for range mostRounds {
		w.fetch(ctx)
		if w.merge() || begun.Err() != nil {
			break
		}
	}
	w.shown.Cursor = w.cursor(w.sources...)
	return w.shown
}

// fetch reads a page of each account that is wanting one. Those that have none to give leave the walk.
func (w *walk) fetch(ctx context.Context) {
	var wanting []*source
	for _, s := range w.sources {
		if s.wanting {
			wanting = append(wanting, s)
		}
	}
	w.aggregator.atOnce(len(wanting), func(i int) { w.read(ctx, wanting[i]) })
	w.sources = slices.DeleteFunc(w.sources, func(s *source) bool {
		if s.err != nil {
			absence := Error{Provider: s.provider, Err: s.err}
			if !errors.Is(s.err, ErrIncomplete) {
				absence.Cursor = w.cursor(s)
			}
			w.shown.Missing = append(w.shown.Missing, absence)
		}
		return s.err != nil && !errors.Is(s.err, ErrIncomplete)
	})
	for _, s := range w.sources {
		s.err = nil
	}
}

func (w *walk) read(ctx context.Context, s *source) {
	ctx, cancel := context.WithTimeout(ctx, w.aggregator.within())
	defer cancel()
	results, err := w.aggregator.ask(ctx, s.provider, Statement, Query{
		From: w.period.From, Until: w.period.Until, Currency: w.period.Currency, Limit: w.limit, Cursor: s.cursor,
	})
	if s.err = err; err != nil {
		return
	}
	s.entries, s.next, s.wanting = results.Transactions, results.Cursor, false
	s.taken = min(s.taken, len(s.entries))
	s.err = leftOut(results.Alert)
}

// merge takes the newest entries of all, as long as it is known which those are, and reports whether the page is done.
func (w *walk) merge() bool {
	for {
		w.turn()
		if len(w.sources) == 0 || len(w.shown.Entries) >= w.limit {
			return true
		}
		if slices.ContainsFunc(w.sources, func(s *source) bool { return s.wanting }) {
			return false
		}
		newest := slices.MinFunc(w.sources, func(a, b *source) int {
			return cmp.Or(b.entries[b.taken].At.Compare(a.entries[a.taken].At), strings.Compare(a.provider, b.provider))
		})
		w.shown.Entries = append(w.shown.Entries, Entry{newest.provider, newest.entries[newest.taken]})
		newest.taken++
	}
}

// turn turns the pages that have been read to their end. An account without another leaves the walk.
func (w *walk) turn() {
	w.sources = slices.DeleteFunc(w.sources, func(s *source) bool {
		if s.wanting || s.taken < len(s.entries) {
			return false
		}
		s.cursor, s.taken, s.entries, s.wanting = s.next, 0, nil, true
		return s.next == ""
	})
}

// cursorText is a cursor before it is put into letters that a URL takes.
type cursorText struct {
	From     int64            `json:"f"`
	Until    int64            `json:"u"`
	Currency string           `json:"c,omitempty"`
	Places   map[string]place `json:"p"`
}

// place is where an account's statement goes on.
type place struct {
	Cursor string `json:"c,omitempty"`
	Taken  int    `json:"t,omitempty"`
}

// cursor is where a walk through these sources goes on; empty where there is none.
func (w *walk) cursor(sources ...*source) string {
	if len(sources) == 0 {
		return ""
	}
	text := cursorText{
		From: w.period.From.UnixMilli(), Until: w.period.Until.UnixMilli(), Currency: w.period.Currency,
		Places: map[string]place{},
	}
	for _, s := range sources {
		text.Places[s.provider] = place{s.cursor, s.taken}
	}
	encoded, _ := json.Marshal(text) //nolint:errchkjson // strings and numbers
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// resume reads a cursor, which may be anybody's text.
func resume(cursor string) (*walk, error) {
	if len(cursor) > longestCursor {
		return nil, fmt.Errorf("%d bytes are too many: %w", len(cursor), ErrCursor)
	}
	decoded, err := base64.RawURLEncoding.DecodeString(cursor)
	var text cursorText
	if err == nil {
		err = json.Unmarshal(decoded, &text)
	}
	if err != nil || len(text.Places) == 0 || len(text.Places) > mostAccounts {
		return nil, ErrCursor
	}
	w := &walk{period: Period{
		From: time.UnixMilli(text.From).UTC(), Until: time.UnixMilli(text.Until).UTC(),
		Currency: text.Currency,
	}}
	for _, provider := range slices.Sorted(maps.Keys(text.Places)) {
		at := text.Places[provider]
		if at.Taken < 0 {
			return nil, ErrCursor
		}
		w.sources = append(w.sources, &source{provider: provider, cursor: at.Cursor, taken: at.Taken, wanting: true})
	}
	return w, nil
}
