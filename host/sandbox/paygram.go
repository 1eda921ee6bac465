package sandbox

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
)

// paygram simulates api.pay-gram.org: invoices and credits between users, under a token in the path. HTTP is 200 even
// for failures; amounts are JSON numbers; dates have seven decimals, with a Z where an object was just made and without
// one where it was read again.
//
// A user exists from the first time that an account names one as its own, with some credit to play with; one made by
// SetUserInfo has none, as in the document.
type paygram struct {
	*desk
	noPayURL bool
	accounts map[string]*paygramAccount // by token
	names    map[string]*paygramAccount // by name
	invoices []*invoice
	byCode   map[string]*invoice
	vouchers []*voucher
	topUps   []*topUp
	// nextCallback counts callbacks, and firstEntry is where each user's statement begins to count.
	nextCallback, firstEntry int
	// unlisted: GetInvoices has no withdrawals.
	unlisted bool
}

// paygramAccount is a client of PayGram, and its users.
type paygramAccount struct {
	name, token string
	callbackAPI *string
	users       map[string]*paygramUser
	// spent holds the clientUnique of every spending request that was taken.
	spent   map[string]bool
	updates []paygramUpdate
	nextID  int
	offers  offers
	standBy bool
}

type paygramUser struct {
	id, uid, signSeed string
	joined            time.Time
	fresh             bool // made by the request that is being answered
	callbackURL       *string
	balances          map[int]money
	statement         []paygramEntry
}

// The answers' types, in the numbers that the provider gives them.
const (
	paygramUnnamed         = 0 // what has no type that is known
	paygramClientInfo      = 3
	paygramSetCallbackAPI  = 4
	paygramCreateClient    = 5
	paygramInvoiceInfo     = 6
	paygramReceived        = 8
	paygramTransfer        = 9
	paygramWithdrawUpdated = 10
	paygramUserInfo        = 11
	paygramWithdraw        = 12
	paygramIssueInvoice    = 14
	paygramTopUpAddress    = 15
	paygramCirculating     = 16
	paygramRates           = 17 // GetUpdates answers 17 too
	paygramSwap            = 20
	paygramStatement       = 21
	paygramEnvelope        = 22
	paygramEnvelopeRedeem  = 24
	paygramInvoices        = 31
)

// The response codes of failures.
const (
	paygramFailed    = 500
	paygramUpdating  = 550
	paygramDuplicate = 551
	paygramNotFound  = 553
	paygramNoFunds   = 554
)

//nolint:gochecknoglobals // a table
var paygramCurrencies = map[int]string{
	1: "BTC", 2: "ETH", 3: "EUR", 4: "USD", 5: "USDT", 7: "AED", 8: "LTC", 9: "XMR", 10: "XRP", 11: "PHPT", 12: "CNY",
	13: "PHP",
	14: "VND", 15: "GBP", 16: "BNB", 17: "TRX", 18: "USDC", 19: "FTN",
}

// paygramCredit is what a user of ours has to play with.
//
//nolint:gochecknoglobals // a table
var paygramCredit = map[int]string{
	1: "2", 2: "20", 3: "10000", 4: "10000", 5: "10000", 7: "40000", 11: "500000", 12: "70000", 13: "500000",
	14: "250000000",
	15: "10000", 16: "20", 18: "10000",
}

// paygramPrice is what one unit of a currency is worth in USD.
//
//nolint:gochecknoglobals // a table
var paygramPrice = map[int]string{
	1: "96250.5", 2: "2735.25", 3: "1.0475", 4: "1", 5: "1", 7: "0.27229", 8: "131.4", 9: "231.2", 10: "2.67",
	11: "0.01728",
	12: "0.1379", 13: "0.01728", 14: "0.00003919", 15: "1.2634", 16: "666.69", 17: "0.2417", 18: "1", 19: "0.0417",
}

func newPayGram(d *desk, o Options) *paygram {
	p := &paygram{
		desk: d, noPayURL: o.PayGramNoPayURL, unlisted: o.PayGramUnlistedWithdrawals,
		accounts: map[string]*paygramAccount{},
		names:    map[string]*paygramAccount{}, byCode: map[string]*invoice{}, nextCallback: d.ids.first(1),
		firstEntry: d.ids.first(1),
	}
	p.addAccount("paygram-eu", o.Credentials.PayGramEU)
	p.addAccount("paygram-asia", o.Credentials.PayGramAsia)
	return p
}

func (p *paygram) addAccount(name, token string) {
	a := &paygramAccount{
		name: name, users: map[string]*paygramUser{}, spent: map[string]bool{}, token: token,
		nextID: p.ids.first(1),
	}
	p.accounts[token], p.names[name] = a, a
	p.desk.accounts = slices.Sorted(maps.Keys(p.names))
}

