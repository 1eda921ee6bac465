package access_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/access"
	"payrouter/host/store/sqlite"
)

// clock is a time that only a test moves.
type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(d)
}

func load(t *testing.T) (*access.Keys, *clock, *sqlite.DB) {
	t.Helper()
	c := &clock{at: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	db, err := sqlite.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	keys, err := access.Load(t.Context(), db, access.Settings{Now: c.now})
	require.NoError(t, err)
	return keys, c, db
}

func request(merchant string, rights ...access.Right) access.Request {
	return access.Request{Merchant: merchant, Name: merchant, Rights: rights}
}

func mustMake(t *testing.T, keys *access.Keys, by access.Key, asked access.Request) (access.Key, string) {
	t.Helper()
	key, token, err := keys.Make(t.Context(), by, asked)
	require.NoError(t, err)
	return key, token
}

func TestARouterWithoutKeysIsOpenAndTheFirstKeyClosesIt(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	open, known := keys.Identify("")
	require.True(t, known)
	require.Equal(t, access.Rights(), open.Rights)
	require.Equal(t, "default", open.Merchant)

	_, _, err := keys.Make(t.Context(), open, request("shop", access.ReadPayments))
	require.ErrorIs(t, err, access.ErrInvalid)
	require.ErrorContains(t, err, "which makes the others", "nobody locks themselves out")
	first, token := mustMake(t, keys, open, request("shop", access.ManageKeys))
	_, known = keys.Identify("")
	require.False(t, known)
	_, err = keys.Revoke(t.Context(), first, first.ID)
	require.NoError(t, err)
	for _, text := range []string{"", token} {
		_, known = keys.Identify(text)
		require.False(t, known, "a router whose keys are all revoked does not open")
	}
	require.True(t, keys.Any())
}

func TestTokensAreShownOnceAndKeptAsHashes(t *testing.T) {
	t.Parallel()
	keys, _, db := load(t)
	key, token := mustMake(t, keys, access.CommandLine(), request("shop", access.ReadPayments))
	require.Regexp(t, `^payrouter_[0-9a-z]{26}_[0-9a-f]{72}$`, token)
	kept, err := db.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, kept, 1)
	secret := token[strings.LastIndex(token, "_")+1:]
	require.NotContains(t, fmt.Sprintf("%+v %x", kept, kept[0].Hash), secret[:64])

	again, err := access.Load(t.Context(), db, access.Settings{})
	require.NoError(t, err)
	found, known := again.Identify(token)
	require.True(t, known)
	require.Equal(t, key.ID, found.ID)
	require.Equal(t, []access.Right{access.ReadPayments}, found.Rights)
}

// Every change of a token by one character, and every part of it, is another token.
func TestOnlyTheWholeTokenIsTheKey(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	_, token := mustMake(t, keys, access.CommandLine(), request("shop", access.ReadPayments))
	_, other := mustMake(t, keys, access.CommandLine(), request("stall", access.ReadPayments))
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(token)
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		case 1:
			text = text[:rapid.IntRange(0, len(text)-1).Draw(t, "length")]
		case 2:
			text = append(text, rapid.Byte().Draw(t, "more"))
		case 3:
			at := rapid.IntRange(1, len(text)-1).Draw(t, "seam")
			text = append(slices.Clone(text[:at]), other[at:]...)
		}
		if string(text) == token || string(text) == other {
			return
		}
		if _, known := keys.Identify(string(text)); known {
			t.Fatalf("%q passes", text)
		}
	})
}

func TestKeysEndByExpiryRotationAndRevoking(t *testing.T) {
	t.Parallel()
	keys, c, _ := load(t)
	asked := request("shop", access.ReadPayments)
	asked.ExpiresAt = c.now().Add(time.Hour)
	brief, briefToken := mustMake(t, keys, access.CommandLine(), asked)
	valid := func(token string) bool { _, known := keys.Identify(token); return known }
	require.True(t, valid(briefToken))
	c.pass(time.Hour)
	require.False(t, valid(briefToken), "at its expiry")
	_, _, err := keys.Rotate(t.Context(), access.CommandLine(), brief.ID, 0)
	require.ErrorIs(t, err, access.ErrEnded)

	old, oldToken := mustMake(t, keys, access.CommandLine(), request("shop", access.ReadPayments))
	next, nextToken, err := keys.Rotate(t.Context(), access.CommandLine(), old.ID, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []any{old.Merchant, old.Name, old.Rights, old.Line},
		[]any{next.Merchant, next.Name, next.Rights, next.Line})
	require.True(t, valid(oldToken) && valid(nextToken), "both hold for the overlap")
	c.pass(time.Hour)
	require.False(t, valid(oldToken))
	require.True(t, valid(nextToken))

	ended, err := keys.Revoke(t.Context(), access.CommandLine(), next.ID)
	require.NoError(t, err)
	require.False(t, valid(nextToken), "at once")
	c.pass(time.Hour)
	again, err := keys.Revoke(t.Context(), access.CommandLine(), next.ID)
	require.NoError(t, err)
	require.Equal(t, ended.RevokedAt, again.RevokedAt)
	for _, overlap := range []time.Duration{-time.Second, 31 * 24 * time.Hour} {
		_, _, err = keys.Rotate(t.Context(), access.CommandLine(), next.ID, overlap)
		require.ErrorIs(t, err, access.ErrInvalid)
	}
}

