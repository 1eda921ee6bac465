package ruleset_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	abi "payrouter/abi/v1"
	"payrouter/host/routing"
	"payrouter/host/ruleset"
)

// memory is a journal in memory that counts its calls, and fails them while err is set.
type memory struct {
	mutex       sync.Mutex
	texts       map[string][]byte
	kept, reads int
	err         error
}

func (m *memory) KeepRuleset(_ context.Context, id string, written []byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.kept++
	if m.err == nil {
		m.texts[id] = written
	}
	return m.err
}

func (m *memory) Ruleset(_ context.Context, id string) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.reads++
	if m.err != nil {
		return nil, m.err
	}
	text, ok := m.texts[id]
	if !ok {
		return nil, ruleset.ErrNotFound
	}
	return text, nil
}

func compile(t *testing.T, text string) *routing.Ruleset {
	t.Helper()
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &node))
	doc, err := routing.Parse("rules.yaml", node.Content[0], nil, nil)
	require.NoError(t, err)
	rules, err := routing.Compile(doc, []routing.Provider{
		{Name: "a", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}}},
	}, "v1")
	require.NoError(t, err)
	return rules
}

func TestRulesAreKeptOnceAndAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	journal := &memory{texts: map[string][]byte{}, err: errors.New("disk full")}
	archive := ruleset.New(journal)
	rules := compile(t, `[{name: all, to: a}]`)
	require.ErrorIs(t, archive.Keep(t.Context(), rules), journal.err)
	journal.err = nil
	for range 3 {
		require.NoError(t, archive.Keep(t.Context(), rules))
	}
	require.Equal(t, 2, journal.kept)
	require.Equal(t, rules.Written(), journal.texts[rules.ID()])
}

func TestTraceIsComputedByTheRulesThatDecided(t *testing.T) {
	t.Parallel()
	journal := &memory{texts: map[string][]byte{}}
	archive := ruleset.New(journal)
	former, active := compile(t, `[{name: former, to: a}]`), compile(t, `[{name: active, to: a}]`)
	require.NoError(t, archive.Keep(t.Context(), former))
	facts := routing.Facts{PaymentID: "pay_1"}
	byFormer, byActive := former.Decide(facts, nil), active.Decide(facts, nil)

	got, err := archive.Whole(t.Context(), active, active.Store(byActive), facts)
	require.NoError(t, err)
	require.Equal(t, byActive, got)
	require.Zero(t, journal.reads, "the active rules are at hand")
	for range 3 {
		got, err = archive.Whole(t.Context(), active, former.Store(byFormer), facts)
		require.NoError(t, err)
		require.Equal(t, byFormer, got)
	}
	require.Equal(t, 1, journal.reads, "a restored ruleset serves again")

	journal.err = errors.New("disk gone")
	_, err = ruleset.New(journal).Whole(t.Context(), active, former.Store(byFormer), facts)
	require.ErrorIs(t, err, journal.err, "what the journal fails to read is not called missing")
}

func TestDecisionOfAnEarlierReleaseIsShownAsItWasStored(t *testing.T) {
	t.Parallel()
	journal := &memory{err: errors.New("not asked")}
	var stored routing.Stored
	require.NoError(t, json.Unmarshal([]byte(`{"outcome":"routed","rule":"euro","config_version":"3f2a",`+
		`"tried":[{"rule":"euro","matched":true}],"candidates":[{"provider":"a","rank":1,"skipped":false}]}`), &stored))
	got, err := ruleset.New(journal).Whole(t.Context(), compile(t, `[{name: other, to: a}]`), stored, routing.Facts{})
	require.NoError(t, err)
	require.Empty(t, got.Incomplete)
	require.Equal(t, []routing.Tried{{Rule: "euro", Matched: true}}, got.Tried)
	require.Equal(t, []string{"a"}, got.Order())
}
