package main

import (
	"cmp"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// ratesPage is how many directions' rates are read at once.
const ratesPage = 8

// walk is a reading of rates: those of the account's own directions, one after the other. A site has thousands of
// others, and reports each one's rate by itself.
type walk struct {
	// at is the direction whose turn it is, trips how many requests were made for those before it.
	at, trips int
	// rates are what was read so far, a line each: "100 USDT 92 EUR".
	rates string
}

// note is the walk as a step's state has it.
func (w walk) note() string {
	return strconv.Itoa(w.at) + " " + strconv.Itoa(w.trips) + "\n" + w.rates
}

func readWalk(note string) (w walk, ok bool) {
	head, rates, _ := strings.Cut(note, "\n")
	at, trips, _ := strings.Cut(head, " ")
	var atErr, tripsErr error
	w.at, atErr = strconv.Atoi(at)
	w.trips, tripsErr = strconv.Atoi(trips)
	w.rates = rates
	return w, atErr == nil && tripsErr == nil && w.at >= 0 && w.trips >= 0
}

func prepareRates(call *abi.Call, account settings) (*abi.Step, error) {
	w := walk{}
	if cursor := call.GetCursor(); cursor != "" {
		if !isOffset(cursor) {
			return guest.Reject("invalid_request", "", "the cursor is none of this plugin's"), nil
		}
		w.at, _ = strconv.Atoi(cursor)
	}
	pairs := account.pairs()
	if w.at >= len(pairs) {
		return guest.Reject("unsupported", "",
			"the settings have no such direction: rates are those of the directions there"), nil
	}
	return w.ask(call, account, pairs[w.at]), nil
}

// ask asks for a direction's rate, by its number or by its two currencies.
func (w walk) ask(call *abi.Call, account settings, p pair) *abi.Step {
	w.trips++
	form := new(guest.Form).Set("direction_id", p.id)
	if p.id == "" {
		form = new(guest.Form).Set("currency_id_give", p.giveID).Set("currency_id_get", p.getID)
	}
	return post(call, account, opGetDirection, form, stageRate, w.note())
}

// readRate reads a direction's rate, as the site writes it: so much of the one for so much of the other.
func readRate(t reply) (*abi.Step, error) {
	w, p, err := t.walked()
	if err != nil {
		return nil, err
	}
	if t.answer.failed() {
		if strings.EqualFold(t.answer.text, textNoDirection) {
			return w.next(t), nil
		}
		return refusal(t.answer), nil
	}
	give, giveOK := number(t.answer.data.Get("course_give"))
	get, getOK := number(t.answer.data.Get("course_get"))
	from, to := p.currency(t.answer.data.Text("currency_code_give")), p.currency(
		t.answer.data.Text("currency_code_get"))
	if !giveOK || !getOK || give.Sign() <= 0 || get.Sign() <= 0 || from == "" || to == "" {
		return guest.Unreadable("the direction has no rate"), nil
	}
	w.add(&abi.Rate{From: guest.Money(give.String(), from), To: guest.Money(get.String(), to)})
	return w.next(t), nil
}

// add keeps a rate. Of a currency to itself, between two of its networks, there is none; and of two directions between
// the same currencies the first counts.
func (w *walk) add(rate *abi.Rate) {
	from, to := rate.GetFrom(), rate.GetTo()
	for _, known := range w.read() {
		if known.GetFrom().GetCurrency() == from.GetCurrency() && known.GetTo().GetCurrency() == to.GetCurrency() {
			return
		}
	}
	if from.GetCurrency() != to.GetCurrency() {
		w.rates += from.GetAmount() + " " + from.GetCurrency() + " " + to.GetAmount() + " " + to.GetCurrency() + "\n"
	}
}

// walked is where the walk stands, and which direction was asked for.
func (t reply) walked() (walk, pair, error) {
	w, ok := readWalk(t.note)
	pairs := t.account.pairs()
	if !ok || w.at >= len(pairs) {
		return walk{}, pair{}, brokenState()
	}
	return w, pairs[w.at], nil
}

// next goes on with the next direction, as far as one call's trips reach; what is left is another page's.
func (w walk) next(t reply) *abi.Step {
	w.at++
	pairs := t.account.pairs()
	if w.at < len(pairs) && w.trips < ratesPage {
		return w.ask(t.call, t.account, pairs[w.at])
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Rates: w.read()}
	if w.at < len(pairs) {
		outcome.Cursor = strconv.Itoa(w.at)
	}
	switch {
	case len(outcome.GetRates()) == 0:
		return guest.Rejected(codeNoPair, "the site has none of the account's directions now")
	case t.answer.data.IsObject():
		return t.answered(outcome)
	}
	// The last of them is not offered now, and there is no answer of this method's to show.
	outcome.Output = nothing()
	return guest.Done(outcome)
}

// read gives the rates that the walk has come by.
func (w walk) read() []*abi.Rate {
	var rates []*abi.Rate
	for line := range strings.Lines(w.rates) {
		if words := strings.Fields(line); len(words) == 4 {
			rates = append(rates, &abi.Rate{From: guest.Money(words[0], words[1]), To: guest.Money(words[2], words[3])})
		}
	}
	return rates
}

// pair is a direction of the account's settings.
type pair struct {
	id, giveID, getID string
	// payment is the payment's currency, and code what the site calls it.
	payment, code string
}

// pairs are the directions of the settings, in their order.
func (s settings) pairs() []pair {
	var all []pair
	s.directions.Each(func(currency string, configured jsontext.Value) {
		p := pair{
			id: configured.Text("direction_id"), giveID: configured.Text("currency_id_give"),
			getID:   configured.Text("currency_id_get"),
			payment: currency, code: cmp.Or(configured.Text("code"), currency),
		}
		// Without a number, and without both currencies, it takes the payment's options to choose which direction is
		// meant.
		if p.id != "" || p.giveID != "" && p.getID != "" {
			all = append(all, p)
		}
	})
	return all
}

// currency is a site's code as the router writes it.
func (p pair) currency(code string) string {
	if strings.EqualFold(code, p.code) {
		code = p.payment
	}
	return ticker(code)
}
