// Package access decides who calls the API and what they may do: which API keys there are, which rights each has, and
// until when.
package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Right is something that a key may do. A key has no right that it was not given.
type Right string

// The rights. Those of payments and webhooks hold for the key's own merchant, unless it has AllMerchants too.
const (
	// ReadPayments: payments with their attempts and events.
	ReadPayments Right = "payments:read"
	// The payments that a key may create, by kind.
	CreateCollect  Right = "payments:create:collect"
	CreatePayout   Right = "payments:create:payout"
	CreateRecharge Right = "payments:create:recharge"
	CreateTransfer Right = "payments:create:transfer"
	// The acts on a payment. ActResolve settles one by hand.
	ActCancel  Right = "payments:act:cancel"
	ActConfirm Right = "payments:act:confirm"
	ActUpdate  Right = "payments:act:update"
	ActRefresh Right = "payments:act:refresh"
	ActResolve Right = "payments:act:resolve"
	// Approve: approve and reject what waits for it, unless this key, or one above it, asked for it.
	Approve Right = "payments:approve"
	// Pin: choose the provider of a payment, among those that the rules allow.
	Pin Right = "pin"
	// Decisions: see a decision whole, with the rules that were tried and why each did not match.
	Decisions Right = "decisions"
	// ReadOperations: accounts, what they can be asked to do and were asked, what they hold and offer.
	ReadOperations Right = "operations:read"
	// RunOperations: have an account do what its provider offers.
	RunOperations Right = "operations:run"
	// Plugins: see, replace and roll back plugins, and read recorded flows.
	Plugins Right = "plugins"
	// Config: see and replace the routing file.
	Config Right = "config"
	// Journal: see how the journal stands, and release a held one.
	Journal Right = "journal"
	// Webhooks: manage webhook endpoints, their secrets and deliveries.
	Webhooks Right = "webhooks"
	// ManageKeys: make, rotate and revoke keys, with no right that the managing key lacks.
	ManageKeys Right = "keys"
	// Audit: read the audit log.
	Audit Right = "audit"
	// AllMerchants: the key's other rights hold for the payments and keys of every merchant.
	AllMerchants Right = "all-merchants"
)

// Rights are all of them, in the order of the documentation.
func Rights() []Right {
	return []Right{
		ReadPayments, CreateCollect, CreatePayout, CreateRecharge, CreateTransfer, ActCancel, ActConfirm, ActUpdate,
		ActRefresh, ActResolve, Approve, Pin, Decisions, ReadOperations, RunOperations, Plugins, Config, Journal,
		Webhooks, ManageKeys, Audit, AllMerchants,
	}
}

// CreateRight is the right to create payments of a kind.
func CreateRight(kind string) Right { return Right("payments:create:" + kind) }

// Preset is a set of rights with a name.
type Preset string

// The presets.
const (
	// Shop: a shop's server, which takes payments.
	Shop Preset = "shop"
	// Payouts: a service that pays out and tops up.
	Payouts Preset = "payouts"
	// ReadOnly: reports and dashboards of one merchant.
	ReadOnly Preset = "read-only"
	// Support: a person who answers merchants' and payers' questions.
	Support Preset = "support"
	// Operator: a person on call, who settles what is stuck and approves payouts.
	Operator Preset = "operator"
	// Platform: the team that runs the router, its plugins and rules.
	Platform Preset = "platform"
	// Owner: every right.
	Owner Preset = "owner"
)

//nolint:gochecknoglobals // a lookup table
var presets = map[Preset][]Right{
	Shop: {ReadPayments, CreateCollect, ActCancel, ActConfirm, ActUpdate, ActRefresh, Webhooks},
	Payouts: {
		ReadPayments, CreatePayout, CreateRecharge, CreateTransfer, ActCancel, ActUpdate, ActRefresh, Webhooks,
	},
	ReadOnly: {ReadPayments, ReadOperations},
	Support:  {ReadPayments, AllMerchants, Decisions, ActRefresh, ReadOperations},
	Operator: {
		ReadPayments, AllMerchants, Decisions, ActCancel, ActRefresh, ActResolve, Approve, ReadOperations,
		RunOperations, Journal, Audit,
	},
	Platform: {Plugins, Config, Journal, ManageKeys, Audit, Decisions, ReadOperations},
	Owner:    Rights(),
}

// Presets are the names of all of them, sorted.
func Presets() []Preset { return slices.Sorted(maps.Keys(presets)) }

// Rights are those of a preset; none for an unknown one.
func (p Preset) Rights() []Right { return slices.Clone(presets[p]) }

// Together are a preset's rights and others, each once.
func Together(preset Preset, others []string) []Right {
	rights := preset.Rights()
	for _, other := range others {
		if right := Right(other); !slices.Contains(rights, right) {
			rights = append(rights, right)
		}
	}
	return rights
}

// checkRights reports what in a list is no right, and a list that is empty.
func checkRights(rights []Right) error {
	if len(rights) == 0 {
		return fmt.Errorf("%w: a key needs a right: %s", ErrInvalid, joined(Rights()))
	}
	for _, right := range rights {
		if !slices.Contains(Rights(), right) {
			return fmt.Errorf("%w: there is no right %.40q; there are %s", ErrInvalid, string(right), joined(Rights()))
		}
	}
	return nil
}

func joined(rights []Right) string {
	texts := make([]string, len(rights))
	for i, right := range rights {
		texts[i] = string(right)
	}
	return strings.Join(texts, ", ")
}
