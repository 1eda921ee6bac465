package vector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	abi "payrouter/abi/v1"
)

// requestText is a request as vectors write it, with {{secret:name}} where the host would put a secret. The request
// line ends in "as OPERATION" where the request performs another operation than the call's.
func requestText(send *abi.Send) string {
	request := send.GetRequest()
	var text strings.Builder
	text.WriteString(request.GetMethod() + " " + request.GetOrigin() + partsText(request.GetPath(), url.PathEscape))
	for i, field := range request.GetQuery() {
		text.WriteString(separator(i) + url.QueryEscape(field.GetName()) + "=" +
			partsText(field.GetValue(), url.QueryEscape))
	}
	if operation := send.GetOperation(); operation != "" {
		text.WriteString(" as " + operation)
	}
	text.WriteByte('\n')
	for _, field := range request.GetHeaders() {
		text.WriteString(field.GetName() + ": " + partsText(field.GetValue(), asIs) + "\n")
	}
	if basic := request.GetBasicAuth(); basic != nil {
		user := partsText([]*abi.Part{basic.GetUser()}, asIs)
		text.WriteString("Authorization: Basic {{base64:" + user + ":" + secretText(basic.GetPasswordSecret()) + "}}\n")
	}
	for _, signature := range request.GetSignatures() {
		text.WriteString(signature.GetHeader() + ": " + signatureText(signature) + "\n")
	}
	if body := request.GetBody(); len(body) > 0 {
		text.WriteString("\n" + string(body) + "\n")
	}
	return text.String()
}

func separator(i int) string {
	if i == 0 {
		return "?"
	}
	return "&"
}

func asIs(text string) string { return text }

func secretText(name string) string { return "{{secret:" + name + "}}" }

func partsText(parts []*abi.Part, escape func(string) string) string {
	var text strings.Builder
	for _, part := range parts {
		switch part := part.GetPart().(type) {
		case *abi.Part_Literal:
			text.WriteString(part.Literal)
		case *abi.Part_Text:
			text.WriteString(escape(part.Text))
		case *abi.Part_Secret:
			text.WriteString(secretText(part.Secret))
		}
	}
	return text.String()
}

// signatureText is a signature as vectors write it: "sha256={{hmac_sha256:hex:{{secret:key}}:"v1."+body}}".
func signatureText(signature *abi.Signature) string {
	if signature == nil {
		return ""
	}
	parts := make([]string, 0, len(signature.GetParts()))
	for _, part := range signature.GetParts() {
		parts = append(parts, signedPartText(part))
	}
	text := abi.NameOf(signature.GetAlgorithm(), "ALGORITHM_") + ":" +
		abi.NameOf(signature.GetEncoding(), "ENCODING_") +
		":"
	if signature.GetSecret() != "" {
		text += secretText(signature.GetSecret()) + ":"
	}
	return signature.GetPrefix() + "{{" + text + strings.Join(parts, "+") + "}}"
}

func signedPartText(part *abi.SignedPart) string {
	switch part := part.GetPart().(type) {
	case *abi.SignedPart_Literal:
		return strconv.Quote(part.Literal)
	case *abi.SignedPart_Secret:
		return secretText(part.Secret)
	case *abi.SignedPart_Method:
		return "method"
	case *abi.SignedPart_Path:
		return "path"
	case *abi.SignedPart_Body:
		return "body"
	case *abi.SignedPart_Header:
		return "header:" + part.Header
	}
	return ""
}

type outcomeText struct {
	Verdict           string          `json:"verdict"`
	Status            string          `json:"status,omitempty"`
	ProviderReference string          `json:"provider_reference,omitempty"`
	Amount            *moneyText      `json:"amount,omitempty"`
	Received          *moneyText      `json:"received,omitempty"`
	Fee               *moneyText      `json:"fee,omitempty"`
	NextAction        *nextActionText `json:"next_action,omitempty"`
	Failure           *failureText    `json:"failure,omitempty"`
	EchoedReference   string          `json:"echoed_reference,omitempty"`
	ExpiresAt         string          `json:"expires_at,omitempty"`
	Quote             *quoteText      `json:"quote,omitempty"`
	Cursor            string          `json:"cursor,omitempty"`
	Alert             string          `json:"alert,omitempty"`
	accountText
	Output json.RawMessage `json:"output,omitempty"`
}

// accountText is what an account holds.
type accountText struct {
	Balances     []balanceText     `json:"balances,omitempty"`
	Rates        []rateText        `json:"rates,omitempty"`
	Transactions []transactionText `json:"transactions,omitempty"`
	Items        []itemText        `json:"items,omitempty"`
}

type balanceText struct {
	Available *moneyText `json:"available,omitempty"`
	Held      *moneyText `json:"held,omitempty"`
	Wallet    string     `json:"wallet,omitempty"`
}

