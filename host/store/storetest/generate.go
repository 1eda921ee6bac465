package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/routing"
)

// Generators of whatever the types can hold. What is empty is nil, as the engine makes it.

func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{
		"Grüße, 東京", "\x00nul", "'; DROP TABLE payment; --", "\u2028<script>&", "🇩🇪 e\u0301", "\\u0000", `"quoted"`,
	}))
}

func anyTime() *rapid.Generator[time.Time] {
	at := rapid.Custom(func(t *rapid.T) time.Time {
		ms := rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "ms")
		ns := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999)).Draw(t, "ns")
		return time.UnixMilli(ms).Add(time.Duration(ns)).UTC()
	})
	return rapid.OneOf(at, rapid.Just(time.Time{}))
}

func anyBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 1, 300))
}

// anyJSON has white space, escapes and what is no JSON after all, which are to come back as they were.
func anyJSON() *rapid.Generator[json.RawMessage] {
	return rapid.SampledFrom([]json.RawMessage{
		[]byte(`{}`), []byte("{ \"a\" :\n\t1.10 }"), []byte(`{"b":"<&>\u00e9"}`),
		[]byte(`{"n":123456789012345678901234567890.00}`), []byte(" null "), []byte(`{"cut off`),
	})
}

func anyMoney() *rapid.Generator[money.Money] {
	return rapid.Custom(func(t *rapid.T) money.Money {
		return money.Money{Amount: anyText().Draw(t, "amount"), Currency: anyText().Draw(t, "currency")}
	})
}

func anyFailure() *rapid.Generator[*attempt.Failure] {
	return rapid.OneOf(rapid.Just((*attempt.Failure)(nil)), rapid.Custom(func(t *rapid.T) *attempt.Failure {
		return &attempt.Failure{
			Code:    anyText().Draw(t, "code"),
			Class:   rapid.SampledFrom([]attempt.Class{attempt.Soft, attempt.Hard}).Draw(t, "class"),
			Message: anyText().Draw(t, "message"), ProviderCode: anyText().Draw(t, "provider code"),
		}
	}))
}

func anyAction() *rapid.Generator[*payment.NextAction] {
	return rapid.OneOf(rapid.Just((*payment.NextAction)(nil)), rapid.Custom(func(t *rapid.T) *payment.NextAction {
		return &payment.NextAction{
			Type: payment.ActionPayTo, URL: anyText().Draw(t, "url"), Address: anyText().Draw(t, "address"),
			Network: anyText().Draw(t, "network"),
			Memo:    anyText().Draw(t, "memo"), Amount: anyMoney().Draw(t, "action amount"),
			Text: anyText().Draw(t, "text"),
		}
	}))
}

// anyDecision draws decisions as they are stored: those of today, and those of earlier releases with their trace.
func anyDecision() *rapid.Generator[routing.Stored] {
	return rapid.OneOf(rapid.Custom(func(t *rapid.T) routing.Stored {
		rules, err := routing.Compile(routing.Document{}, nil, "")
		require.NoError(t, err)
		stored := rules.Store(anyTrace().Draw(t, "trace"))
		if rapid.Bool().Draw(t, "edited") {
			stored.Metadata = rapid.MapOf(anyText(), anyText()).Draw(t, "former metadata")
		}
		return stored
	}), rapid.Custom(func(t *rapid.T) (stored routing.Stored) {
		text, err := json.Marshal(anyTrace().Draw(t, "trace"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &stored))
		return stored
	}))
}

func anyTrace() *rapid.Generator[routing.Decision] {
	return rapid.Custom(func(t *rapid.T) routing.Decision {
		decision := routing.Decision{
			Outcome: routing.Routed, Rule: anyText().Draw(t, "rule"), ConfigVersion: anyText().Draw(t, "version"),
			Reason: anyText().Draw(t, "reason"),
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "candidates") {
			decision.Tried = append(decision.Tried,
				routing.Tried{Rule: fmt.Sprint(i), Matched: i == 2, Why: anyText().Draw(t, "why")})
			decision.Candidates = append(decision.Candidates,
				routing.Candidate{Provider: anyText().Draw(t, "candidate"), Rank: i + 1, Skipped: i == 1})
		}
		return decision
	})
}

