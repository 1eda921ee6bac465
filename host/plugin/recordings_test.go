package plugin_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
)

// kept has what was recorded so far written to the disk, as a router does at its end.
func (s *site) kept() {
	s.Helper()
	ended, end := context.WithCancel(s.Context())
	end()
	s.registry.KeepRecordings(ended)
}

func (s *site) recordings(file string) string {
	return filepath.Join(s.settings.Dir, "hostile", "recordings", file)
}

// A swap after a restart compared with 0 recorded flows.
func TestRecordingsOutlastARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	s.pay(3)
	active, _ := s.registry.Current("hostile")
	callBack(t, active)
	before := s.registry.Recordings("hostile")
	s.kept()
	for i := range 2 { // also where nothing was recorded in between
		s.restart()
		require.Equal(t, before, s.registry.Recordings("hostile"))
		other := variant(t, fmt.Sprintf("version=1.1.%d receive=ignore", i))
		report, err := s.registry.Install(t.Context(), plugin.Candidate{Code: other})
		require.ErrorIs(t, err, plugin.ErrShadow)
		require.Equal(t, 3, report.Shadow.Flows)
		require.Equal(t, 1, report.Shadow.Callbacks)
		s.kept()
	}
	s.pay(2)
	s.kept()
	s.pay(1)
	s.kept()
	s.restart()
	require.Len(t, s.registry.Recordings("hostile"), 6)
	report, err := s.registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.1.0")})
	require.NoError(t, err)
	require.Equal(t, 5, report.Shadow.Flows, "those alike the last")
}

// KeepRecordings writes while it runs, so that a crash loses a few seconds at most.
func TestRecordingsAreWrittenWhileTheRouterRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	s.pay(1)
	running, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.registry.KeepRecordings(running); close(ended) }()
	defer func() { end(); <-ended }()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(s.recordings("flows"))
		return err == nil && strings.HasSuffix(string(text), "\n")
	}, waiting, tick)
}

// Recordings have payers' data: they end with their time, on the disk too.
func TestRecordingsEndWithTheirTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newSite(t, plugin.Settings{RecordFor: time.Hour, Now: func() time.Time { return now }}, module(t, ""))
	s.pay(1)
	s.kept()
	running := s.registry

	now = now.Add(40 * time.Minute)
	s.pay(1)
	s.kept()
	require.Len(t, running.Recordings("hostile"), 2)
	now = now.Add(40 * time.Minute)
	require.Len(t, running.Recordings("hostile"), 1)
	s.kept()
	text, err := os.ReadFile(s.recordings("flows"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "\n"))

	now = now.Add(40 * time.Minute)
	s.restart()
	require.Empty(t, s.registry.Recordings("hostile"))
	require.NoFileExists(t, s.recordings("flows"))
}

// The files of a router that runs on, without a payment, end too.
func TestFileOfOldRecordingsIsRemoved(t *testing.T) {
	t.Parallel()
	clock := make(chan time.Time, 1)
	clock <- time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := func() time.Time { at := <-clock; clock <- at; return at }
	s := newSite(t, plugin.Settings{RecordFor: time.Hour, Now: now}, module(t, ""))
	s.pay(1)
	running, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.registry.KeepRecordings(running); close(ended) }()
	defer func() { end(); <-ended }()
	require.Eventually(t, func() bool { _, err := os.Stat(s.recordings("flows")); return err == nil }, waiting, tick)
	clock <- (<-clock).Add(2 * time.Hour)
	require.Eventually(t, func() bool { _, err := os.Stat(s.recordings("flows")); return err != nil }, waiting, tick)
}

// Whoever turns recording off wants none of it on the disk.
func TestRecordingsAreRemovedWhereNothingIsRecorded(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	s.pay(1)
	s.kept()
	require.FileExists(t, s.recordings("flows"))
	s.settings.Record = -1
	s.restart()
	require.NoFileExists(t, s.recordings("flows"))
	s.kept()
	require.NoFileExists(t, s.recordings("flows"))
}

// Damaged recordings are logged, and keep nothing from serving.
func TestDamagedRecordingsAreLeftOut(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := newSite(t, plugin.Settings{Logger: slog.New(slog.NewTextHandler(&log, nil))}, module(t, ""))
	s.pay(2)
	s.kept()
	text, err := os.ReadFile(s.recordings("flows"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.recordings("flows"), text[:len(text)-5], 0o600))
	require.NoError(t, os.Mkdir(s.recordings("callbacks"), 0o700))
	s.restart()
	s.serves(module(t, ""))
	require.Len(t, s.registry.Recordings("hostile"), 1)
	require.Contains(t, log.String(), "lines of recordings are damaged, and left out: 1")
	require.Contains(t, log.String(), "it is not a regular file")
}

// A disk that is full costs recordings, and is reported once.
func TestRecordingsThatCannotBeWrittenAreReportedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := newSite(t, plugin.Settings{Logger: slog.New(slog.NewTextHandler(&log, nil))}, module(t, ""))
	folder := filepath.Dir(s.recordings("flows"))
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	s.pay(1)
	running, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.registry.KeepRecordings(running); close(ended) }()
	end() // one write or two
	<-ended
	require.Equal(t, 1, strings.Count(log.String(), "do not outlast a restart"))
	require.NoError(t, os.Remove(folder))
	s.kept()
	s.restart()
	require.Len(t, s.registry.Recordings("hostile"), 1)
}
