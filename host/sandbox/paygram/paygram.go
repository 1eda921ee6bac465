// Package paygram simulates api.pay-gram.org: invoices and credits between users, under a token in the path. HTTP is
// 200 even for failures; amounts are JSON numbers; dates have seven decimals, with a Z where an object was just made
// and without one where it was read again.
//
// A user exists from the first time that an account names one as its own, with some credit to play with; one made by
// SetUserInfo has none, as in the document.
package paygram

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// provider is PayGram: its clients, with their users, invoices, vouchers and top-ups.
type provider struct {
	*simulator.Backend
	options  Options
	accounts map[string]*client // by token
	names    map[string]*client // by name
	invoices []*invoice
	byCode   map[string]*invoice
	topUps   []*topUp
	// nextReport is the Id of the next callback or update, and nextEntry that of the next line of any statement.
	nextReport int
	nextEntry  int64
}

// client is a client of PayGram, and its users.
type client struct {
	name, token string
	callbackAPI *string
	users       map[string]*user
	// spent holds the clientUnique of every spending request that was taken.
	spent   map[string]bool
	updates []update
	offers  offers
	standBy bool
}

type user struct {
	id, uid, signSeed string
	joined            time.Time
	fresh             bool // made by the request that is being answered
	callbackURL       *string
	balances          map[int]simulator.Money
	statement         []entry
}

// The answers' types, in the numbers that the provider gives them.
const (
	typeUnnamed         = 0 // what has no type that is known
	typeClientInfo      = 3
	typeSetCallbackAPI  = 4
	typeCreateClient    = 5
	typeInvoiceInfo     = 6
	typeReceived        = 8
	typeTransfer        = 9
	typeWithdrawUpdated = 10
	typeUserInfo        = 11
	typeWithdraw        = 12
	typeWithdrawInfo    = 13
	typeIssueInvoice    = 14
	typeTopUpAddress    = 15
	typeCirculating     = 16
	typeRates           = 17 // GetUpdates answers 17 too
	typeSwap            = 20
	typeStatement       = 21
	typeEnvelope        = 22
	typeEnvelopeRedeem  = 24
	typeEnvelopeInfo    = 26
	typeInvoices        = 31
)

// The response codes: of what succeeded, and of failures.
const (
	codeOK        = 200
	codeFailed    = 500
	codeUpdating  = 550
	codeDuplicate = 551
	codeAuth      = 552
	codeNotFound  = 553
	codeNoFunds   = 554
)

// openingCredit is what a user of ours has to play with.
//
//nolint:gochecknoglobals // a table
var openingCredit = map[int]string{
	1: "2", 2: "20", 3: "10000", 4: "10000", 5: "10000", 7: "40000", 11: "500000", 12: "70000", 13: "500000",
	14: "250000000",
	15: "10000", 16: "20", 18: "10000",
}

// prices is what one unit of a currency is worth in USD.
//
//nolint:gochecknoglobals // a table
var prices = map[int]string{
	1: "96250.5", 2: "2735.25", 3: "1.0475", 4: "1", 5: "1", 7: "0.27229", 8: "131.4", 9: "231.2", 10: "2.67",
	11: "0.01728",
	12: "0.1379", 13: "0.01728", 14: "0.00003919", 15: "1.2634", 16: "666.69", 17: "0.2417", 18: "1", 19: "0.0417",
}

