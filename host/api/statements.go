package api

import (
	"context"
	"errors"
	"time"

	"payrouter/host/account"
)

// Transaction is an entry of an account's statement.
type Transaction struct {
	Provider    string    `json:"provider"`
	ID          string    `json:"id" doc:"The provider's, unique within the account"`
	At          time.Time `json:"at"`
	Amount      Money     `json:"amount" doc:"What it changed: below zero where money left the account"`
	Fee         *Money    `json:"fee,omitempty"`
	FeeIncluded bool      `json:"fee_included,omitempty" doc:"Whether the fee is a part of the amount"`
	Kind        string    `json:"kind,omitempty" doc:"The provider's word for what it was" example:"withdraw"`

	Status string `json:"status,omitempty" doc:"The provider's status; omitted if only completed entries are listed"`

	Reference         string `json:"reference,omitempty" doc:"The router's own, where the provider repeats it"`
	ProviderReference string `json:"provider_reference,omitempty"`
}

func transactionOf(e account.Entry) Transaction {
	return Transaction{
		Provider: e.Provider, ID: e.ID, At: e.At, Amount: Money(e.Amount), Fee: moneyOf(e.Fee),
		FeeIncluded: e.FeeIncluded, Kind: e.Kind, Status: e.Status,
		Reference: e.Reference, ProviderReference: e.ProviderReference,
	}
}

type statementInput struct {
	Provider []string  `query:"provider" doc:"Accounts, comma-separated; by default all that support it"`
	From     time.Time `query:"from" doc:"RFC 3339, included; 30 days before until where it is left out"`
	Until    time.Time `query:"until" doc:"RFC 3339, not included; now where it is left out, or later than that"`
	Currency string    `query:"currency" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency's code" example:"EUR"`

	Cursor string `query:"cursor" maxLength:"16384" doc:"Of the previous page; overrides provider, from, until, currency"`

	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type statementOutput struct {
	Body struct {
		Data   []Transaction  `json:"data"`
		Errors []AccountError `json:"errors"`

		NextCursor string `json:"next_cursor,omitempty" doc:"Omitted on the last page; any page may be shorter than limit"`
	}
}

// usualStatement is the default length of a statement.
const usualStatement = 30 * 24 * time.Hour

func (a *api) statement(ctx context.Context, in *statementInput) (*statementOutput, error) {
	page, err := a.statementPage(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &statementOutput{}
	out.Body.Data, out.Body.Errors, out.Body.NextCursor = make([]Transaction,
		len(page.Entries)), accountErrors(page.Missing), page.Cursor
	for i, entry := range page.Entries {
		out.Body.Data[i] = transactionOf(entry)
	}
	return out, nil
}

func (a *api) statementPage(ctx context.Context, in *statementInput) (account.Page, error) {
	if in.Cursor != "" {
		page, err := a.aggregator().Further(ctx, in.Cursor, in.Limit)
		if errors.Is(err, account.ErrCursor) {
			err = invalidRequest.problem("cursor is not a next_cursor",
				fieldError{Parameter: "query cursor", Detail: "is not the next_cursor of a page"})
		}
		return page, err
	}
	providers, err := a.accountsFor(ctx, in.Provider, account.Statement)
	if err != nil {
		return account.Page{}, err
	}
	period := account.Period{From: in.From.UTC(), Until: in.Until.UTC(), Currency: in.Currency}
	if now := a.settings.Now().UTC(); in.Until.IsZero() || in.Until.After(now) {
		period.Until = now // pages hold still only between two moments
	}
	if in.From.IsZero() {
		period.From = period.Until.Add(-usualStatement)
	}
	if !period.From.Before(period.Until) {
		return account.Page{},
			invalidRequest.problem("from is not before until",
				fieldError{Parameter: "query from", Detail: "must be before until, and before now"})
	}
	return a.aggregator().Statement(ctx, providers, period, in.Limit), nil
}