func anyApproval() *rapid.Generator[*approval.Record] {
	return rapid.OneOf(rapid.Just((*approval.Record)(nil)), rapid.Custom(func(t *rapid.T) *approval.Record {
		return &approval.Record{
			RequiredBy: anyText().Draw(t, "required by"), ExpiresAt: anyTime().Draw(t, "approval expires at"),
			Verdict:   approval.Verdict(anyText().Draw(t, "verdict")),
			DecidedBy: anyText().Draw(t, "decided by"), Key: anyText().Draw(t, "approver's key"),
			DecidedAt:    anyTime().Draw(t, "decided at"),
			DecidedClock: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "decided clock")),
			Reason:       anyText().Draw(t, "approver's reason"),
		}
	}))
}

func anyConfirmation() *rapid.Generator[*payment.Confirmation] {
	return rapid.OneOf(rapid.Just((*payment.Confirmation)(nil)), rapid.Custom(func(t *rapid.T) *payment.Confirmation {
		c := &payment.Confirmation{
			ID: anyText().Draw(t, "confirm"), Operation: anyText().Draw(t, "confirm's operation"),
			AskedBy: anyText().Draw(t, "asked by"), Key: anyText().Draw(t, "asker's key"),
			AskedAt:    anyTime().Draw(t, "asked at"),
			AskedClock: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "asked clock")),
			Lapsed:     rapid.Bool().Draw(t, "lapsed"),
		}
		if input := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "confirm's input"); len(input) > 0 {
			c.Input = input
		}
		if record := anyApproval().Draw(t, "confirm's approval"); record != nil {
			c.Approval = *record
		}
		return c
	}))
}

func anyOrder() *rapid.Generator[payment.Order] {
	return rapid.Custom(func(t *rapid.T) payment.Order {
		order := payment.Order{
			Kind: rapid.SampledFrom([]payment.Kind{
				payment.Collect, payment.Payout, payment.Recharge,
				payment.Transfer,
			}).Draw(t, "kind"),
			Amount: anyText().Draw(t, "amount"), Currency: anyText().Draw(t, "currency"),
			Country: anyText().Draw(t, "country"),
			Method:  anyText().Draw(t, "method"), Reference: anyText().Draw(t, "reference"),
			Description: anyText().Draw(t, "description"),
			ReturnURL:   anyText().Draw(t, "return url"), ExpiresAt: anyTime().Draw(t, "expires at"),
			Pinned: anyText().Draw(t, "pinned"),
			Payer: payment.Payer{
				Name: anyText().Draw(t, "name"), Email: anyText().Draw(t, "email"), Phone: anyText().Draw(t, "phone"),
				IP: anyText().Draw(t, "ip"),
			},
			Destination: payment.Destination{
				Operator: anyText().Draw(t, "operator"), Number: anyText().Draw(t, "number"),
				Account: anyText().Draw(t, "account"),
				Address: anyText().Draw(t, "address"), Network: anyText().Draw(t, "network"),
				Memo: anyText().Draw(t, "memo"),
			},
		}
		if metadata := rapid.MapOfN(anyText(), anyText(), 0, 3).Draw(t, "metadata"); len(metadata) > 0 {
			order.Metadata = metadata
		}
		if options := rapid.MapOfN(anyText(), anyJSON(), 0, 2).Draw(t, "options"); len(options) > 0 {
			order.Options = options
		}
		return order
	})
}

