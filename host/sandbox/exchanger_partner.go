package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// partner is the API user's other life: a share of the site's profit, paid out on request, all of it at once.
type partner struct {
	balance    money // in USD
	payouts    []*partnerPayout
	nextPayout int
	rewarded   []string // ids of the bids that a reward was paid for
}

// partnerReward is what an executed bid with our partner id earns; partnerLeast the least that is paid out. In USD.
//
//nolint:gochecknoglobals // constants in all but name
var (
	partnerReward = amount("0.5")
	partnerLeast  = amount("10")
)

// partnerPayout is a request to be paid out.
type partnerPayout struct {
	ID           string `json:"id"`
	Time         string `json:"time"`
	Date         string `json:"date"`
	MethodID     string `json:"method_id"`
	Account      string `json:"account"`
	PayAmount    string `json:"pay_amount"`
	PayCode      string `json:"pay_currency_code"`
	Original     string `json:"original_amount"`
	OriginalCode string `json:"original_currency_code"`
	Status       string `json:"status"`
	sum          money
	at           time.Time
}

// A payout's status.
const (
	payoutWaits     = "0"
	payoutPaid      = "1"
	payoutCancelled = "2"
)

// payoutMethod is the one currency that partners are paid in: USDT.
const payoutMethod = "11"

func (p *partner) reward(b *bid) {
	if b.partner == exchangerUser {
		p.balance = p.balance.add(partnerReward)
		p.rewarded = append(p.rewarded, b.id)
	}
}

func (p *partner) takeBack(b *bid) {
	if i := slices.Index(p.rewarded, b.id); i >= 0 {
		p.balance = p.balance.sub(partnerReward)
		p.rewarded = slices.Delete(p.rewarded, i, i+1)
	}
}

func (x *exchanger) servePartnerInfo(*request) answer {
	type item struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		// Commission is spelled with one m, as the site spells it.
		Commission string `json:"comission"`
		Amount     string `json:"amount"`
	}
	balance := x.partner.balance.trim().String()
	return exchangerData(struct {
		Partner string `json:"partner_id"`
		Balance string `json:"balance"`
		Least   string `json:"min_payout"`
		Items   []item `json:"items"`
	}{exchangerUser, balance, partnerLeast.String(), []item{{payoutMethod, tenders[payoutMethod].title(), "0%", balance}}})
}

// servePartnerLinks has nothing to list: nobody clicks here.
func (x *exchanger) servePartnerLinks(*request) answer {
	return exchangerData(map[string]any{"items": []any{}})
}

func (x *exchanger) servePartnerExchanges(r *request) answer {
	type entry struct {
		exchange
		Accrued string `json:"accrued"`
		Reward  string `json:"partner_reward"`
	}
	form := r.form()
	list := []entry{}
	for _, b := range x.listBids(form) {
		if b.partner != exchangerUser {
			continue
		}
		e := entry{b.listed(form.Get("status_history") == "1"), "0", "0"}
		if slices.Contains(x.partner.rewarded, b.id) {
			e.Accrued, e.Reward = "1", partnerReward.String()
		}
		list = append(list, e)
	}
	return exchangerData(map[string]any{"items": list})
}

func (x *exchanger) servePartnerPayouts(r *request) answer {
	form := r.form()
	list := []*partnerPayout{}
	for _, p := range slices.Backward(x.partner.payouts) {
		if wanted(form, p) {
			list = append(list, p)
		}
	}
	return exchangerData(map[string]any{"items": list})
}

func wanted(form url.Values, p *partnerPayout) bool {
	end, err := strconv.ParseInt(form.Get("end_time"), 10, 64)
	late := err == nil && p.at.Unix() > end
	return !late && (form.Get("id") == "" || form.Get("id") == p.ID)
}

// serveAddPayout asks for no amount: it takes the whole balance.
func (x *exchanger) serveAddPayout(r *request) answer {
	form := r.form()
	blamed := map[string]string{}
	if form.Get("method_id") != payoutMethod {
		blamed["method_id"] = "<span>no such currency</span>"
	}
	if form.Get("account") == "" {
		blamed["account"] = "<span>field is not filled</span>"
	}
	if x.partner.balance.cmp(partnerLeast) < 0 {
		blamed["method_id"] = fmt.Sprintf("<span>min.: %s USD</span>", partnerLeast)
	}
	if len(blamed) > 0 {
		return exchangerInvalid(blamed)
	}
	sum := x.partner.balance
	text := sum.trim().String()
	p := &partnerPayout{
		ID: strconv.Itoa(x.partner.nextPayout), Time: strconv.FormatInt(r.now.Unix(), 10), Date: siteDate(r.now), MethodID: payoutMethod,
		Account: form.Get("account"), PayAmount: text, PayCode: tenders[payoutMethod].code, Original: text, OriginalCode: "USD",
		Status: payoutWaits, sum: sum, at: r.now,
	}
	x.partner.nextPayout++
	x.partner.balance = money{}
	x.partner.payouts = append(x.partner.payouts, p)
	x.book(Booking{
		Operation: "add_partner_payout", ProviderReference: "payout-" + p.ID, Amount: text, Currency: "USD", Status: p.Status, MovedMoney: true,
	})
	return exchangerData(map[string]string{"payout_id": p.ID})
}

// drivePayout pays a payout out, or gives it back.
func (x *exchanger) drivePayout(ref, event string) error {
	i := slices.IndexFunc(x.partner.payouts, func(p *partnerPayout) bool { return "payout-"+p.ID == ref })
	if i < 0 {
		return fmt.Errorf("%w payment", ErrUnknown)
	}
	p := x.partner.payouts[i]
	ends := map[string]string{"pay": payoutPaid, "cancel": payoutCancelled, "decline": payoutCancelled}
	to, ok := ends[event]
	if !ok || p.Status != payoutWaits {
		return fmt.Errorf("%w: the payout's status is %s", ErrRefused, p.Status)
	}
	p.Status = to
	if to == payoutCancelled {
		x.partner.balance = x.partner.balance.add(p.sum)
	}
	x.settle(ref, to, to == payoutPaid)
	return nil
}
