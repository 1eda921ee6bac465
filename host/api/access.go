package api

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"payrouter/host/access"
	"payrouter/host/audit"
)

// needs are the rights that each operation takes, by its id: all of one of the alternatives. Where there are several,
// the handler decides by the request which one it is. An operation that is not listed is refused to everybody.
//
//nolint:gochecknoglobals // a lookup table
var needs = map[string][][]access.Right{
	"create-payment": {
		{access.CreateCollect}, {access.CreatePayout}, {access.CreateRecharge}, {access.CreateTransfer},
	},
	"list-payments":       {{access.ReadPayments}},
	"get-payment":         {{access.ReadPayments}},
	"get-decision":        {{access.ReadPayments, access.Decisions}},
	"list-attempts":       {{access.ReadPayments}},
	"list-payment-events": {{access.ReadPayments}},
	"list-events":         {{access.ReadPayments}},
	"update-payment":      {{access.ActUpdate}},
	"cancel-payment":      {{access.ActCancel}},
	"confirm-payment":     {{access.ActConfirm}},
	"refresh-payment":     {{access.ActRefresh}},
	"resolve-payment":     {{access.ActResolve}},
	"approve-payment":     {{access.Approve}},
	"reject-payment":      {{access.Approve}},

	"explain-route": {{access.ReadPayments}},
	"diff-routes":   {{access.Config}},

	// Who says where events go reads the payments in them.
	"create-webhook-endpoint": {{access.Webhooks, access.ReadPayments}},
	"list-webhook-endpoints":  {{access.Webhooks}},
	"get-webhook-endpoint":    {{access.Webhooks}},
	"update-webhook-endpoint": {{access.Webhooks, access.ReadPayments}},
	"delete-webhook-endpoint": {{access.Webhooks}},
	"rotate-webhook-secret":   {{access.Webhooks}},
	"list-webhook-deliveries": {{access.Webhooks}},
	"redeliver-webhook":       {{access.Webhooks}},

	"list-providers":    {{access.ReadOperations}},
	"resume-provider":   {{access.RunOperations}},
	"list-operations":   {{access.ReadOperations}},
	"get-operation":     {{access.ReadOperations}},
	"perform-operation": {{access.ReadOperations}, {access.RunOperations}},
	"list-runs":         {{access.ReadOperations}},
	"get-run":           {{access.ReadOperations}},
	"list-run-attempts": {{access.ReadOperations}},
	"resolve-run":       {{access.ActResolve}},
	"approve-run":       {{access.Approve}},
	"reject-run":        {{access.Approve}},
	"list-balances":     {{access.ReadOperations, access.AllMerchants}},
	"list-rates":        {{access.ReadOperations}},
	"list-statement":    {{access.ReadOperations, access.AllMerchants}},
	"list-catalog":      {{access.ReadPayments}, {access.ReadOperations}},
	"create-quotes":     {{access.ReadPayments}, {access.ReadOperations}},

	"get-config":      {{access.Config}},
	"get-routing":     {{access.Config}},
	"check-config":    {{access.Config}},
	"put-routing":     {{access.Config}},
	"rollback-config": {{access.Config}},
	"get-journal":     {{access.Journal}},
	"release-journal": {{access.Journal}},

	"list-plugins":    {{access.Plugins}},
	"get-plugin":      {{access.Plugins}},
	"put-plugin":      {{access.Plugins}},
	"pull-plugin":     {{access.Plugins}},
	"rollback-plugin": {{access.Plugins}},
	"drain-plugin":    {{access.Plugins}},
	"release-plugin":  {{access.Plugins}},
	"change-canary":   {{access.Plugins}},
	"get-recording":   {{access.Plugins, access.ReadPayments, access.AllMerchants}},

	"get-own-key": {{}},
	"list-keys":   {{access.ManageKeys}},
	"get-key":     {{access.ManageKeys}},
	"create-key":  {{access.ManageKeys}},
	"rotate-key":  {{access.ManageKeys}},
	"revoke-key":  {{access.ManageKeys}},
	"list-acts":   {{access.Audit}},
	"export-acts": {{access.Audit}},
}

// security is how the OpenAPI document shows what an operation needs: roles of the scheme (OpenAPI 3.1, Security
// Requirement Object).
func security(operation string) []map[string][]string {
	alternatives := []map[string][]string{}
	for _, rights := range needs[operation] {
		roles := []string{}
		for _, right := range rights {
			roles = append(roles, string(right))
		}
		alternatives = append(alternatives, map[string][]string{"apiKey": roles})
	}
	return alternatives
}

// callerKey is the context's key of the caller.
type callerKey struct{}

