// Package exchanger simulates a Premium Exchanger site: orders ("bids") that change one currency into another.
// Requests are forms only, HTTP is always 200, and error has the result: a number if the site refuses the caller, a
// string if a method refuses its fields. Options switch on how other sites do it.
package exchanger

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// provider is the site: its reserves, its bids, and the partner that the caller of its API is.
type provider struct {
	*simulator.Backend
	login, key string
	options    Options
	reserves   map[string]simulator.Money // by currency id
	bids       []*bid
	apiIDs     map[string]bool
	nextBid    int
	partner    partner
}

// keyUser is the user of the API key.
const keyUser = "7"

// tender is a currency of the site: a payment system and a code.
type tender struct {
	id, psys, code string
	places         int32
}

func (c tender) title() string { return c.psys + " " + c.code }

// direction is an exchange that the site offers. "no" as a bound means none; com is in percent.
type direction struct {
	id                               string
	give, get                        string // currency ids
	courseGive, courseGet            string
	comGive, comGet                  string
	minGive, maxGive                 string
	minGet, maxGet                   string
	giveFields, getFields, dirFields []field
	// pay is the value of api_actions.pay: "api", "disabled", or "link" for the address of the payment's page.
	pay string
	// cancel is the value of api_actions.cancel.
	cancel string
}

// field is something that a bid must or may bring.
type field struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Label   string `json:"label"`
	Req     string `json:"req"`
	Tooltip string `json:"tooltip"`
	Options any    `json:"options"`
	CD      string `json:"cd"`
}

//nolint:gochecknoglobals // tables
var (
	tenders = map[string]tender{
		"11": {"11", "Tether TRC20", "USDT", 2},
		"12": {"12", "Bitcoin", "BTC", 8},
		"13": {"13", "Ethereum", "ETH", 8},
		"21": {"21", "Visa/MasterCard", "EUR", 2},
		"22": {"22", "Visa/MasterCard", "USD", 2},
		"31": {"31", "Perfect Money", "PMUSD", 2}, // currency codes are each site's own
	}
	tenderReserves = map[string]string{"11": "250000", "12": "12.5", "13": "3", "21": "80000", "22": "40000", "31": "9000"}

	emailField = field{"cf6", "text", "E-mail", "1", "", []any{}, "0"}
	phoneField = field{"cf4", "text", "Phone Number", "0", "", []any{}, "0"}
	cardGive   = []field{
		{"account1", "text", "From card", "1", "", []any{}, "0"},
		{"cfgive8", "text", "Cardholder's name", "1", "", []any{}, "0"},
	}
	cardGet = []field{
		{"account2", "text", "To card", "1", "", []any{}, "0"},
		{"cfget8", "text", "Cardholder's name", "1", "", []any{}, "0"},
	}
	walletGet   = []field{{"account2", "text", "To wallet", "1", "", []any{}, "0"}}
	nothingGive = []field{}

	directions = []direction{
		{
			"1", "11", "21", "1", "0.93", "0", "1", "50", "10000", "no", "no", nothingGive, cardGet,
			[]field{emailField, phoneField},
			"api", "api",
		},
		{
			"2", "12", "11", "1", "95800", "0", "0.5", "0.001", "2", "no", "no", nothingGive, walletGet,
			[]field{emailField},
			"api", "api",
		},
		{
			"3", "21", "12", "92600", "1", "2", "0", "20", "5000", "0.0002", "no", cardGive, walletGet,
			[]field{emailField},
			"link", "api",
		},
		{
			"4", "11", "12", "96700", "1", "0", "0", "no", "no", "no", "no", nothingGive, walletGet,
			[]field{emailField},
			"api", "api",
		},
		{
			"5", "21", "11", "1", "1.04", "1.5", "0", "10", "20000", "no", "no", cardGive, walletGet,
			[]field{emailField, phoneField},
			"link", "api",
		},
		{
			"6", "13", "11", "1", "2710.5", "0", "0", "0.01", "no", "no", "20000", nothingGive, walletGet,
			[]field{emailField},
			"api", "disabled",
		},
		// Typed by an operator with a decimal comma; a merchant receives the money, so that it cannot be marked as
		// paid.
		{
			"7", "22", "13", "2760,5", "1", "0", "0", "20,00", "8000", "no", "no", cardGive, walletGet,
			[]field{emailField},
			"disabled", "disabled",
		},
		{
			"8", "31", "11", "1", "0.97", "0", "0", "10", "2000", "no", "no",
			[]field{{"account1", "text", "From account", "1", "", []any{}, "0"}},
			walletGet,
			[]field{emailField},
			"api", "api",
		},
	}
)

