package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// victimDir names the variable that makes this test binary a process to be killed, and gives it a data directory.
const victimDir = "PAYROUTER_TEST_VICTIM"

// victim writes payments, several at a time and without end, and prints a line for each that is acknowledged.
func victim(dir string) int {
	ctx := context.Background()
	db, err := Open(ctx, dir, func(c *choices) { c.witnessEvery = time.Nanosecond })
	if err == nil {
		err = db.Hold()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	const writers = 8
	var all sync.WaitGroup
	for first := range writers {
		all.Go(func() {
			for n := int(db.standing.commits)*1000 + first; ; n += writers { // several are killed in one directory
				p, key := sample(n)
				if _, err := db.Create(ctx, changeOf(p), key); err != nil {
					return
				}
				fmt.Printf("created %d\n", n)
				if err := db.Save(ctx, changeOf(processing(p), openAttempt(p))); err != nil {
					return
				}
				fmt.Printf("saved %d\n", n)
			}
		})
	}
	all.Wait()
	return 1 // it was to be killed
}

func processing(p payment.Payment) payment.Payment {
	p.Status, p.Version = payment.Processing, p.Version+1
	return p
}

func openAttempt(p payment.Payment) attempt.Attempt {
	return attempt.Attempt{
		ID: attempt.ID("att_" + p.ID), Owner: p.OwnerID(), Number: 1, Provider: "payplay", SendBefore: p.CreatedAt,
		StartedAt: p.CreatedAt,
	}
}

func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), victimDir+"="+dir)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	created, saved := map[int]bool{}, map[int]bool{}
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what follows the last line's end was not printed
		}
		what, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		var n int
		_, err = fmt.Sscan(number, &n)
		require.NoError(t, err)
		map[string]map[int]bool{"created": created, "saved": saved}[what][n] = true
		if len(saved) == 100 {
			require.NoError(t, command.Process.Kill())
		}
	}
	require.Error(t, command.Wait())
	require.GreaterOrEqual(t, len(saved), 100)

	db := openAt(t, dir)
	defer db.Close()
	for n := range created {
		requireAtLeast(t, db, n, saved[n])
	}
	unfinished, err := db.Unfinished(t.Context(), "", 1<<20)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(unfinished), len(created))
}

// requireAtLeast finds what was acknowledged, or the change after it, which may have been written and not yet printed.
func requireAtLeast(t *testing.T, db *DB, n int, saved bool) {
	t.Helper()
	p, key := sample(n)
	got, err := db.Payment(t.Context(), p.ID)
	require.NoError(t, err)
	found, err := db.Key(t.Context(), key.Merchant, key.Value)
	require.NoError(t, err)
	require.Equal(t, &key, found)
	attempts, err := db.Attempts(t.Context(), p.ID)
	require.NoError(t, err)
	if !saved && got.Version == 1 {
		require.Equal(t, p, got)
		require.Empty(t, attempts)
		return
	}
	require.Equal(t, processing(p), got)
	require.Equal(t, []attempt.Attempt{openAttempt(p)}, attempts)
}

// A kill leaves the witness behind the journal, or level with it, and never ahead.
//
// It runs alone: a child has its parent's file locks for the moment between fork and exec.
func TestKilledProcessIsNeverHeld(t *testing.T) {
	dir := t.TempDir()
	for kill := range 15 {
		command := exec.CommandContext(t.Context(), os.Args[0])
		command.Env = append(os.Environ(), victimDir+"="+dir)
		var said strings.Builder
		command.Stderr = &said
		output, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines := bufio.NewScanner(output)
		for range 1 + kill*7 {
			require.True(t, lines.Scan(), said.String())
		}
		require.NoError(t, command.Process.Kill())
		_, err = io.Copy(io.Discard, output) // the rest of its output is read, so that it can end
		require.NoError(t, err)
		require.Error(t, command.Wait())
		seen, err := readTestimony(Witness(dir))
		require.NoError(t, err)
		require.NotNil(t, seen)
	}
	db := openAt(t, dir)
	defer db.Close()
	require.NoError(t, db.Hold())
	require.False(t, db.Doubtful(0), "the witness shows that it is current")
}