// Options are what PayGram does where its document leaves a choice, or only public material or an inference states what
// it does. The zero value is what the vendor's source states, or else the reading that is taken for the likelier.
type Options struct {
	// NoPayURL makes invoices come with a null payUrl, as in the document's example.
	NoPayURL bool `json:"no_pay_url"`
	// UnlistedWithdrawals keeps withdrawals out of GetInvoices: no document states that they are listed.
	UnlistedWithdrawals bool `json:"unlisted_withdrawals"`
	// AsDocumented leaves out what came after the document's examples of 2023: responseCode and the message of a
	// success, and an invoice's friendlyVoucherCode and invoiceBusinessType.
	AsDocumented bool `json:"as_documented"`
	// CodesInType puts the code of a failure into type, as it stood for a short time.
	CodesInType bool `json:"codes_in_type"`
	// EnumNames writes an enum's value as its name; the vendor's source has numbers "unless a converter says otherwise".
	EnumNames bool `json:"enum_names"`
	// NumberedRates keys the rates by the currencies' numbers; an enum that is a key is written as its name.
	NumberedRates bool `json:"numbered_rates"`
	// CamelCaseCallbacks writes callbacks as answers are written; PascalCase is likely and not stated.
	CamelCaseCallbacks bool `json:"camel_case_callbacks"`
	// PascalCaseUpdates writes GetUpdates' entries as callbacks are written.
	PascalCaseUpdates bool `json:"pascal_case_updates"`
	// InclusiveCursor begins a statement's page with the entry that startIdx names; otherwise behind it.
	InclusiveCursor bool `json:"inclusive_cursor"`
	// NothingBeforeZero makes a statement that goes backward from startIdx 0 empty; otherwise it begins at the newest.
	NothingBeforeZero bool `json:"nothing_before_zero"`
	// RightWithdrawnAmounts answers Withdraw with the amounts that its members' names promise.
	RightWithdrawnAmounts bool `json:"right_withdrawn_amounts"`
	// UnpaidWithdrawals keeps isPaid and isRedeemed of a completed withdrawal false: they are an invoice's, and nothing
	// states that a withdrawal sets them.
	UnpaidWithdrawals bool `json:"unpaid_withdrawals"`
	// TransferFee is charged for every TransferCredit, on top of its amount.
	TransferFee simulator.Money `json:"transfer_fee"`
	// NetTransferInvoices show a transfer's invoice without the fee; otherwise its amount includes the fee.
	NetTransferInvoices bool `json:"net_transfer_invoices"`
}

// New simulates PayGram with one account for each of tokens, which are by the accounts' names.
func New(b *simulator.Backend, tokens map[string]string, o Options) simulator.Provider {
	p := &provider{
		Backend: b, options: o,
		accounts: map[string]*client{},
		names:    map[string]*client{}, byCode: map[string]*invoice{}, nextReport: b.IDs.First(1),
		nextEntry: firstEntry + int64(b.IDs.First(1)),
	}
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		p.addAccount(name, tokens[name])
	}
	return p
}

func (p *provider) addAccount(name, token string) {
	a := &client{
		name: name, users: map[string]*user{}, spent: map[string]bool{}, token: token,
	}
	p.accounts[token], p.names[name] = a, a
	p.SetAccounts(slices.Sorted(maps.Keys(p.names)))
}

// Options are the provider's.
func (p *provider) Options() any { return &p.options }

// Open makes a client of a name, where there is none.
func (p *provider) Open(account string) map[string]string {
	if _, known := p.names[account]; !known {
		p.addAccount(account, madeUpToken(account))
	}
	return map[string]string{"token": p.names[account].token}
}

// madeUpToken is a UUID like those of DefaultCredentials: the same for the same name, in every sandbox.
func madeUpToken(account string) string {
	sum := sha256.Sum256([]byte("sandbox account " + account))
	digits := hex.EncodeToString(sum[:])
	return "5a11d0c5-" + digits[:4] + "-4" + digits[4:7] + "-8" + digits[7:10] + "-" + digits[10:22]
}

// method is a method's work: the account, its user and the fields are read already.
type method func(*request) simulator.Answer

type request struct {
	*simulator.Request
	account *client
	user    *user
	fields  fields
}

