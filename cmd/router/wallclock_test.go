package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAWrongWallClockKeepsItsMonotonicReading(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "offset")
	set := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	set("72h\n")
	right := time.Now()
	now, err := armClock([]string{clockOffsetVariable + "=" + file}, func() time.Time { return right })
	require.NoError(t, err)
	first := now()
	require.Equal(t, 72*time.Hour, first.Round(0).Sub(right.Round(0)))

	right = right.Add(clockOffsetEvery)
	set("-1h")
	second := now()
	require.Equal(t, -time.Hour, second.Round(0).Sub(right.Round(0)), "the file is read again")
	require.Equal(t, clockOffsetEvery, second.Sub(first), "the monotonic clock goes on")

	right = right.Add(clockOffsetEvery)
	set("soon")
	require.Equal(t, -time.Hour, now().Round(0).Sub(right.Round(0)), "what cannot be read changes nothing")
}

func TestTheClockIsRightByDefault(t *testing.T) {
	t.Parallel()
	now, err := armClock([]string{"PATH=/bin"}, func() time.Time { return time.Unix(7, 0) })
	require.NoError(t, err)
	require.Equal(t, time.Unix(7, 0), now())
}

func TestAClockOffsetThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "offset")
	_, err := armClock([]string{clockOffsetVariable + "=" + file}, time.Now)
	require.ErrorContains(t, err, clockOffsetVariable)
	require.NoError(t, os.WriteFile(file, []byte("three days"), 0o600))
	_, err = armClock([]string{clockOffsetVariable + "=" + file}, time.Now)
	require.ErrorContains(t, err, `holds "three days": want a duration such as 72h`)
}
