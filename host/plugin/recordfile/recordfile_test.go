package recordfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin/recordfile"
	"payrouter/host/plugin/replay"
	"payrouter/host/regularfile"
)

const most = 1 << 16

// flow is a recording of some steps, each with bytes that are no text.
func flow(payment string, steps ...string) replay.Recording {
	r := replay.Recording{
		Plugin: "p", Digest: "d", Operation: "buy", PaymentID: payment,
		At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
	for i, step := range steps {
		r.Steps = append(r.Steps, replay.Step{
			Input: []byte(step + "\n\xff"), Answer: []byte{byte(i), 1}, Failure: step, Fuel: int64(i),
		})
	}
	return r
}

// part is what follows a number of a recording's steps.
func part(number uint64, r replay.Recording, former int) recordfile.Part {
	r.Steps = r.Steps[former:]
	return recordfile.Part{Flow: number, Former: former, Recording: r}
}

func read(t *testing.T, path string) (recordings []replay.Recording, damaged int) {
	t.Helper()
	recordings, damaged, err := recordfile.New(path, most).Read()
	require.NoError(t, err)
	return recordings, damaged
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "recordings", "flows")
	file := recordfile.New(path, most)
	require.True(t, file.Oldest().IsZero())
	none, damaged := read(t, path)
	require.Empty(t, none)
	require.Zero(t, damaged)

	one, two := flow("pay_1", "a", "b", "c"), flow("pay_2", "d")
	two.At = one.At.Add(-time.Hour)
	begun := part(1, one, 0)
	begun.Recording.Steps = one.Steps[:1]
	require.NoError(t, file.Replace([]recordfile.Part{begun}))
	require.Equal(t, one.At, file.Oldest())
	for _, parts := range [][]recordfile.Part{{part(2, two, 0), part(1, one, 1)}, nil} {
		appended, err := file.Append(parts)
		require.NoError(t, err)
		require.True(t, appended)
	}
	require.Equal(t, two.At, file.Oldest())
	found, damaged := read(t, path)
	require.Zero(t, damaged)
	require.Equal(t, []replay.Recording{one, two}, found)

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "it has payers' data")
	require.NoError(t, file.Replace(nil))
	require.NoFileExists(t, path)
	require.True(t, file.Oldest().IsZero())
	require.NoError(t, file.Remove())
}

// A crash of the machine may leave anything. What is whole is read; a flow ends before its first damage.
func TestDamagedLinesCostNoOther(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		spoil   func(lines []string) string
		found   []replay.Recording
		damaged int
	}{
		"nothing": {
			func(l []string) string { return strings.Join(l, "") },
			[]replay.Recording{flow("pay_1", "a", "b", "c"), flow("pay_2", "d")},
			0,
		},
		"the last line is torn": {
			func(l []string) string { return l[0] + l[1] + l[2] + l[3][:len(l[3])-1] },
			[]replay.Recording{flow("pay_1", "a", "b"), flow("pay_2", "d")},
			1,
		},
		"zeros at the end": {
			func(l []string) string { return strings.Join(l, "") + strings.Repeat("\x00", 100) },
			[]replay.Recording{flow("pay_1", "a", "b", "c"), flow("pay_2", "d")},
			1,
		},
		"a bit in the middle of a flow": {
			func(l []string) string { return l[0] + strings.Replace(l[1], "fuel", "fuem", 1) + l[2] + l[3] },
			[]replay.Recording{flow("pay_1", "a"), flow("pay_2", "d")},
			1,
		},
		"the beginning of a flow": {
			func(l []string) string { return l[0][1:] + l[1] + l[2] + l[3] },
			[]replay.Recording{flow("pay_2", "d")},
			1,
		},
		"not even text": {func([]string) string { return "\x00\n\n\xff 1\nffffffff {}\n" }, nil, 4},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "flows")
			file, whole := recordfile.New(path, most), flow("pay_1", "a", "b", "c")
			var parts []recordfile.Part
			for i := range 3 {
				one := part(1, whole, i)
				one.Recording.Steps = one.Recording.Steps[:1]
				parts = append(parts, one)
			}
			require.NoError(t, file.Replace([]recordfile.Part{parts[0], parts[1], part(2, flow("pay_2", "d"), 0), parts[2]}))
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			var lines []string
			for line := range bytes.Lines(text) {
				lines = append(lines, string(line))
			}
			require.NoError(t, os.WriteFile(path, []byte(row.spoil(lines)), 0o600))
			found, damaged := read(t, path)
			require.Equal(t, row.found, found)
			require.Equal(t, row.damaged, damaged)
		})
	}
}

func TestFileStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flows")
	file := recordfile.New(path, 1000)
	appended, err := file.Append([]recordfile.Part{part(1, flow("pay_1", "a"), 0)})
	require.NoError(t, err)
	require.False(t, appended, "what is there already is not known before a Replace")
	require.NoError(t, file.Replace([]recordfile.Part{part(1, flow("pay_1", "a"), 0)}))
	for appended = true; appended; {
		appended, err = file.Append([]recordfile.Part{part(1, flow("pay_1", "a"), 0)})
		require.NoError(t, err)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(1000))
	require.Greater(t, info.Size(), int64(500))

	_, _, err = recordfile.New(path, 100).Read()
	require.ErrorIs(t, err, regularfile.ErrTooLarge)
	_, _, err = recordfile.New(filepath.Dir(path), 100).Read()
	require.ErrorIs(t, err, regularfile.ErrNotRegular)
}

// After a write that failed it is not known what the file has, so that it is replaced.
func TestNothingIsAppendedAfterAFailure(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flows")
	file := recordfile.New(path, most)
	parts := []recordfile.Part{part(1, flow("pay_1", "a"), 0)}
	require.NoError(t, file.Replace(parts))
	require.NoError(t, os.Remove(path))
	_, err := file.Append(parts)
	require.ErrorIs(t, err, fs.ErrNotExist)
	appended, err := file.Append(parts)
	require.NoError(t, err)
	require.False(t, appended)
	require.NoError(t, os.Mkdir(path, 0o700))
	require.Error(t, file.Replace(parts))
	require.NoError(t, os.Remove(path))
	require.NoError(t, file.Replace(parts))
	appended, err = file.Append(parts)
	require.NoError(t, err)
	require.True(t, appended)
}