// fields are the fields of every method that this simulation reads.
type fields struct {
	RequestID       *int64           `json:"requestId"`
	UserCliID       string           `json:"userCliId"`
	ClientUnique    string           `json:"clientUnique"`
	CurrencyCode    coin             `json:"currencyCode"`
	Amount          *simulator.Money `json:"amount"`
	CallbackData    *string          `json:"callbackData"`
	MerchantType    int              `json:"merchantType"`
	InvoiceCode     string           `json:"invoiceCode"`
	InvoiceID       string           `json:"invoiceId"`
	ToUserCliID     *string          `json:"toUserCliId"`
	CallbackURL     *string          `json:"callbackUrl"`
	URL             *string          `json:"url"`
	FromUTC         string           `json:"fromUtc"`
	ToExcludingUTC  string           `json:"toExcludingUtc"`
	StartIdx        int64            `json:"startIdx"`
	ResultsPerPage  int              `json:"resultsPerPage"`
	GoForward       bool             `json:"goForward"`
	FromCurrency    coin             `json:"fromCurrency"`
	ToCurrency      coin             `json:"toCurrency"`
	AmountToSwap    *simulator.Money `json:"amountToSwap"`
	IsSimulation    bool             `json:"isSimulation"`
	MaxNumRedeemers int              `json:"maxNumOfRedeemers"`
	UpdateIDs       []int            `json:"updateIds"`
	DigitalCurrency string           `json:"digitalCurrency"`
	FiatCurrency    string           `json:"fiatCurrency"`
	RequestAmount   *simulator.Money `json:"requestAmount"`
	OwnOnly         bool             `json:"ownOnly"`
	ID              string           `json:"id"`
	IsApproved      *bool            `json:"isApproved"`
	Status          status           `json:"status"`
	Name            string           `json:"name"`
	GroupInfo       json.RawMessage  `json:"groupInfo"`
	Business        json.RawMessage  `json:"business"`
	WithdrawMethod  withdrawMethod   `json:"withdrawMethod"`
	CancelWithdraw  bool             `json:"cancelWithdraw"`
}

func (p *provider) Routes() []simulator.Route {
	calls := map[string]method{
		"IssueInvoice":        p.issueInvoice,
		"InvoiceInfo":         p.invoiceInfo,
		"PayInvoice":          p.spending(p.payInvoice),
		"RedeemInvoice":       p.redeemInvoice,
		"GetInvoices":         p.getInvoices,
		"UserInfo":            p.userInfo,
		"SetUserInfo":         p.setUserInfo,
		"ClientInfo":          p.clientInfo,
		"SetCallbackApi":      p.setCallbackAPI,
		"GetExchangeRates":    p.exchangeRates,
		"GetCirculatingCoins": p.circulatingCoins,
		"GetStatement":        p.statement,
		"GetUpdates":          p.updates,
		"MarkUpdatesError":    p.markUpdatesError,
		"TransferCredit":      p.spending(p.transferCredit),
		"Withdraw":            p.spending(p.withdraw),
		"Swap":                p.spending(p.swap),
		"TopUp":               p.spending(p.topUp),
		"CreateRedEnvelope":   p.spending(p.createRedEnvelope),
		"RedeemRedEnvelope":   p.redeemRedEnvelope,
		"SimplexGetQuote":     p.simplexQuote,
		"GetP2PGroups":        p.getP2PGroups,
		"SetP2PGroup":         p.setP2PGroup,
		"GetBusinesses":       p.getBusinesses,
		"SetBusiness":         p.setBusiness,
		"UpdateWithdraw":      p.updateWithdraw,
		"UserCallback":        p.userCallback,
		"CreateClient":        p.createClient,
	}
	routes := []simulator.Route{
		{Operation: "SetStandBy", Method: http.MethodGet, Pattern: "/{token}/SetStandBy", Serve: p.read(p.setStandBy)},
		{Operation: "GetStandBy", Method: http.MethodGet, Pattern: "/{token}/GetStandBy", Serve: p.read(p.getStandBy)},
		{
			Operation: "Approve/Update", Method: http.MethodPost, Pattern: "/Approve/Update/{token}",
			Serve: p.read(p.approve),
		},
		{
			Operation: "Cryptapi", Method: http.MethodGet, Pattern: "/Cryptapi/{callbackData}", Serve: p.cryptapi,
			Open: true,
		},
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		routes = append(routes,
			simulator.Route{Operation: name, Method: http.MethodPost, Pattern: "/{token}/" + name, Serve: p.read(calls[name])})
	}
	return routes
}

// refusalView is how a failure looks.
type refusalView struct {
	Message string `json:"message"`
	Type    int    `json:"type"`
	Code    int    `json:"responseCode,omitempty"`
	Success bool   `json:"success"`
}

// failure is a failure with HTTP 200. Type 0, as in the document; the code came later than the document.
func failure(code int, message string) simulator.Answer {
	return simulator.JSON(http.StatusOK, refusalView{message, typeUnnamed, code, false})
}