// New simulates a Premium Exchanger site with one user of its API, who has the given login and key.
func New(b *simulator.Backend, login, key string, o Options) simulator.Provider {
	x := &provider{
		Backend: b, login: login, key: key, options: o, reserves: map[string]simulator.Money{},
		apiIDs:  map[string]bool{},
		nextBid: b.IDs.First(100001), partner: partner{balance: simulator.Amount("25"), nextPayout: b.IDs.First(1)},
	}
	for id, reserve := range tenderReserves {
		x.reserves[id] = simulator.Amount(reserve)
	}
	return x
}

func (x *provider) Options() any { return &x.options }

func (x *provider) Open(string) map[string]string {
	return map[string]string{"api_login": x.login, "api_key": x.key}
}

func (x *provider) Routes() []simulator.Route {
	methods := []struct {
		name  string
		serve func(*simulator.Request) simulator.Answer
	}{
		{"test", x.serveTest},
		{"get_direction_currencies", x.serveCurrencies},
		{"get_directions", x.serveDirections},
		{"get_direction", x.serveDirection},
		{"get_calc", x.serveCalc},
		{"get_exchanges", x.serveExchanges},
		{"create_bid", x.serveCreate},
		{"bid_info", x.serveInfo},
		{"cancel_bid", x.serveCancel},
		{"pay_bid", x.servePay},
		{"success_bid", x.serveSuccess},
		{"get_partner_info", x.partnerOnly(x.servePartnerInfo)},
		{"get_partner_links", x.partnerOnly(x.servePartnerLinks)},
		{"get_partner_exchanges", x.partnerOnly(x.servePartnerExchanges)},
		{"get_partner_payouts", x.partnerOnly(x.servePartnerPayouts)},
		{"add_partner_payout", x.partnerOnly(x.serveAddPayout)},
	}
	var routes []simulator.Route
	for _, m := range methods {
		routes = append(routes,
			simulator.Route{Operation: m.name, Method: http.MethodPost, Pattern: "/api/userapi/v1/" + m.name, Serve: m.serve})
	}
	return append(routes,
		simulator.Route{
			Operation: "visit", Method: http.MethodGet, Pattern: "/", Serve: x.serveVisit, Open: true, Page: true,
		})
}

// Admit answers a bad key, a banned one and a disabled API alike.
func (x *provider) Admit(r *simulator.Request) *simulator.Answer {
	var refused simulator.Answer
	switch o := x.options; {
	case r.Header.Get("API-LOGIN") != x.login || r.Header.Get("API-KEY") != x.key:
		refused = o.refusal(1, "Api disabled")
	case o.IPBlocked:
		refused = o.refusal(2, "IP blocked")
	case o.Maintenance != "" && slices.Contains(paused, path.Base(strings.Join(r.Path, "/"))):
		refused = o.failure("2", o.Maintenance)
	case o.Maintenance != "":
		refused = o.refusal(1, o.Maintenance)
	default:
		return nil
	}
	return &refused
}

// paused are the methods that report maintenance as error 2; the others report it as error 1.
//
//nolint:gochecknoglobals // a table
var paused = []string{"create_bid", "bid_info", "cancel_bid", "pay_bid", "success_bid"}

