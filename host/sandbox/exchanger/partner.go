package exchanger

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// partner is the API user's other life: a share of the site's profit, paid out on request, all of it at once.
type partner struct {
	balance    simulator.Money // in USD
	payouts    []*partnerPayout
	nextPayout int
	rewarded   []string // ids of the bids that a reward was paid for
	links      []partnerLink
}

// partnerLink is a visitor who came by the partner's link.
type partnerLink struct {
	Time     string `json:"time"`
	Date     string `json:"date"`
	Browser  string `json:"browser"`
	IP       string `json:"ip"`
	Referrer string `json:"referrer"`
	UserHash string `json:"user_hash"`
	Query    string `json:"query_string"`
	at       time.Time
}

// partnerCurrency is what the partner's balance is in.
const partnerCurrency = "USD"

// partnerReward is what an executed bid with our partner id earns; partnerLeast the least that is paid out. In USD.
//
//nolint:gochecknoglobals // constants in all but name
var (
	partnerReward = simulator.Amount("0.5")
	partnerLeast  = simulator.Amount("10")
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
	sum          simulator.Money
	at           time.Time
}

// A payout's status.
const (
	payoutWaits     = "0"
	payoutPaid      = "1"
	payoutCancelled = "2"
)

// payoutMethods are the currencies that partners are paid in, and what of a payout the site keeps, in percent.
//
//nolint:gochecknoglobals // a table
var payoutMethods = []struct{ id, commission string }{{"11", "0"}, {"22", "2"}}

// payoutOf is what of a sum arrives by a method; it is not ok where there is no such method.
func payoutOf(method string, sum simulator.Money) (arrives simulator.Money, ok bool) {
	for _, m := range payoutMethods {
		if m.id == method {
			kept := sum.Mul(simulator.Amount(m.commission)).Div(simulator.Amount("100"))
			return sum.Sub(kept).RoundDown(tenders[method].places), true
		}
	}
	return simulator.Money{}, false
}

func (p *partner) reward(b *bid) {
	if b.partner == keyUser {
		p.balance = p.balance.Add(partnerReward)
		p.rewarded = append(p.rewarded, b.id)
	}
}

func (p *partner) takeBack(b *bid) {
	if i := slices.Index(p.rewarded, b.id); i >= 0 {
		p.balance = p.balance.Sub(partnerReward)
		p.rewarded = slices.Delete(p.rewarded, i, i+1)
	}
}

// partnerOnly serves a method of the partner's where the site has a partner program, and the key a user in it.
func (x *provider) partnerOnly(
	serve func(*simulator.Request) simulator.Answer,
) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		if x.options.NoPartner != "" {
			return x.options.failure("1", x.options.NoPartner)
		}
		return serve(r)
	}
}

func (x *provider) servePartnerInfo(*simulator.Request) simulator.Answer {
	type item struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		// Commission is spelled with one m, as the site spells it.
		Commission string `json:"comission"`
		Amount     string `json:"amount"`
	}
	items := []item{}
	for _, m := range payoutMethods {
		arrives, _ := payoutOf(m.id, x.partner.balance)
		items = append(items, item{m.id, tenders[m.id].title(), m.commission + "%", arrives.Trim().String()})
	}
	return x.options.data(struct {
		Partner string `json:"partner_id"`
		Balance string `json:"balance"`
		Least   string `json:"min_payout"`
		Items   []item `json:"items"`
	}{keyUser, x.partner.balance.Trim().String(), partnerLeast.String(), items})
}

// serveVisit serves a visitor of the site, maybe by the partner's link. The document does not show such a link.
func (x *provider) serveVisit(r *simulator.Request) simulator.Answer {
	if r.Query.Get("rid") == keyUser {
		x.partner.links = append(x.partner.links, partnerLink{
			Time: x.options.unix(r.Now), Date: x.options.date(r.Now), Browser: r.Header.Get("User-Agent"),
			IP:       r.IP,
			Referrer: r.Header.Get("Referer"), UserHash: "u" + x.IDs.Hex(4), Query: r.Query.Encode(), at: r.Now,
		})
	}
	return simulator.Answer{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}},
		Body: []byte("<h1>Exchange</h1>"),
	}
}