// dated is an answer as the options have it written: failures are made without them.
func (p *provider) dated(a simulator.Answer) simulator.Answer {
	var view refusalView
	if json.Unmarshal(a.Body, &view) != nil || view.Success || view.Code == 0 {
		return a
	}
	switch {
	case p.options.CodesInType && view.Code <= codeDuplicate:
		view.Type, view.Code = view.Code, 0
	case p.options.AsDocumented, p.options.CodesInType:
		view.Code = 0
	}
	end := p.ending(view.Type, view.Code)
	end.Message, end.Success = view.Message, false
	return simulator.JSON(http.StatusOK, end)
}

// Admit looks for the token, before any method runs. The document's refusal has no code.
func (p *provider) Admit(r *simulator.Request) *simulator.Answer {
	if _, ok := p.accounts[tokenOf(r)]; ok {
		return nil
	}
	a := p.dated(failure(codeAuth, "Invalid Token"))
	return &a
}

// tokenOf is the first part of a path, but where a call has it elsewhere.
func tokenOf(r *simulator.Request) string {
	if token, ok := r.Vars["token"]; ok {
		return token
	}
	return r.Path[0]
}

// LoggedPath is a path without the token in it.
func (p *provider) LoggedPath(path string) string {
	first, rest, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case first == "Cryptapi":
		return "/Cryptapi/{callbackData}"
	case strings.HasPrefix(path, "/Approve/Update/"):
		return "/Approve/Update/{token}"
	case !more:
		return "/{token}"
	}
	return "/{token}/" + rest
}

func (p *provider) Missing(*simulator.Request) simulator.Answer {
	return simulator.Answer{Status: http.StatusNotFound, Header: http.Header{}}
}

func (p *provider) Maintenance() simulator.Answer {
	return p.dated(failure(codeUpdating, "Server updating"))
}

var jsonType = regexp.MustCompile(`^(application|text)/(json|[a-z.-]+\+json)$`)

// read finds the account, its user and the fields, for one method.
func (p *provider) read(call method) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		q := &request{Request: r, account: p.accounts[tokenOf(r)]}
		if refusal := q.decode(); refusal != nil {
			return *refusal
		}
		q.user = p.ownUser(q.account, q.fields.UserCliID)
		a := call(q)
		q.user.fresh = false
		return p.dated(a)
	}
}

// decode reads the body the way ASP.NET does: names in any case, and a problem for what does not fit.
func (q *request) decode() *simulator.Answer {
	if len(q.Body) == 0 {
		return nil // GetCirculatingCoins and ClientInfo are sent without one
	}
	kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || !jsonType.MatchString(kind) {
		return aspProblem(http.StatusUnsupportedMediaType, "Unsupported Media Type", nil)
	}
	if err := json.Unmarshal(q.Body, &q.fields); err != nil {
		return aspProblem(http.StatusBadRequest, "One or more validation errors occurred.", map[string][]string{
			"$": {"The JSON value could not be converted."},
		})
	}
	return nil
}

// aspProblem is the answer of ASP.NET before the method runs.
func aspProblem(status int, title string, errs map[string][]string) *simulator.Answer {
	a := simulator.JSON(status, struct {
		Type    string              `json:"type"`
		Title   string              `json:"title"`
		Status  int                 `json:"status"`
		TraceID string              `json:"traceId"`
		Errors  map[string][]string `json:"errors,omitempty"`
	}{
		"https://tools.ietf.org/html/rfc9110#section-15.5", title, status,
		"00-5a11d0c500000000000000000000e0e1-5a11d0c50000e0e1-00", errs,
	})
	a.Header.Set("Content-Type", "application/problem+json; charset=utf-8")
	return &a
}

// ownUser is the account's user that a request acts as: the account's own where it names none.
func (p *provider) ownUser(a *client, id string) *user {
	if id == "" {
		id = a.name
	}
	if u, ok := a.users[id]; ok {
		return u
	}
	u := &user{
		id: id, uid: p.IDs.UUID(), signSeed: p.IDs.UUID(), joined: p.Now(), fresh: true,
		balances: map[int]simulator.Money{},
	}
	for currency, credit := range openingCredit {
		u.balances[currency] = simulator.Amount(credit)
	}
	a.users[id] = u
	return u
}

