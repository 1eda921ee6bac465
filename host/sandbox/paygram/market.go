package paygram

import (
	"encoding/json"
	"net/http"

	"payrouter/host/sandbox/simulator"
)

// The types of the answers about offers.
const (
	typeSimplex     = 23
	typeP2PGroups   = 27
	typeSetP2PGroup = 28
	typeSetBusiness = 29
	typeBusinesses  = 30
)

// offers is what an account has published: their inner fields are not public, and come back as they were sent.
type offers struct {
	groups, businesses []published
}

type published struct {
	owner *user
	value json.RawMessage
}

// list gives the offers' values, or only those of one user.
func list(of []published, owner *user, ownOnly bool) []json.RawMessage {
	values := []json.RawMessage{}
	for _, o := range of {
		if !ownOnly || o.owner == owner {
			values = append(values, o.value)
		}
	}
	return values
}

// simplexQuote sells coins for a card: the payer goes to paymentUrl. Nothing moves here.
func (p *provider) simplexQuote(q *request) simulator.Answer {
	f := q.fields
	if f.RequestAmount == nil || f.RequestAmount.Sign() <= 0 || f.DigitalCurrency == "" || f.FiatCurrency == "" {
		return failure(codeFailed, "Invalid quote request")
	}
	id := p.IDs.UUID()
	return simulator.JSON(http.StatusOK, struct {
		URL string `json:"paymentUrl"`
		ID  string `json:"paymentID"`
		tail
	}{q.Base + "/simplex/" + id, id, p.tail(typeSimplex)})
}

func (p *provider) getP2PGroups(q *request) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		Groups []json.RawMessage `json:"groups"`
		tail
	}{list(q.account.offers.groups, q.user, q.fields.OwnOnly), p.tail(typeP2PGroups)})
}

func (p *provider) setP2PGroup(q *request) simulator.Answer {
	if len(q.fields.GroupInfo) == 0 {
		return failure(codeFailed, "groupInfo is missing")
	}
	q.account.offers.groups = append(q.account.offers.groups, published{q.user, q.fields.GroupInfo})
	return simulator.JSON(http.StatusOK, struct {
		Group json.RawMessage `json:"groupInfo"`
		tail
	}{q.fields.GroupInfo, p.tail(typeSetP2PGroup)})
}

func (p *provider) getBusinesses(q *request) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		Businesses []json.RawMessage `json:"businesses"`
		tail
	}{list(q.account.offers.businesses, q.user, q.fields.OwnOnly), p.tail(typeBusinesses)})
}

func (p *provider) setBusiness(q *request) simulator.Answer {
	if len(q.fields.Business) == 0 {
		return failure(codeFailed, "business is missing")
	}
	q.account.offers.businesses = append(q.account.offers.businesses, published{q.user, q.fields.Business})
	return simulator.JSON(http.StatusOK, struct {
		Business json.RawMessage `json:"business"`
		tail
	}{q.fields.Business, p.tail(typeSetBusiness)})
}