// No key gives what it has not, or reaches another merchant's keys.
func TestNoKeyGivesRightsThatItLacks(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	by, _ := mustMake(t, keys, access.CommandLine(), request("shop", access.ManageKeys, access.ReadPayments))
	rich, _ := mustMake(t, keys, access.CommandLine(), request("shop", access.CreatePayout))
	theirs, _ := mustMake(t, keys, access.CommandLine(), request("stall", access.ReadPayments))
	all, _ := mustMake(t, keys, access.CommandLine(),
		request("desk", access.ManageKeys, access.ReadPayments, access.AllMerchants))

	for _, asked := range []access.Request{
		request("shop", access.CreatePayout), request("stall", access.ReadPayments),
		request("shop", access.ReadPayments, access.AllMerchants),
	} {
		_, _, err := keys.Make(t.Context(), by, asked)
		require.ErrorIs(t, err, access.ErrForbidden, "%v", asked)
	}
	_, _, err := keys.Rotate(t.Context(), by, rich.ID, 0)
	require.ErrorIs(t, err, access.ErrForbidden, "the token of a rotated key is shown to who rotates it")
	_, err = keys.Revoke(t.Context(), by, rich.ID)
	require.ErrorIs(t, err, access.ErrForbidden)
	_, err = keys.Revoke(t.Context(), by, theirs.ID)
	require.ErrorIs(t, err, access.ErrNotFound, "another merchant's key is not there")
	require.Len(t, keys.List(by), 2)
	require.Len(t, keys.List(all), 4)
	_, err = keys.Revoke(t.Context(), all, theirs.ID)
	require.NoError(t, err)
}

// A key comes from all those above it, whatever is rotated: who asks for a payout approves it with none of them.
func TestAKeyComesFromThoseThatIssuedIt(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	manage := []access.Right{access.ManageKeys, access.Approve}
	root, _ := mustMake(t, keys, access.CommandLine(), request("shop", manage...))
	other, _ := mustMake(t, keys, access.CommandLine(), request("shop", manage...))
	child, _ := mustMake(t, keys, root, request("shop", manage...))
	rotated, _, err := keys.Rotate(t.Context(), other, child.ID, time.Hour)
	require.NoError(t, err)
	grandchild, _ := mustMake(t, keys, rotated, request("shop", access.Approve))
	for _, line := range []string{root.Line, other.Line, child.Line} {
		require.True(t, grandchild.ComesFrom(line), line)
	}
	require.True(t, rotated.ComesFrom(child.Line), "a rotated key is of the line of the old one")
	require.True(t, rotated.ComesFrom(other.Line), "who rotated it saw its token")
	require.False(t, root.ComesFrom(child.Line))
	require.False(t, other.ComesFrom(root.Line))
	require.False(t, root.ComesFrom(""))
}

// Names stand in logs, lists and the audit log: one that shows as another, or as two lines, would be read wrongly.
func TestNamesAreOneVisibleLine(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	for _, name := range []string{
		"a\nb", "a\tb", "a\u200bb", "\u202ebob", "a\u0085b", "a\u009b31mb", "a\u00a0b", "a\u2028b", "\ufeffa", "a\u00ad",
	} {
		asked := request("shop", access.ReadPayments)
		asked.Name = name
		_, _, err := keys.Make(t.Context(), access.CommandLine(), asked)
		require.ErrorIs(t, err, access.ErrInvalid, "%q", name)
		_, _, err = keys.Make(t.Context(), access.CommandLine(), request(name, access.ReadPayments))
		require.ErrorIs(t, err, access.ErrInvalid, "%q", name)
	}
	for _, name := range []string{"checkout server", "Zoë's till", "магазин", "店舗 2", "shop🛒"} {
		mustMake(t, keys, access.CommandLine(), request(name, access.ReadPayments))
	}
}