// spending refuses a second request with the clientUnique of one that was taken.
func (p *provider) spending(call method) method {
	return func(q *request) simulator.Answer {
		unique := q.fields.ClientUnique
		if unique != "" && q.account.spent[unique] {
			return failure(codeDuplicate, "Duplicate clientUnique")
		}
		a := call(q)
		if unique != "" && strings.Contains(string(a.Body), `"success":true`) {
			q.account.spent[unique] = true
		}
		return a
	}
}

// tail ends every answer. What is after the document's examples is left out where it is zero.
type tail struct {
	Message string `json:"message,omitempty"`
	Type    enum   `json:"type"`
	Code    enum   `json:"responseCode,omitzero"`
	Success bool   `json:"success"`
}

// tail is the end of an answer of a type. The message of a success is the name of its type.
func (p *provider) tail(kind int) tail {
	if p.options.AsDocumented {
		return p.ending(kind, 0)
	}
	return p.ending(kind, codeOK)
}

// ending is the end of an answer of a type with a code, of which 0 is none.
func (p *provider) ending(kind, code int) tail {
	end := tail{"", p.enum(typeNames, kind), p.enum(codeNames, code), code == 0 || code == codeOK}
	if code == codeOK {
		end.Message = typeNames[kind]
	}
	return end
}

// netTime is a .NET date with seven decimals; bare leaves the Z away, as .NET does for a date read from a database.
type netTime struct {
	at   time.Time
	bare bool
}

// MarshalJSON writes "2023-10-04T08:34:00.3087598Z".
func (t netTime) MarshalJSON() ([]byte, error) {
	layout := "2006-01-02T15:04:05.0000000Z"
	if t.bare {
		layout = strings.TrimSuffix(layout, "Z")
	}
	return []byte(strconv.Quote(t.at.UTC().Format(layout))), nil
}

type balanceView struct {
	Balance  simulator.Money `json:"balance"`
	Currency enum            `json:"currency"`
}

func (p *provider) userAnswer(u *user) simulator.Answer {
	balances := []balanceView{}
	for _, currency := range slices.Sorted(maps.Keys(u.balances)) {
		if b := u.balances[currency]; b.Sign() != 0 {
			balances = append(balances, balanceView{b, p.enum(currencies, currency)})
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Balances    []balanceView `json:"balances"`
		JoinedOn    netTime       `json:"joinedOn"`
		ID          string        `json:"userIdInClient"`
		UID         string        `json:"uid"`
		CallbackURL *string       `json:"callbackUrl"`
		SignSeed    string        `json:"signSeed"`
		tail
	}{
		balances,
		netTime{u.joined, !u.fresh},
		u.id, u.uid, u.callbackURL, u.signSeed,
		p.tail(typeUserInfo),
	})
}

func (p *provider) userInfo(q *request) simulator.Answer {
	return p.userAnswer(q.user)
}

// setUserInfo makes the user if it is new, with nothing in its wallet.
func (p *provider) setUserInfo(q *request) simulator.Answer {
	if q.fields.CallbackURL != nil && len(*q.fields.CallbackURL) > 512 {
		return failure(codeFailed, "callbackUrl is too long")
	}
	if q.user.fresh {
		q.user.balances = map[int]simulator.Money{}
	}
	q.user.callbackURL = q.fields.CallbackURL
	return p.userAnswer(q.user)
}

// Events are what Drive can do: to an invoice as its payer, PayGram or time would; to a withdrawal as PayGram would; to
// a deposit, which arrives.
func (p *provider) Events() []string {
	return []string{
		"pay", "pay_unredeemed", simulator.PayLate, "underpay", "overpay", "expire", "cancel", "decline", "error",
		"accept", "cancel_unrefunded",
	}
}

func (p *provider) Fund(account, currency string, balance simulator.Money) error {
	name, user, _ := strings.Cut(account, "/")
	a, ok := p.names[name]
	if !ok {
		return fmt.Errorf("%w account %q: want paygram-eu or paygram-asia, or paygram-eu/USER", simulator.ErrUnknown, account)
	}
	for code, ticker := range currencies {
		if ticker == currency {
			p.ownUser(a, user).balances[code] = balance
			return nil
		}
	}
	return fmt.Errorf("%w currency %q", simulator.ErrUnknown, currency)
}