func (x *provider) Missing(r *simulator.Request) simulator.Answer {
	if strings.HasPrefix(strings.Join(r.Path, "/"), "api/userapi/") {
		return x.options.refusal(3, "Method not supported")
	}
	return simulator.Answer{
		Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}},
		Body: []byte("<h1>404</h1>"),
	}
}

func (x *provider) Maintenance() simulator.Answer {
	return x.options.refusal(2, "maintenance")
}

func (x *provider) serveTest(r *simulator.Request) simulator.Answer {
	return x.options.data(struct {
		IP      string `json:"ip"`
		UserID  string `json:"user_id"`
		Locale  string `json:"locale"`
		Partner string `json:"partner_id"`
	}{r.IP, keyUser, "en_US", keyUser})
}

func logo(r *simulator.Request, id string) string {
	return r.Base + "/wp-content/uploads/" + id + ".svg"
}

// filtered are the directions between the currencies that a request names, or all; those that are off are left out.
func (x *provider) filtered(form url.Values) []direction {
	fits := func(id, wanted string) bool { return wanted == "" || wanted == id }
	list := []direction{}
	for _, d := range directions {
		if !x.options.off(d.id) && fits(d.give, form.Get("currency_id_give")) && fits(d.get, form.Get("currency_id_get")) {
			list = append(list, d)
		}
	}
	return list
}

func (x *provider) serveCurrencies(r *simulator.Request) simulator.Answer {
	type entry struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		Logo  string `json:"logo"`
	}
	lists := map[string][]entry{"give": {}, "get": {}}
	for _, d := range x.filtered(r.Form()) {
		for side, id := range map[string]string{"give": d.give, "get": d.get} {
			e := entry{id, tenders[id].title(), logo(r, id)}
			if !slices.Contains(lists[side], e) {
				lists[side] = append(lists[side], e)
			}
		}
	}
	return x.options.data(lists)
}

func (x *provider) serveDirections(r *simulator.Request) simulator.Answer {
	type entry struct {
		ID        string `json:"direction_id"`
		GiveID    string `json:"currency_give_id"`
		GiveTitle string `json:"currency_give_title"`
		GiveLogo  string `json:"currency_give_logo"`
		GetID     string `json:"currency_get_id"`
		GetTitle  string `json:"currency_get_title"`
		GetLogo   string `json:"currency_get_logo"`
	}
	list := []entry{}
	for _, d := range x.filtered(r.Form()) {
		list = append(list,
			entry{
				d.id, d.give, tenders[d.give].title(), logo(r, d.give), d.get, tenders[d.get].title(),
				logo(r, d.get),
			})
	}
	return x.options.data(list)
}

// findDirection is the direction that a request names by its number.
func (x *provider) findDirection(form url.Values) (direction, bool) {
	i := slices.IndexFunc(directions, func(d direction) bool {
		return d.id == form.Get("direction_id") && !x.options.off(d.id)
	})
	if i < 0 {
		return direction{}, false
	}
	return directions[i], true
}

// quote is the answer of get_calc and get_direction about a direction: the fields are in the document's order.
type quote struct {
	CodeGive   string `json:"currency_code_give"`
	CodeGet    string `json:"currency_code_get"`
	Reserve    string `json:"reserve"`
	CourseGive string `json:"course_give"`
	CourseGet  string `json:"course_get"`
	SumGive    string `json:"sum_give"`
	SumGiveCom string `json:"sum_give_com"`
	SumGet     string `json:"sum_get"`
	SumGetCom  string `json:"sum_get_com"`
	ComGive    string `json:"com_give"`
	ComGet     string `json:"com_get"`
	MinGive    string `json:"min_give"`
	MaxGive    string `json:"max_give"`
	MinGet     string `json:"min_get"`
	MaxGet     string `json:"max_get"`
}

