package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"payrouter/host/identity"
	"payrouter/host/invalid"
)

// Store keeps keys durably.
type Store interface {
	Keys(ctx context.Context) ([]Key, error)
	// PutKey adds a key, or replaces the one with its ID.
	PutKey(ctx context.Context, keys ...Key) error
}

// Settings of Keys. Zero fields take the defaults that they name.
type Settings struct {
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Random feeds tokens and ids, and is safe for concurrent use. Nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
}

// Bounds of what a key is made of.
const (
	maxName     = 64
	maxMerchant = 64
	maxLifetime = 10 * 366 * 24 * time.Hour
	maxOverlap  = 30 * 24 * time.Hour
	// maxIssuers is how many lines a key may come from: each of its own issuers is kept with it.
	maxIssuers = 32
)

// Keys are a router's API keys. It is safe for concurrent use. A change is durable before it holds, and holds for the
// next request.
type Keys struct {
	store    Store
	settings Settings
	ids      *identity.Source
	// changing is held while a change is written, so that no two changes of a key are mixed.
	changing sync.Mutex

	mutex sync.RWMutex
	byID  map[string]Key
	// used are the keys whose last use is not written yet.
	used map[string]bool
}

// Load reads the keys of a store.
func Load(ctx context.Context, store Store, settings Settings) (*Keys, error) {
	if settings.Now == nil {
		settings.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if settings.Random == nil {
		settings.Random = rand.Reader
	}
	if settings.Logger == nil {
		settings.Logger = slog.New(slog.DiscardHandler)
	}
	found, err := store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API keys: %w", err)
	}
	k := &Keys{
		store: store, settings: settings, ids: identity.New(settings.Random), byID: map[string]Key{},
		used: map[string]bool{},
	}
	for _, key := range found {
		k.byID[key.ID] = key
	}
	return k, nil
}

// Open is the caller of a router that never had a key.
func Open() Key { return Key{Merchant: openMerchant, Name: openMerchant, Rights: Rights()} }

// openMerchant is the merchant of a router that never had a key.
const openMerchant = "default"

func (k Key) open() bool { return k.ID == "" && k.Merchant == openMerchant }

// CommandLine is the caller of commands on the data folder.
func CommandLine() Key { return Key{Name: "command line", Rights: Rights()} }

func (k Key) commandLine() bool { return k.ID == "" && k.Merchant == "" }

// Any reports whether a key was ever made. From then on requests need one, even if all are revoked.
func (k *Keys) Any() bool {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	return len(k.byID) > 0
}

// Identify finds the key of a token. It is Open where there never was a key.
func (k *Keys) Identify(token string) (Key, bool) {
	now := k.settings.Now()
	k.mutex.RLock()
	count := len(k.byID)
	id, wellFormed := idOf(token)
	key, known := k.byID[id]
	k.mutex.RUnlock()
	if count == 0 {
		return Open(), true
	}
	if !wellFormed || !known || !key.fits(token) || key.Ended(now) {
		return Key{}, false
	}
	k.use(key, now)
	return key, true
}

// Stands reports whether a caller that was identified would be so again: its key may have ended since, or the first key
// may have closed the router.
func (k *Keys) Stands(by Key) bool {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	if by.open() {
		return len(k.byID) == 0
	}
	key, known := k.byID[by.ID]
	return known && !key.Ended(k.settings.Now())
}

// holds is ErrCaller where who asks for a change has ended. The caller holds changing, so that nothing ends meanwhile.
func (k *Keys) holds(by Key) error {
	if by.commandLine() || k.Stands(by) {
		return nil
	}
	return ErrCaller
}

// useEvery is how exact LastUsedAt is.
const useEvery = time.Minute