// caller is who asks, and from where.
type caller struct {
	key     access.Key
	address string
}

func callerFrom(ctx context.Context) caller {
	from, _ := ctx.Value(callerKey{}).(caller)
	return from
}

// callerOf is the API key of who asks.
func callerOf(ctx context.Context) access.Key { return callerFrom(ctx).key }

// actorOf is who asks, for the audit log.
func actorOf(ctx context.Context) audit.Actor {
	from := callerFrom(ctx)
	return audit.Actor{Key: from.key.ID, Name: from.key.Name, Merchant: from.key.Merchant, Address: from.address}
}

// scopeOf is the merchant whose payments a caller reaches; empty for those of all merchants.
func scopeOf(ctx context.Context) string {
	key := callerOf(ctx)
	if key.May(access.AllMerchants) {
		return ""
	}
	return key.Merchant
}

// authorize is a huma middleware: it finds the caller, and refuses one that lacks what the operation needs. It comes
// before anything of the request is read.
func (a *api) authorize(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	key, known := a.identify(r.Header.Get("Authorization"))
	if !known {
		refuse(ctx, unauthorized.problem("send the API key as \"Authorization: Bearer …\""))
		return
	}
	alternatives := needs[ctx.Operation().OperationID]
	if !slices.ContainsFunc(alternatives, func(all []access.Right) bool {
		return !slices.ContainsFunc(all, func(right access.Right) bool { return !key.May(right) })
	}) {
		refuse(ctx, lacking(alternatives...))
		return
	}
	address := clientOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), a.settings.Proxies)
	next(huma.WithValue(ctx, callerKey{}, caller{key, address}))
}

// clientOf is the address that a request comes from: the connection's, or the last that is no proxy's of those that the
// proxies have added to X-Forwarded-For. What stands before that is the client's own word.
func clientOf(remote string, forwarded []string, proxies []netip.Prefix) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	isProxy := func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil &&
			slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && isProxy(host); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return host // what a proxy of ours did not write
		}
		host = hop.String()
	}
	return host
}

// lacking is the problem of a key without rights that a request needs.
func lacking(alternatives ...[]access.Right) *Problem {
	var either []string
	for _, all := range alternatives {
		var names []string
		for _, right := range all {
			names = append(names, string(right))
		}
		either = append(either, strings.Join(names, " and "))
	}
	return forbidden.problem("the API key lacks the right " + strings.Join(either, ", or "))
}

// refuseWithout refuses a caller without a right.
func refuseWithout(ctx context.Context, rights ...access.Right) error {
	for _, right := range rights {
		if !callerOf(ctx).May(right) {
			return lacking([]access.Right{right})
		}
	}
	return nil
}

// refuse answers with a problem in the place of an operation.
func refuse(ctx huma.Context, p *Problem) {
	_, w := humago.Unwrap(ctx)
	writeProblem(w, p)
}

// identify finds the key of an Authorization header (RFC 6750, section 2.1).
func (a *api) identify(authorization string) (access.Key, bool) {
	if a.settings.Keys == nil {
		return access.Open(), true
	}
	token := ""
	if scheme, credentials, _ := strings.Cut(authorization, " "); strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(credentials)
	}
	return a.settings.Keys.Identify(token)
}

// uses refuses an account that no rule of the caller's merchant sends payments to: it is not there for that merchant.
func (a *api) uses(ctx context.Context, account string) bool {
	if callerOf(ctx).May(access.AllMerchants) {
		return true
	}
	merchants, anybody := a.engine.Fleet().Rules.Merchants(account)
	return anybody || slices.Contains(merchants, callerOf(ctx).Merchant)
}

// owns reports whether an account is the caller's alone: only its merchant's rules send payments there. What an account
// shows or does by itself concerns everybody who shares it.
func (a *api) owns(ctx context.Context, account string) bool {
	if callerOf(ctx).May(access.AllMerchants) {
		return true
	}
	merchants, anybody := a.engine.Fleet().Rules.Merchants(account)
	return !anybody && slices.Equal(merchants, []string{callerOf(ctx).Merchant})
}

// requireOwn refuses what concerns everybody who shares an account. absent is the error of an account that is not there
// for the caller.
func (a *api) requireOwn(ctx context.Context, account string, absent error) error {
	if !a.uses(ctx, account) {
		return problemOf(absent, "")
	}
	if !a.owns(ctx, account) {
		return forbidden.problem("other merchants share the account " + account +
			": this takes the right " + string(access.AllMerchants))
	}
	return nil
}

// bearer is the security scheme of the document.
func bearer() *huma.SecurityScheme {
	return &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "An API key. Roles are the rights that the key needs.",
	}
}