func (x *provider) servePartnerLinks(r *simulator.Request) simulator.Answer {
	form := r.Form()
	list := []partnerLink{}
	for _, link := range slices.Backward(x.partner.links) {
		if x.withinTimes(form, link.at) && (form.Get("ip") == "" || form.Get("ip") == link.IP) {
			list = append(list, link)
		}
	}
	return x.options.items(pageOf(form, list), len(pageOf(form, list)) == 0)
}

func (x *provider) servePartnerExchanges(r *simulator.Request) simulator.Answer {
	type entry struct {
		exchange
		Accrued string `json:"accrued"`
		Reward  string `json:"partner_reward"`
	}
	form := r.Form()
	list := []entry{}
	for _, b := range pageOf(form, x.listBids(form, func(b *bid) bool { return b.partner == keyUser })) {
		e := entry{x.listed(b, form.Get("status_history") == "1"), "0", "0"}
		if slices.Contains(x.partner.rewarded, b.id) {
			e.Accrued, e.Reward = "1", partnerReward.String()
		}
		list = append(list, e)
	}
	return x.options.items(list, len(list) == 0)
}

func (x *provider) servePartnerPayouts(r *simulator.Request) simulator.Answer {
	form := r.Form()
	list := []*partnerPayout{}
	for _, p := range slices.Backward(x.partner.payouts) {
		if x.withinTimes(form, p.at) && (form.Get("id") == "" || form.Get("id") == p.ID) {
			list = append(list, p)
		}
	}
	return x.options.items(pageOf(form, list), len(pageOf(form, list)) == 0)
}

// serveAddPayout asks for no amount: it takes the whole balance. Every refusal is a text beside empty data, and comes
// before a payout is made.
func (x *provider) serveAddPayout(r *simulator.Request) simulator.Answer {
	form := r.Form()
	method, sum := form.Get("method_id"), x.partner.balance
	account := strings.TrimSpace(form.Get("account"))
	arrives, known := payoutOf(method, sum)
	refuse := func(text string) simulator.Answer { return x.options.refusal(1, "Error! "+text) }
	switch {
	case !known:
		return refuse("Selected currency can not be ordered payment")
	case account == "" || tenders[method].code == "USD" && !cardNumber(account):
		return refuse("Invalid wallet account")
	case sum.Cmp(partnerLeast) < 0:
		return refuse("There is not enough money on your balance")
	case arrives.Cmp(x.reserves[method]) > 0:
		return refuse("You are unable to make a selected currency transaction")
	case x.options.PayoutRefusal != "":
		return x.options.refusal(1, x.options.PayoutRefusal)
	}
	text := sum.Trim().String()
	p := &partnerPayout{
		ID: strconv.Itoa(x.partner.nextPayout), Time: x.options.unix(r.Now), Date: x.options.date(r.Now),
		MethodID: method,
		Account:  form.Get("account"), PayAmount: arrives.Trim().String(), PayCode: tenders[method].code,
		Original:     text,
		OriginalCode: partnerCurrency,
		Status:       payoutWaits, sum: sum, at: r.Now,
	}
	x.partner.nextPayout++
	x.partner.balance = simulator.Money{}
	x.partner.payouts = append(x.partner.payouts, p)
	x.Book(simulator.Booking{
		Operation: "add_partner_payout", ProviderReference: "payout-" + p.ID, Amount: text, Currency: partnerCurrency,
		Status: p.Status, MovedMoney: true,
	})
	return x.options.data(map[string]string{"payout_id": p.ID})
}

// drivePayout pays a payout out, or gives it back.
func (x *provider) drivePayout(ref, event string) error {
	i := slices.IndexFunc(x.partner.payouts, func(p *partnerPayout) bool { return "payout-"+p.ID == ref })
	if i < 0 {
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	}
	p := x.partner.payouts[i]
	ends := map[string]string{"pay": payoutPaid, "cancel": payoutCancelled, "decline": payoutCancelled}
	to, ok := ends[event]
	if !ok || p.Status != payoutWaits {
		return fmt.Errorf("%w: the payout's status is %s", simulator.ErrRefused, p.Status)
	}
	p.Status = to
	if to == payoutCancelled {
		x.partner.balance = x.partner.balance.Add(p.sum)
	}
	x.Settle(ref, to, to == payoutPaid)
	return nil
}