// anyPayment has the given id and version, and otherwise anything.
func anyPayment(t *rapid.T, id string, version int64) payment.Payment {
	return payment.Payment{
		ID: id, Version: version, Merchant: anyText().Draw(t, "merchant"), Order: anyOrder().Draw(t, "order"),
		Key: anyText().Draw(t, "key line"), Approval: anyApproval().Draw(t, "approval"),
		Confirmation: anyConfirmation().Draw(t, "confirmation"),
		Status:       rapid.SampledFrom(payment.Statuses()).Draw(t, "status"), Acted: rapid.Bool().Draw(t, "acted"),
		Provider: anyText().Draw(t, "provider"), Plugin: anyText().Draw(t, "plugin"),
		ProviderReference: anyText().Draw(t, "provider reference"),
		Received:          anyMoney().Draw(t, "received"), Fee: anyMoney().Draw(t, "fee"),
		NextAction: anyAction().Draw(t, "action"),
		Failure:    anyFailure().Draw(t, "failure"), Alert: anyText().Draw(t, "alert"),
		AlertCode:     payment.AlertCode(anyText().Draw(t, "alert code")),
		MoneyConflict: rapid.Bool().Draw(t, "conflict"),
		Decision:      anyDecision().Draw(t, "decision"), Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
		CreatedAt: anyTime().Draw(t, "created at"), UpdatedAt: anyTime().Draw(t, "updated at"),
		Offered: rapid.Bool().Draw(t, "offered"), AbandonedFound: rapid.Bool().Draw(t, "abandoned found"),
		StatusAt:    anyTime().Draw(t, "status at"),
		StatusClock: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "status clock")),
		NextCheck:   anyTime().Draw(t, "next check"), Checks: rapid.IntRange(0, 9).Draw(t, "checks"),
	}
}

func anyAttempt(t *rapid.T, p payment.Payment, number int) attempt.Attempt {
	events := []attempt.Event{"", attempt.NotSent, attempt.Unanswered, attempt.Accepted}
	return attempt.Attempt{
		ID: attempt.ID(fmt.Sprintf("att_%s_%d", p.ID, number)), Owner: p.OwnerID(), Number: number,
		Provider: anyText().Draw(t, "provider"),
		Plugin:   anyText().Draw(t, "plugin"), Digest: anyText().Draw(t, "digest"),
		Generation: rapid.Int64().Draw(t, "generation"),
		Role:       attempt.Role(anyText().Draw(t, "role")), Operation: anyText().Draw(t, "operation"),
		Idempotency: attempt.Idempotency(anyText().Draw(t, "idempotency")),
		Reference:   anyText().Draw(t, "reference"), Call: anyBytes().Draw(t, "call"),
		State:      anyBytes().Draw(t, "state"),
		SendBefore: anyTime().Draw(t, "send before"), Request: anyJSON().Draw(t, "request"),
		Response: anyJSON().Draw(t, "response"),
		Sent:     rapid.Bool().Draw(t, "sent"), Writes: rapid.IntRange(0, 3).Draw(t, "writes"),
		Event: rapid.SampledFrom(events).Draw(t, "event"), Abandoned: rapid.Bool().Draw(t, "abandoned"),
		Failure: anyFailure().Draw(t, "failure"),
		Error:   anyText().Draw(t, "error"), Fuel: rapid.Int64().Draw(t, "fuel"),
		StartedAt:  anyTime().Draw(t, "started at"),
		FinishedAt: anyTime().Draw(t, "finished at"),
	}
}

func anyKey(t *rapid.T, p payment.Payment, value string) attempt.Key {
	key := attempt.Key{
		Merchant: p.Merchant, Value: value, Owner: p.OwnerID(), Fingerprint: anyText().Draw(t, "fingerprint"),
		Status: rapid.SampledFrom([]int{0, 201, 503}).Draw(t, "answer status"), CreatedAt: anyTime().Draw(t, "key made at"),
	}
	if key.Status != 0 {
		key.Body = anyBytes().Draw(t, "answer")
	}
	return key
}
