package record

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/attempt"
)

// A dictionary that changes makes every record unreadable that was written with it.
func TestTheFirstDictionaryNeverChanges(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(firstDictionary)
	require.Equal(t, "92fa35d00d14c9dac47d512d41608cedc975d465f103acf41be7db35ab50133a", hex.EncodeToString(sum[:]))
}

// This text was written when the format was new.
func TestARecordOfTheFirstReleaseIsRead(t *testing.T) {
	t.Parallel()
	text, err := hex.DecodeString("" +
		"019402040a565d2b62241e66fc015abc38207d1a0200ff2a250a194d890c6174745f326026307d1201011a010222027b7d2a" +
		"2d32270000321d2714327d2801320e322417107d32260a0e0d5604657601000c7d12147b59b4b158707d3a0808c90112037b" +
		"7d0a420e0a016b12016618c0d490cd0620074a1e0eea0d15000f08023737")
	require.NoError(t, err)
	change, err := Decode(text)
	require.NoError(t, err)
	require.Equal(t, golden(), change)
}

func golden() *Change {
	seconds := int64(1_772_366_400)
	return &Change{
		Payment: []byte(`{"id":"pay_1","merchant":"default","kind":"collect","amount":"49.90","currency":"EUR"}`),
		Input:   []byte{0, 255},
		Attempts: []*Attempt{
			{Document: []byte(`{"id":"att_1","number":1}`), Call: []byte{1}, State: []byte{2}, Request: []byte(`{}`)},
			{Document: []byte(`{"id":"att_2","number":2}`), Stands: true, Response: []byte(`{"status":200}`)},
		},
		Entries: []*Entry{{Document: []byte(`{"id":"evt_1"}`), Snapshot: []byte(`{"status":"created"}`)}},
		Answer:  &Answer{Status: 201, Body: []byte("{}\n")},
		Key:     &Key{Value: "k", Fingerprint: "f", CreatedSeconds: &seconds, CreatedNanos: 7},
		Claims:  []*Claim{{Account: "paygram-eu", Object: "IssueInvoice", Reference: "77"}},
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	t.Parallel()
	bytesOf := rapid.SliceOfN(rapid.Byte(), 0, 3000)
	rapid.Check(t, func(t *rapid.T) {
		change := &Change{
			Payment: some(bytesOf.Draw(t, "payment")), Run: some(bytesOf.Draw(t, "run")),
			Answer: &Answer{Status: rapid.Int64().Draw(t, "status"), Body: some(bytesOf.Draw(t, "body"))},
		}
		text, err := Encode(change)
		require.NoError(t, err)
		decoded, err := Decode(text)
		require.NoError(t, err)
		require.Equal(t, change, decoded)
	})
}

func TestWhatCannotBeARecordIsRefused(t *testing.T) {
	t.Parallel()
	text, err := Encode(golden())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		text []byte
		why  string
	}{
		"nothing":                  {nil, "empty"},
		"a later dictionary":       {append([]byte{first + 1}, text[1:]...), "its dictionary is number 2"},
		"half of it":               {text[:len(text)/2], "decode a record"},
		"a length beyond all":      {[]byte{first, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, "claims 4294967295 bytes"},
		"no message inside":        {append([]byte{first, 2}, 1<<2, 0xff, 0xff), "decode a record"},
		"a length without content": {[]byte{first, 9}, "decode a record"},
	} {
		_, err := Decode(test.text)
		require.ErrorContains(t, err, test.why, name)
	}
}

func TestALargeRecordIsRefusedBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	_, err := Encode(&Change{Payment: make([]byte, maxSize)})
	require.ErrorContains(t, err, "at most")
}

// What stands is what the last record before had, whatever lies between.
func TestAttemptsAreTheFoldOfTheirRecords(t *testing.T) {
	t.Parallel()
	opened := attempt.Attempt{ID: "att_1", Number: 1, Call: []byte{1}, State: []byte{2}, Request: []byte(`{"a":1}`)}
	closed := opened
	closed.Event, closed.Response = attempt.Accepted, []byte(`{"status":200}`)
	other := attempt.Attempt{ID: "att_2", Number: 2, Call: []byte{3}}
	of := func(a attempt.Attempt, stands bool) *Attempt {
		made, err := ofAttempt(a)
		require.NoError(t, err)
		if stands {
			return made.Standing()
		}
		return made
	}
	log := []Numbered{
		{1, &Change{Attempts: []*Attempt{of(opened, false)}}},
		{2, &Change{}},
		{3, &Change{Attempts: []*Attempt{of(other, false)}}},
		{4, &Change{Attempts: []*Attempt{of(closed, true)}}},
	}
	for n, want := range [][]attempt.Attempt{nil, {opened}, {opened}, {opened, other}, {closed, other}} {
		got, err := Attempts(log[:n])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Attempts(log[3:])
	require.ErrorContains(t, err, "att_1")
	require.ErrorContains(t, err, "change 4")
}

func TestGivenTellsApartWhatIsDifferent(t *testing.T) {
	t.Parallel()
	seen := map[int64]int{}
	all := []attempt.Attempt{
		{},
		{Provider: "ab"},
		{Reference: "ab"},
		{Call: []byte("ab")},
		{Call: []byte("a"), State: []byte("b")},
		{State: []byte("ab")},
		{Request: []byte("ab")},
	}
	for i, a := range all {
		before, twice := seen[Given(a)]
		require.False(t, twice, "%d and %d", i, before)
		seen[Given(a)] = i
	}
	answered := attempt.Attempt{Call: []byte("ab"), Response: []byte("x"), Event: attempt.Accepted}
	require.Equal(t, Given(attempt.Attempt{Call: []byte("ab")}), Given(answered))
}

func FuzzDecode(f *testing.F) {
	text, err := Encode(golden())
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte{first, 9})
	f.Fuzz(func(t *testing.T, text []byte) {
		change, err := Decode(text)
		if err != nil {
			return
		}
		again, err := Encode(change)
		require.NoError(t, err)
		decoded, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, change, decoded)
		_, _ = Attempts([]Numbered{{1, change}})
		_, _ = Timeline([]Numbered{{1, change}})
		_, _ = PaymentOf(change)
		_, _ = RunOf(change)
	})
}