// Keys that make keys that make keys would each keep all those above it.
func TestTheKeysAboveAKeyAreBounded(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	first, _ := mustMake(t, keys, access.CommandLine(), request("shop", access.ManageKeys))
	last, err := first, error(nil)
	for range 100 {
		var next access.Key
		if next, _, err = keys.Make(t.Context(), last, request("shop", access.ManageKeys)); err != nil {
			break
		}
		last = next
	}
	require.ErrorIs(t, err, access.ErrInvalid)
	require.Len(t, last.IssuedBy, 32)
	_, _, err = keys.Rotate(t.Context(), last, last.ID, time.Hour)
	require.NoError(t, err, "its own rotation adds none")
	other, _ := mustMake(t, keys, access.CommandLine(), request("shop", access.ManageKeys))
	_, _, err = keys.Rotate(t.Context(), other, last.ID, time.Hour)
	require.ErrorIs(t, err, access.ErrInvalid)
}

// What a key asked for before it ended, or before the first key closed the router, is not done with afterwards.
func TestACallerThatEndedMeanwhileChangesNoKeys(t *testing.T) {
	t.Parallel()
	keys, _, _ := load(t)
	open, _ := keys.Identify("")
	require.True(t, keys.Stands(open))
	first, _ := mustMake(t, keys, open, request("shop", access.Rights()...))
	require.False(t, keys.Stands(open))
	require.True(t, keys.Stands(first))
	second, _ := mustMake(t, keys, first, request("shop", access.Rights()...))
	revoked, err := keys.Revoke(t.Context(), first, second.ID)
	require.NoError(t, err)
	require.False(t, keys.Stands(second))
	for what, by := range map[string]access.Key{"the open router": open, "a key that was revoked": second, "it": revoked} {
		_, _, err = keys.Make(t.Context(), by, request("shop", access.ManageKeys))
		require.ErrorIs(t, err, access.ErrCaller, what)
		_, _, err = keys.Rotate(t.Context(), by, first.ID, 0)
		require.ErrorIs(t, err, access.ErrCaller, what)
		_, err = keys.Revoke(t.Context(), by, first.ID)
		require.ErrorIs(t, err, access.ErrCaller, what)
	}
	require.Len(t, keys.List(first), 2)
}

// forgetful fails to write.
type forgetful struct{ access.Store }

func (forgetful) PutKey(context.Context, ...access.Key) error { return errors.New("the disk is full") }

func TestAChangeThatIsNotDurableDoesNotHold(t *testing.T) {
	t.Parallel()
	keys, _, db := load(t)
	key, token := mustMake(t, keys, access.CommandLine(), request("shop", access.ReadPayments))
	failing, err := access.Load(t.Context(), forgetful{db}, access.Settings{})
	require.NoError(t, err)
	_, _, err = failing.Make(t.Context(), access.CommandLine(), request("stall", access.ReadPayments))
	require.ErrorContains(t, err, "the disk is full")
	_, err = failing.Revoke(t.Context(), access.CommandLine(), key.ID)
	require.ErrorContains(t, err, "the disk is full")
	_, known := failing.Identify(token)
	require.True(t, known)
	require.Len(t, failing.List(access.CommandLine()), 1)
}

func TestLastUseIsWrittenToAMinute(t *testing.T) {
	t.Parallel()
	keys, c, db := load(t)
	key, token := mustMake(t, keys, access.CommandLine(), request("shop", access.ReadPayments))
	used := c.now()
	keys.Identify(token)
	c.pass(30 * time.Second)
	keys.Identify(token)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	keys.Run(ctx) // writes once more at its end
	kept, err := db.Keys(t.Context())
	require.NoError(t, err)
	require.Equal(t, used, kept[0].LastUsedAt)
	c.pass(30 * time.Second)
	keys.Identify(token)
	found, err := keys.Key(access.CommandLine(), key.ID)
	require.NoError(t, err)
	require.Equal(t, used.Add(time.Minute), found.LastUsedAt)
}

func TestPresetsHaveWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	for _, preset := range access.Presets() {
		rights := preset.Rights()
		require.Subset(t, access.Rights(), rights, preset)
		movesMoney := slices.ContainsFunc(rights, func(r access.Right) bool {
			return slices.Contains([]access.Right{
				access.CreatePayout, access.CreateRecharge, access.CreateTransfer, access.RunOperations,
			}, r)
		})
		require.Equal(t, slices.Contains([]access.Preset{access.Payouts, access.Operator, access.Owner}, preset),
			movesMoney, preset)
	}
	require.Empty(t, access.Preset("none").Rights())
}

// FuzzIdentify looks for a text that panics, or passes and is no token.
func FuzzIdentify(f *testing.F) {
	db, err := sqlite.Open(f.Context(), f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	keys, err := access.Load(f.Context(), db, access.Settings{Random: rand.Reader})
	if err != nil {
		f.Fatal(err)
	}
	_, token, err := keys.Make(f.Context(), access.CommandLine(), request("shop", access.ReadPayments))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", token, token[:20], "payrouter_", strings.Repeat("payrouter_", 20)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, known := keys.Identify(text); known != (text == token) {
			t.Fatalf("%q: %v", text, known)
		}
	})
}