func (x *provider) quote(d direction, s sums) quote {
	return quote{
		CodeGive: tenders[d.give].code, CodeGet: tenders[d.get].code, Reserve: x.reserves[d.get].Trim().String(),
		CourseGive: d.courseGive, CourseGet: d.courseGet,
		SumGive: s.give.Trim().String(), SumGiveCom: s.giveCom.Trim().String(),
		SumGet: s.get.Trim().String(), SumGetCom: s.getCom.Trim().String(),
		ComGive: commission(d.comGive), ComGet: commission(d.comGet),
		MinGive: d.minGive, MaxGive: d.maxGive, MinGet: d.minGet, MaxGet: d.maxGet,
	}
}

func commission(percent string) string {
	if percent == "0" {
		return ""
	}
	return "commission of the payment system " + percent + "%"
}

func (x *provider) serveDirection(r *simulator.Request) simulator.Answer {
	form := r.Form()
	d, ok := x.findDirection(form)
	if between := x.filtered(form); form.Get("direction_id") == "" && form.Get("currency_id_give") != "" &&
		form.Get("currency_id_get") != "" && len(between) > 0 {
		d, ok = between[0], true // by its currencies instead of its number
	}
	if !ok {
		return x.options.failure("1", "direction not found")
	}
	least := bound(d.minGive)
	if least == nil {
		one := simulator.Amount("1")
		least = &one
	}
	type infoTexts struct {
		Timeline string `json:"timeline_text"`
		Frozen   string `json:"frozen_text"`
		Before   string `json:"before_button_text"`
	}
	byName := map[string]field{} // fields of the direction come as a map, those of the currencies as lists
	for _, f := range d.dirFields {
		byName[f.Name] = f
	}
	var fields any = byName
	if x.options.FieldsAsList {
		fields = d.dirFields
	}
	return x.options.data(struct {
		ID  string `json:"id"`
		URL string `json:"url"`
		quote
		Info infoTexts `json:"info"`
		Give []field   `json:"give_fields"`
		Get  []field   `json:"get_fields"`
		Dir  any       `json:"dir_fields"`
	}{
		d.id, fmt.Sprintf("%s/exchange_%s/", r.Base, d.id), x.quote(d, d.calculate(*least, 1)),
		infoTexts{"<p>Usually within 15 minutes.</p>", "", ""},
		d.giveFields, d.getFields, fields,
	})
}

func (x *provider) serveCalc(r *simulator.Request) simulator.Answer {
	form := r.Form()
	d, ok := x.findDirection(form)
	if !ok {
		return x.options.failure("1", "direction not found")
	}
	asked := siteNumber(form.Get("calc_amount"))
	s := d.calculate(asked, calcAction(form))
	changed := 0
	if fitted := x.fit(d, s); fitted.give.Cmp(s.give) != 0 {
		s, changed = fitted, 1
	}
	return x.options.data(struct {
		quote
		Changed int `json:"changed"`
	}{x.quote(d, s), changed})
}

// calcAction is whose amount calc_amount is; anything else than 1 to 4 becomes 1.
func calcAction(form url.Values) int {
	action, err := strconv.Atoi(form.Get("calc_action"))
	if err != nil || action < 1 || action > 4 {
		return 1
	}
	return action
}

// siteNumber reads a number as the site does: a comma is a point, and what is no number is 0.
func siteNumber(text string) simulator.Money {
	m, err := simulator.ParseMoney(strings.ReplaceAll(strings.TrimSpace(text), ",", "."))
	if err != nil || m.Sign() < 0 {
		return simulator.Money{}
	}
	return m
}

// fundedPartner is the account name under which the partner's balance is funded.
const fundedPartner = "partner"

func (x *provider) Fund(account, currency string, balance simulator.Money) error {
	if account == fundedPartner {
		if currency != partnerCurrency {
			return fmt.Errorf("%w currency %q: the partner's balance is in %s", simulator.ErrUnknown, currency, partnerCurrency)
		}
		x.partner.balance = balance
		return nil
	}
	for id, c := range tenders {
		if c.code == currency {
			x.reserves[id] = balance
			return nil
		}
	}
	return fmt.Errorf("%w currency %q", simulator.ErrUnknown, currency)
}
