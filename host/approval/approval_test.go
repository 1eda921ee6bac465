package approval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/approval"
)

func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		by     approval.Approver
		author string
		own    bool
	}{
		{"another key", approval.Approver{Key: "b"}, "a", false},
		{"the author's key", approval.Approver{Key: "a"}, "a", true},
		{"a key that the author's issued", approval.Approver{Key: "b", IssuedBy: []string{"a"}}, "a", true},
		{"one that such a key issued", approval.Approver{Key: "c", IssuedBy: []string{"b", "a"}}, "a", true},
		{"a key that another issued", approval.Approver{Key: "b", IssuedBy: []string{"root"}}, "a", false},
		{"the key that issued the author's", approval.Approver{Key: "b", Issued: []string{"c", "a"}}, "a", true},
		{"one that issued others", approval.Approver{Key: "b", Issued: []string{"c"}}, "a", false},
		{"a router without keys", approval.Approver{}, "", false},
		{"a payment from before there were keys", approval.Approver{Key: "a"}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.own {
				require.ErrorIs(t, c.by.Check(c.author), approval.ErrOwn)
			} else {
				require.NoError(t, c.by.Check(c.author))
			}
		})
	}
}

func TestADecisionMakesAnotherRecord(t *testing.T) {
	t.Parallel()
	made, at := time.Unix(1000, 0), time.Unix(5000, 0)
	waits := &approval.Record{RequiredBy: "large", ExpiresAt: time.Unix(9000, 0)}
	jane := approval.Approver{Name: "jane", Key: "k"}

	approved := waits.Decide(approval.Approved, jane, "", at, time.Hour)

	require.Empty(t, waits.Verdict)
	require.True(t, approved.Repeats(approval.Approved, jane))
	require.False(t, approved.Repeats(approval.Rejected, jane))
	require.False(t, approved.Repeats(approval.Approved, approval.Approver{Name: "joe", Key: "j"}))
	since, clock := approved.SendableSince(made, time.Minute)
	require.Equal(t, at, since)
	require.Equal(t, time.Hour, clock)
	for _, undecided := range []*approval.Record{nil, waits, waits.Decide(approval.Rejected, jane, "no", at, time.Hour)} {
		since, clock = undecided.SendableSince(made, time.Minute)
		require.Equal(t, made, since)
		require.Equal(t, time.Minute, clock)
	}
}

func TestARejectionNeedsAReason(t *testing.T) {
	t.Parallel()
	require.NoError(t, approval.CheckReason("not ours"))
	require.ErrorContains(t, approval.CheckReason(""), "is missing")
	require.Error(t, approval.CheckReason(strings.Repeat("x", 1025)))
	require.Error(t, approval.CheckReason("a\x00b"))
}