type transactionText struct {
	ID                string     `json:"id"`
	At                string     `json:"at"`
	Amount            *moneyText `json:"amount"`
	Fee               *moneyText `json:"fee,omitempty"`
	FeeIncluded       bool       `json:"fee_included,omitempty"`
	Kind              string     `json:"kind,omitempty"`
	Status            string     `json:"status,omitempty"`
	Reference         string     `json:"reference,omitempty"`
	ProviderReference string     `json:"provider_reference,omitempty"`
}

type itemText struct {
	Code        string      `json:"code"`
	Name        string      `json:"name,omitempty"`
	Category    string      `json:"category,omitempty"`
	Currency    string      `json:"currency,omitempty"`
	CurrencyOut string      `json:"currency_out,omitempty"`
	Bounds      []boundText `json:"bounds,omitempty"`
}

type quoteText struct {
	Pays      *moneyText   `json:"pays"`
	Gets      *moneyText   `json:"gets"`
	Rate      *rateText    `json:"rate,omitempty"`
	Fees      []*moneyText `json:"fees,omitempty"`
	Bounds    []boundText  `json:"bounds,omitempty"`
	ExpiresAt string       `json:"expires_at,omitempty"`
}

type rateText struct {
	From *moneyText `json:"from"`
	To   *moneyText `json:"to"`
}

type boundText struct {
	Currency string `json:"currency"`
	Min      string `json:"min,omitempty"`
	Max      string `json:"max,omitempty"`
}

type moneyText struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type nextActionText struct {
	Type    string     `json:"type"`
	URL     string     `json:"url,omitempty"`
	Address string     `json:"address,omitempty"`
	Network string     `json:"network,omitempty"`
	Amount  *moneyText `json:"amount,omitempty"`
	Memo    string     `json:"memo,omitempty"`
	Text    string     `json:"text,omitempty"`
}

// failureText is a failure with what the manifest makes of it, so that a vector shows what the host will do.
type failureText struct {
	ProviderCode string `json:"provider_code,omitempty"`
	Message      string `json:"message,omitempty"`
	Meaning      string `json:"meaning,omitempty"`
	Code         string `json:"code,omitempty"`
}