func (k *Keys) use(key Key, now time.Time) {
	if now.Sub(key.LastUsedAt) < useEvery {
		return
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	current := k.byID[key.ID]
	current.LastUsedAt = now
	k.byID[key.ID], k.used[key.ID] = current, true
}

// Request is a key that is asked for. A zero ExpiresAt is no expiry.
type Request struct {
	Merchant, Name string
	Rights         []Right
	ExpiresAt      time.Time
}

func (r Request) check(now time.Time) error {
	if err := checkText("merchant", r.Merchant, maxMerchant); err != nil {
		return err
	}
	if err := checkText("name", r.Name, maxName); err != nil {
		return err
	}
	if !r.ExpiresAt.IsZero() && (!r.ExpiresAt.After(now) || r.ExpiresAt.After(now.Add(maxLifetime))) {
		return fmt.Errorf("%w: the expiry must lie in the future, and within ten years", ErrInvalid)
	}
	return checkRights(r.Rights)
}

func checkText(what, text string, longest int) error {
	if strings.TrimSpace(text) != text || text == "" {
		return fmt.Errorf("%w: the %s is missing, or has blanks around it", ErrInvalid, what)
	}
	if reason := invalid.Text(text, longest); reason != "" {
		return fmt.Errorf("%w: the %s %s", ErrInvalid, what, reason)
	}
	// It stands in logs and lists, beside others that it must not be taken for.
	if at := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
		character, _ := utf8.DecodeRuneInString(text[at:])
		return fmt.Errorf("%w: the %s has the character %+q: write it in one line of visible characters", ErrInvalid,
			what, character)
	}
	return nil
}

func checkIssuers(lines []string) error {
	if len(lines) > maxIssuers {
		return fmt.Errorf("%w: the key would come from more than %d others: make it with a key that comes from fewer",
			ErrInvalid, maxIssuers)
	}
	return nil
}