// open makes a client of a name, where there is none.
func (p *paygram) open(account string) map[string]string {
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

// paygramCall is a method's work: the account, its user and the fields are read already.
type paygramCall func(*paygramRequest) answer

type paygramRequest struct {
	*request
	account *paygramAccount
	user    *paygramUser
	fields  paygramFields
}

// paygramFields are the fields of every method that this simulation reads.
type paygramFields struct {
	RequestID       *int64          `json:"requestId"`
	UserCliID       string          `json:"userCliId"`
	ClientUnique    string          `json:"clientUnique"`
	CurrencyCode    int             `json:"currencyCode"`
	Amount          *money          `json:"amount"`
	CallbackData    *string         `json:"callbackData"`
	MerchantType    int             `json:"merchantType"`
	InvoiceCode     string          `json:"invoiceCode"`
	InvoiceID       string          `json:"invoiceId"`
	ToUserCliID     *string         `json:"toUserCliId"`
	CallbackURL     *string         `json:"callbackUrl"`
	URL             *string         `json:"url"`
	FromUTC         string          `json:"fromUtc"`
	ToExcludingUTC  string          `json:"toExcludingUtc"`
	StartIdx        int             `json:"startIdx"`
	ResultsPerPage  int             `json:"resultsPerPage"`
	GoForward       bool            `json:"goForward"`
	FromCurrency    int             `json:"fromCurrency"`
	ToCurrency      int             `json:"toCurrency"`
	AmountToSwap    *money          `json:"amountToSwap"`
	IsSimulation    bool            `json:"isSimulation"`
	Network         int             `json:"network"`
	MaxNumRedeemers int             `json:"maxNumOfRedeemers"`
	UpdateIDs       []int           `json:"updateIds"`
	DigitalCurrency string          `json:"digitalCurrency"`
	FiatCurrency    string          `json:"fiatCurrency"`
	RequestAmount   *money          `json:"requestAmount"`
	OwnOnly         bool            `json:"ownOnly"`
	ID              string          `json:"id"`
	IsApproved      *bool           `json:"isApproved"`
	Status          int             `json:"status"`
	Name            string          `json:"name"`
	GroupInfo       json.RawMessage `json:"groupInfo"`
	Business        json.RawMessage `json:"business"`
	WithdrawMethod  struct {
		CurrencyCode  int    `json:"currencyCode"`
		Network       int    `json:"network"`
		CryptoAddress string `json:"cryptoAddress"`
		BankIBAN      string `json:"bankIban"`
		BankAccount   string `json:"bankAccount"`
	} `json:"withdrawMethod"`
}

func (p *paygram) routes() []route {
	calls := map[string]paygramCall{
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
	routes := []route{
		{operation: "SetStandBy", method: http.MethodGet, pattern: "/{token}/SetStandBy", serve: p.read(p.setStandBy)},
		{operation: "GetStandBy", method: http.MethodGet, pattern: "/{token}/GetStandBy", serve: p.read(p.getStandBy)},
		{
			operation: "Approve/Update", method: http.MethodPost, pattern: "/Approve/Update/{token}",
			serve: p.read(p.approve),
		},
		{
			operation: "Cryptapi", method: http.MethodGet, pattern: "/Cryptapi/{callbackData}", serve: p.cryptapi,
			open: true,
		},
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		routes = append(routes,
			route{operation: name, method: http.MethodPost, pattern: "/{token}/" + name, serve: p.read(calls[name])})
	}
	return routes
}

// paygramFailure is how a failure looks. Type 0, as in the document; the code came later than the document.
func paygramFailure(code int, message string) answer {
	return jsonAnswer(http.StatusOK, struct {
		Message string `json:"message"`
		Type    int    `json:"type"`
		Success bool   `json:"success"`
		Code    int    `json:"responseCode"`
	}{message, 0, false, code})
}

// admit looks for the token. The refusal is the document's, byte for byte: it has no code.
func (p *paygram) admit(r *request) *answer {
	if _, ok := p.accounts[paygramToken(r)]; ok {
		return nil
	}
	a := jsonAnswer(http.StatusOK, struct {
		Message string `json:"message"`
		Type    int    `json:"type"`
		Success bool   `json:"success"`
	}{"Invalid Token", 0, false})
	return &a
}

// paygramToken is the first part of a path, but where a call has it elsewhere.
func paygramToken(r *request) string {
	if token, ok := r.vars["token"]; ok {
		return token
	}
	return r.path[0]
}

// paygramPath is a path without the token in it.
func paygramPath(path string) string {
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

func (p *paygram) missing(*request) answer {
	return answer{status: http.StatusNotFound, header: http.Header{}}
}

func (p *paygram) maintenance() answer {
	return paygramFailure(paygramUpdating, "Server updating")
}

var paygramJSON = regexp.MustCompile(`^(application|text)/(json|[a-z.-]+\+json)$`)

// read finds the account, its user and the fields, for one method.
func (p *paygram) read(call paygramCall) func(*request) answer {
	return func(r *request) answer {
		q := &paygramRequest{request: r, account: p.accounts[paygramToken(r)]}
		if refusal := q.decode(); refusal != nil {
			return *refusal
		}
		q.user = p.ownUser(q.account, q.fields.UserCliID)
		a := call(q)
		q.user.fresh = false
		return a
	}
}

// decode reads the body the way ASP.NET does: names in any case, and a problem for what does not fit.
func (q *paygramRequest) decode() *answer {
	if len(q.body) == 0 {
		return nil // GetCirculatingCoins and ClientInfo are sent without one
	}
	kind, _, err := mime.ParseMediaType(q.header.Get("Content-Type"))
	if err != nil || !paygramJSON.MatchString(kind) {
		return aspProblem(http.StatusUnsupportedMediaType, "Unsupported Media Type", nil)
	}
	if err := json.Unmarshal(q.body, &q.fields); err != nil {
		return aspProblem(http.StatusBadRequest, "One or more validation errors occurred.", map[string][]string{
			"$": {"The JSON value could not be converted."},
		})
	}
	return nil
}

// aspProblem is the answer of ASP.NET before the method runs.
func aspProblem(status int, title string, errs map[string][]string) *answer {
	a := jsonAnswer(status, struct {
		Type   string              `json:"type"`
		Title  string              `json:"title"`
		Status int                 `json:"status"`
		Errors map[string][]string `json:"errors,omitempty"`
	}{"https://tools.ietf.org/html/rfc9110#section-15.5", title, status, errs})
	a.header.Set("Content-Type", "application/problem+json; charset=utf-8")
	return &a
}

// ownUser is the account's user that a request acts as: the account's own where it names none.
func (p *paygram) ownUser(a *paygramAccount, id string) *paygramUser {
	if id == "" {
		id = a.name
	}
	if u, ok := a.users[id]; ok {
		return u
	}
	u := &paygramUser{
		id: id, uid: p.ids.uuid(), signSeed: p.ids.uuid(), joined: p.now(), fresh: true,
		balances: map[int]money{},
	}
	for currency, credit := range paygramCredit {
		u.balances[currency] = amount(credit)
	}
	a.users[id] = u
	return u
}

// spending refuses a second request with the clientUnique of one that was taken.
func (p *paygram) spending(call paygramCall) paygramCall {
	return func(q *paygramRequest) answer {
		unique := q.fields.ClientUnique
		if unique != "" && q.account.spent[unique] {
			return paygramFailure(paygramDuplicate, "Duplicate clientUnique")
		}
		a := call(q)
		if unique != "" && strings.Contains(string(a.body), `"success":true`) {
			q.account.spent[unique] = true
		}
		return a
	}
}

// paygramTail ends every answer that succeeded.
type paygramTail struct {
	Type    int  `json:"type"`
	Success bool `json:"success"`
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

type paygramBalance struct {
	Balance  money `json:"balance"`
	Currency int   `json:"currency"`
}

func (p *paygram) userAnswer(u *paygramUser) answer {
	balances := []paygramBalance{}
	for _, currency := range slices.Sorted(maps.Keys(u.balances)) {
		if b := u.balances[currency]; b.sign() != 0 {
			balances = append(balances, paygramBalance{b, currency})
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Balances    []paygramBalance `json:"balances"`
		JoinedOn    netTime          `json:"joinedOn"`
		ID          string           `json:"userIdInClient"`
		UID         string           `json:"uid"`
		CallbackURL *string          `json:"callbackUrl"`
		SignSeed    string           `json:"signSeed"`
		paygramTail
	}{
		balances,
		netTime{u.joined, !u.fresh},
		u.id, u.uid, u.callbackURL, u.signSeed,
		paygramTail{paygramUserInfo, true},
	})
}

func (p *paygram) userInfo(q *paygramRequest) answer {
	return p.userAnswer(q.user)
}

// setUserInfo makes the user if it is new, with nothing in its wallet.
func (p *paygram) setUserInfo(q *paygramRequest) answer {
	if q.fields.CallbackURL != nil && len(*q.fields.CallbackURL) > 512 {
		return paygramFailure(paygramFailed, "callbackUrl is too long")
	}
	if q.user.fresh {
		q.user.balances = map[int]money{}
	}
	q.user.callbackURL = q.fields.CallbackURL
	return p.userAnswer(q.user)
}

func (p *paygram) events() []string {
	return []string{"pay", "pay_unredeemed", payLate, "cancel", "decline", "error"}
}

func (p *paygram) fund(account, currency string, balance money) error {
	name, user, _ := strings.Cut(account, "/")
	a, ok := p.names[name]
	if !ok {
		return fmt.Errorf("%w account %q: want paygram-eu or paygram-asia, or paygram-eu/USER", ErrUnknown, account)
	}
	for code, ticker := range paygramCurrencies {
		if ticker == currency {
			p.ownUser(a, user).balances[code] = balance
			return nil
		}
	}
	return fmt.Errorf("%w currency %q", ErrUnknown, currency)
}