type rejectText struct {
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

type errorText struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type receiptText struct {
	Trust             string       `json:"trust"`
	Reference         string       `json:"reference,omitempty"`
	ProviderReference string       `json:"provider_reference,omitempty"`
	Signature         string       `json:"signature,omitempty"`
	SignatureValue    string       `json:"signature_value,omitempty"`
	Outcome           *outcomeText `json:"outcome,omitempty"`
	DedupeKey         string       `json:"dedupe_key,omitempty"`
	Reply             *replyText   `json:"reply,omitempty"`
}

type replyText struct {
	Status      uint32 `json:"status"`
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`
}

// newOutcomeText writes an outcome down. rule finds what the manifest states of a provider's code.
func newOutcomeText(outcome *abi.Outcome, rule func(code string) *abi.FailureRule) *outcomeText {
	if outcome == nil {
		return nil
	}
	text := &outcomeText{
		Verdict:           abi.NameOf(outcome.GetVerdict(), "VERDICT_"),
		ProviderReference: outcome.GetProviderReference(),
		Amount:            newMoneyText(outcome.GetAmount()),
		Received:          newMoneyText(outcome.GetReceived()),
		Fee:               newMoneyText(outcome.GetFee()),
		NextAction:        newNextActionText(outcome.GetNextAction()),
		Failure:           newFailureText(outcome, rule),
		EchoedReference:   outcome.GetEchoedReference(),
		ExpiresAt:         timeText(outcome.GetExpiresMs()),
		Quote:             newQuoteText(outcome.GetQuote()),
		Cursor:            outcome.GetCursor(),
		Alert:             outcome.GetAlert(),
		accountText:       newAccountText(outcome),
		Output:            outcome.GetOutput(),
	}
	if status := outcome.GetStatus(); status != abi.Status_STATUS_UNSPECIFIED {
		text.Status = abi.NameOf(status, "STATUS_")
	}
	return text
}

func newQuoteText(quote *abi.Quote) *quoteText {
	if quote == nil {
		return nil
	}
	text := &quoteText{
		Pays: newMoneyText(quote.GetPays()), Gets: newMoneyText(quote.GetGets()),
		Bounds: newBoundTexts(quote.GetBounds()), ExpiresAt: timeText(quote.GetExpiresMs()),
	}
	if rate := quote.GetRate(); rate != nil {
		text.Rate = &rateText{From: newMoneyText(rate.GetFrom()), To: newMoneyText(rate.GetTo())}
	}
	for _, fee := range quote.GetFees() {
		text.Fees = append(text.Fees, newMoneyText(fee))
	}
	return text
}

func newBoundTexts(bounds []*abi.Bound) []boundText {
	var texts []boundText
	for _, bound := range bounds {
		texts = append(texts, boundText{Currency: bound.GetCurrency(), Min: bound.GetMin(), Max: bound.GetMax()})
	}
	return texts
}

func newAccountText(outcome *abi.Outcome) (text accountText) {
	for _, balance := range outcome.GetBalances() {
		text.Balances = append(text.Balances,
			balanceText{newMoneyText(balance.GetAvailable()), newMoneyText(balance.GetHeld()), balance.GetWallet()})
	}
	for _, rate := range outcome.GetRates() {
		text.Rates = append(text.Rates, rateText{newMoneyText(rate.GetFrom()), newMoneyText(rate.GetTo())})
	}
	for _, entry := range outcome.GetTransactions() {
		text.Transactions = append(text.Transactions, transactionText{
			ID: entry.GetId(), At: timeText(entry.GetAtMs()), Amount: newMoneyText(entry.GetAmount()),
			Fee:         newMoneyText(entry.GetFee()),
			FeeIncluded: entry.GetFeeIncluded(), Kind: entry.GetKind(), Status: entry.GetStatus(),
			Reference:         entry.GetReference(),
			ProviderReference: entry.GetProviderReference(),
		})
	}
	for _, item := range outcome.GetItems() {
		text.Items = append(text.Items, itemText{
			Code: item.GetCode(), Name: item.GetName(), Category: item.GetCategory(), Currency: item.GetCurrency(),
			CurrencyOut: item.GetCurrencyOut(),
			Bounds:      newBoundTexts(item.GetBounds()),
		})
	}
	return text
}

func newMoneyText(money *abi.Money) *moneyText {
	if money == nil {
		return nil
	}
	return &moneyText{Amount: money.GetAmount(), Currency: money.GetCurrency()}
}

func newNextActionText(action *abi.NextAction) *nextActionText {
	switch action := action.GetAction().(type) {
	case *abi.NextAction_Redirect:
		return &nextActionText{Type: "redirect", URL: action.Redirect.GetUrl()}
	case *abi.NextAction_PayTo:
		to := action.PayTo
		return &nextActionText{
			Type: "pay_to", Address: to.GetAddress(), Network: to.GetNetwork(), Amount: newMoneyText(to.GetAmount()),
			Memo: to.GetMemo(),
		}
	case *abi.NextAction_Instructions:
		instructions := action.Instructions
		return &nextActionText{
			Type: "instructions", URL: instructions.GetUrl(), Amount: newMoneyText(instructions.GetAmount()),
			Text: instructions.GetText(),
		}
	}
	return nil
}

func newFailureText(outcome *abi.Outcome, rule func(code string) *abi.FailureRule) *failureText {
	failure := outcome.GetFailure()
	if failure == nil {
		return nil
	}
	text := &failureText{ProviderCode: failure.GetProviderCode(), Message: failure.GetMessage()}
	if outcome.GetVerdict() == abi.Verdict_VERDICT_UNREADABLE {
		return text
	}
	text.Meaning = "unlisted"
	if found := rule(failure.GetProviderCode()); found != nil {
		text.Meaning, text.Code = abi.NameOf(found.GetMeaning(), "MEANING_"), found.GetCode()
	}
	return text
}

func newRejectText(reject *abi.Reject) *rejectText {
	return &rejectText{Code: reject.GetCode(), Field: reject.GetField(), Message: reject.GetMessage()}
}

func newErrorText(fault *abi.Error) *errorText {
	return &errorText{Code: abi.NameOf(fault.GetCode(), "CODE_"), Message: fault.GetMessage()}
}

func newReceiptText(receipt *abi.Receipt, rule func(code string) *abi.FailureRule) *receiptText {
	text := &receiptText{
		Trust:             abi.NameOf(receipt.GetTrust(), "TRUST_"),
		Reference:         receipt.GetReference(),
		ProviderReference: receipt.GetProviderReference(),
		Signature:         signatureText(receipt.GetSignature()),
		SignatureValue:    receipt.GetSignatureValue(),
		Outcome:           newOutcomeText(receipt.GetOutcome(), rule),
		DedupeKey:         receipt.GetDedupeKey(),
	}
	if reply := receipt.GetReply(); reply != nil {
		text.Reply = &replyText{
			Status: reply.GetStatus(), ContentType: reply.GetContentType(),
			Body: string(reply.GetBody()),
		}
	}
	return text
}

// jsonText writes a value as a vector's section: indented, one member a line, in a fixed order.
func jsonText(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("write as JSON: %w", err)
	}
	return text.String(), nil
}

// restate reads a section that people may have laid out in their own way, and writes it as jsonText does; a member that
// the format does not have is an error.
func restate[T any](section []byte) (string, error) {
	value := new(T)
	if err := readStrictly(section, value); err != nil {
		return "", err
	}
	return jsonText(value)
}

func readStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read as JSON: %w", err)
	}
	if decoder.More() {
		return fmt.Errorf("read as JSON: more than one value")
	}
	return nil
}