// Make makes a key on a caller's behalf. The token is given this once. Nobody gives rights that they lack, or makes
// keys of another merchant without AllMerchants.
func (k *Keys) Make(ctx context.Context, by Key, asked Request) (made Key, token string, err error) {
	now := k.settings.Now().UTC()
	if err := asked.check(now); err != nil {
		return Key{}, "", err
	}
	if err := by.manages(asked.Merchant, asked.Rights); err != nil {
		return Key{}, "", err
	}
	if by.open() && !slices.Contains(asked.Rights, ManageKeys) {
		return Key{}, "", fmt.Errorf("%w: the first key closes the router: give it the right %s, which makes the others",
			ErrInvalid, ManageKeys)
	}
	made = Key{
		Merchant: asked.Merchant, Name: asked.Name, Rights: slices.Clone(asked.Rights), CreatedAt: now,
		ExpiresAt: asked.ExpiresAt.UTC(), CreatedBy: by.ID,
	}
	if by.Line != "" {
		made.IssuedBy = append([]string{by.Line}, by.IssuedBy...)
	}
	if err := checkIssuers(made.IssuedBy); err != nil {
		return Key{}, "", err
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.holds(by); err != nil {
		return Key{}, "", err
	}
	return k.add(ctx, made)
}

// add gives a key its id and token, and keeps it together with others that change with it.
func (k *Keys) add(ctx context.Context, made Key, changed ...Key) (_ Key, token string, err error) {
	if made.ID, err = k.ids.Make(idPrefix, made.CreatedAt); err != nil {
		return Key{}, "", fmt.Errorf("make an API key's id: %w", err)
	}
	made.Line = cmp.Or(made.Line, made.ID)
	if token, err = newToken(made.ID, k.settings.Random); err != nil {
		return Key{}, "", err
	}
	made.Hash = hashOf(token)
	if err := k.put(ctx, append(changed, made)...); err != nil {
		return Key{}, "", err
	}
	return made, token, nil
}

// put keeps keys, and lets them hold. The caller holds changing.
func (k *Keys) put(ctx context.Context, keys ...Key) error {
	if err := k.store.PutKey(ctx, keys...); err != nil {
		return fmt.Errorf("keep an API key: %w", err)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, key := range keys {
		if current, known := k.byID[key.ID]; known && current.LastUsedAt.After(key.LastUsedAt) {
			key.LastUsedAt = current.LastUsedAt
		}
		k.byID[key.ID] = key
	}
	return nil
}

// Rotate makes a key in another's place. The other holds on for the overlap, so that callers change over without a
// refused request.
func (k *Keys) Rotate(ctx context.Context, by Key, id string, overlap time.Duration) (
	made Key, token string, err error,
) {
	if overlap < 0 || overlap > maxOverlap {
		return Key{}, "", fmt.Errorf("%w: the overlap must be from 0 s to 30 days", ErrInvalid)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	old, err := k.managed(by, id)
	if err != nil {
		return Key{}, "", err
	}
	now := k.settings.Now().UTC()
	if old.Ended(now) {
		return Key{}, "", fmt.Errorf("%s: %w: make a new one", id, ErrEnded)
	}
	made = old
	made.CreatedAt, made.CreatedBy, made.LastUsedAt = now, by.ID, time.Time{}
	made.IssuedBy = lines(old, by)
	if err := checkIssuers(made.IssuedBy); err != nil {
		return Key{}, "", err
	}
	if until := now.Add(overlap); old.ExpiresAt.IsZero() || until.Before(old.ExpiresAt) {
		old.ExpiresAt = until
	}
	return k.add(ctx, made, old)
}

// lines are what a rotated key comes from: all that the old one does, and the key that rotated it, which saw its token.
func lines(old, by Key) []string {
	all := slices.Clone(old.IssuedBy)
	for _, line := range append([]string{by.Line}, by.IssuedBy...) {
		if line != "" && line != old.Line && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return all
}

// Revoke ends a key. A key that was revoked before stays as it is.
func (k *Keys) Revoke(ctx context.Context, by Key, id string) (Key, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	key, err := k.managed(by, id)
	if err != nil || !key.RevokedAt.IsZero() {
		return key, err
	}
	key.RevokedAt = k.settings.Now().UTC()
	return key, k.put(ctx, key)
}

// Issued are the lines of the keys that come from a key's line, sorted.
func (k *Keys) Issued(by Key) []string {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	var lines []string
	for _, key := range k.byID {
		if key.Line != by.Line && key.ComesFrom(by.Line) {
			lines = append(lines, key.Line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// managed is a key that another may change. The caller holds changing.
func (k *Keys) managed(by Key, id string) (Key, error) {
	if err := k.holds(by); err != nil {
		return Key{}, err
	}
	key, err := k.Key(by, id)
	if err != nil {
		return Key{}, err
	}
	return key, by.manages(key.Merchant, key.Rights)
}

// Key is one that a caller sees.
func (k *Keys) Key(by Key, id string) (Key, error) {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	key, known := k.byID[id]
	if !known || !by.sees(key) {
		return Key{}, fmt.Errorf("%.64q: %w", id, ErrNotFound)
	}
	return key, nil
}

func (k Key) sees(other Key) bool { return k.Merchant == other.Merchant || k.May(AllMerchants) }

// List is the keys that a caller sees, the newest first, those that ended included.
func (k *Keys) List(by Key) []Key {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	seen := []Key{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(k.byID))) {
		if key := k.byID[id]; by.sees(key) {
			seen = append(seen, key)
		}
	}
	return seen
}

// Run writes the last use of keys down, until ctx ends, and then once more.
func (k *Keys) Run(ctx context.Context) {
	const every = 10 * time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			k.writeUse(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
			k.writeUse(ctx)
		}
	}
}

func (k *Keys) writeUse(ctx context.Context) {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mutex.Lock()
	var keys []Key
	for id := range k.used {
		keys = append(keys, k.byID[id])
	}
	clear(k.used)
	k.mutex.Unlock()
	if len(keys) == 0 {
		return
	}
	if err := k.store.PutKey(ctx, keys...); err != nil {
		k.settings.Logger.WarnContext(ctx, "write when API keys were last used", slog.Any("error", err))
	}
}
