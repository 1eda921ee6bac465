package main

import (
	"cmp"
	"strings"
	"time"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// checkout is what Cryptogram asks for a payment. It requires every field.
type checkout struct {
	amount      string
	currency    string
	wallets     []string
	title       string
	description string
	redirect    string
	message     string
	expires     string
}

// timeLayout is how expires_at goes in: without a zone, and read as UTC.
const timeLayout = "2006-01-02T15:04:05"

// Where a call has the page that the payer is sent back to.
const (
	pageOfPayment = "/return_url"
	pageOfInput   = "/redirect"
)

func prepareCreate(call *abi.Call, account settings) *abi.Step {
	order, refusal := checkoutOf(call, account)
	if refusal != nil {
		return refusal
	}
	order.redirect = marked(order.redirect, call.GetReference())
	body := jsontext.NewObject().
		Number("amount", order.amount).
		String("currency", order.currency).
		Strings("wallets", order.wallets).
		String("title", order.title).
		String("description", order.description).
		String("redirect", order.redirect).
		String("expires_at", order.expires).
		String("message", order.message)
	return request("POST", guest.Literal(collection)).JSON(body.JSON()).Send(nil)
}

// checkoutOf is the checkout that a call asks for, or the reject with the reason that there is none.
func checkoutOf(call *abi.Call, account settings) (checkout, *abi.Step) {
	read, page := checkoutOfPayment, pageOfPayment
	if call.GetPayment() == nil {
		read, page = checkoutOfInput, pageOfInput
	}
	order, refusal := read(call, account)
	if refusal != nil {
		return checkout{}, refusal
	}
	if amount, err := decimal.Parse(order.amount); err != nil || amount.Sign() <= 0 {
		return checkout{}, guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero")
	}
	if order.currency == "" {
		return checkout{}, guest.Reject("invalid_request", "/currency", "a currency is required")
	}
	if !guest.IsWebAddress(order.redirect) {
		return checkout{}, guest.Reject("invalid_request", page,
			"Cryptogram sends the payer back to a page: give "+page[1:]+" as an http(s) URL, or set the account's "+
				"redirect")
	}
	switch expires, err := readTime(order.expires); {
	case err != nil:
		return checkout{},
			guest.Reject("invalid_request", "/expires_at", "expires_at has to be a date like "+timeLayout)
	case expires <= call.GetNowMs():
		return checkout{}, guest.Reject("expired", "/expires_at", "expires_at has passed")
	}
	return order, nil
}

func checkoutOfPayment(call *abi.Call, account settings) (checkout, *abi.Step) {
	payment := call.GetPayment()
	extra, refusal := readOptions(payment.GetOptions())
	if refusal != nil {
		return checkout{}, refusal
	}
	expires := payment.GetExpiresMs()
	if expires == 0 {
		expires = call.GetNowMs() + account.lifetime.Milliseconds()
	}
	title := cmp.Or(extra.title, account.title)
	wallets := extra.wallets
	if wallets == nil {
		wallets = account.wallets
	}
	return checkout{
		amount:      payment.GetAmount(),
		currency:    payment.GetCurrency(),
		wallets:     wallets,
		title:       title,
		description: cmp.Or(payment.GetDescription(), account.description, title),
		redirect:    cmp.Or(payment.GetReturnUrl(), account.redirect),
		message:     cmp.Or(extra.message, account.message),
		expires:     time.UnixMilli(expires).UTC().Format(timeLayout),
	}, nil
}

// checkoutOfInput takes the native input in Cryptogram's own names; the account's settings fill what is left out.
func checkoutOfInput(call *abi.Call, account settings) (checkout, *abi.Step) {
	input, err := jsontext.Parse(call.GetInput())
	if err != nil || !input.IsObject() {
		return checkout{}, guest.Reject("invalid_request", "", "the input is not a JSON object")
	}
	wallets := account.wallets
	if input.Get("wallets").Exists() {
		if wallets = readWallets(input.Get("wallets")); wallets == nil {
			return checkout{}, guest.Reject("invalid_request", "/wallets", wantedWallets)
		}
	}
	amount, _ := input.Decimal("amount")
	title := cmp.Or(input.Text("title"), account.title)
	return checkout{
		amount:      amount,
		currency:    input.Text("currency"),
		wallets:     wallets,
		title:       title,
		description: cmp.Or(input.Text("description"), account.description, title),
		redirect:    cmp.Or(input.Text("redirect"), account.redirect),
		message:     cmp.Or(input.Text("message"), account.message),
		expires: cmp.Or(input.Text("expires_at"),
			time.UnixMilli(call.GetNowMs()).Add(account.lifetime).UTC().Format(timeLayout)),
	}, nil
}

// options is a payment's provider_options.
type options struct {
	title   string
	message string
	wallets []string
}

const wantedWallets = "wallets is a list of btc, eth, bnb, each once"

// readOptions refuses a name that it does not know: a typo must not become another payment than was meant.
func readOptions(data []byte) (options, *abi.Step) {
	var extra options
	if len(data) == 0 {
		return extra, nil
	}
	given, err := jsontext.Parse(data)
	if err != nil || !given.IsObject() {
		return extra, guest.Reject("invalid_request", optionsField, "the options are not a JSON object")
	}
	var refusal *abi.Step
	given.Each(func(name string, value jsontext.Value) {
		switch name {
		case "title":
			extra.title = value.Text()
		case "message":
			extra.message = value.Text()
		case "wallets":
			if extra.wallets = readWallets(value); extra.wallets == nil {
				refusal = guest.Reject("invalid_request", optionsField+"/wallets", wantedWallets)
			}
		default:
			refusal = guest.Reject("invalid_request", optionsField,
				"Cryptogram has the options title, message and wallets, not "+name)
		}
	})
	return extra, refusal
}

const optionsField = "/provider_options/cryptogram"

// mark is the query parameter of redirect that carries our reference. Cryptogram has no field for it, and no list; but
// it echoes redirect, so that the payment which a notification names can be recognized.
const mark = "payrouter_reference"

// marked adds our reference to a redirect, before a fragment.
func marked(redirect, reference string) string {
	if redirect == "" || reference == "" {
		return redirect
	}
	page, fragment, hasFragment := strings.Cut(redirect, "#")
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	page += separator + mark + "=" + reference
	if hasFragment {
		page += "#" + fragment
	}
	return page
}

// markOf is the reference that marked put into a redirect: the last, since ours goes to the end.
func markOf(redirect string) string {
	page, _, _ := strings.Cut(redirect, "#")
	_, query, _ := strings.Cut(page, "?")
	reference := ""
	for field := range strings.SplitSeq(query, "&") {
		if value, ours := strings.CutPrefix(field, mark+"="); ours {
			reference = value
		}
	}
	return reference
}
