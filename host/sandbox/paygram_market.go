package sandbox

import (
	"encoding/json"
	"net/http"
)

// The types of the answers about offers.
const (
	paygramSimplex     = 23
	paygramP2PGroups   = 27
	paygramSetP2PGroup = 28
	paygramSetBusiness = 29
	paygramBusinesses  = 30
)

// offers is what an account has published: their inner fields are not public, and come back as they were sent.
type offers struct {
	groups, businesses []published
}

type published struct {
	owner *paygramUser
	value json.RawMessage
}

// list gives the offers' values, or only those of one user.
func list(of []published, owner *paygramUser, ownOnly bool) []json.RawMessage {
	values := []json.RawMessage{}
	for _, o := range of {
		if !ownOnly || o.owner == owner {
			values = append(values, o.value)
		}
	}
	return values
}

// simplexQuote sells coins for a card: the payer goes to paymentUrl. Nothing moves here.
func (p *paygram) simplexQuote(q *paygramRequest) answer {
	f := q.fields
	if f.RequestAmount == nil || f.RequestAmount.sign() <= 0 || f.DigitalCurrency == "" || f.FiatCurrency == "" {
		return paygramFailure(paygramFailed, "Invalid quote request")
	}
	id := p.ids.uuid()
	return jsonAnswer(http.StatusOK, struct {
		URL string `json:"paymentUrl"`
		ID  string `json:"paymentID"`
		paygramTail
	}{q.base + "/simplex/" + id, id, paygramTail{paygramSimplex, true}})
}

func (p *paygram) getP2PGroups(q *paygramRequest) answer {
	return jsonAnswer(http.StatusOK, struct {
		Groups []json.RawMessage `json:"groups"`
		paygramTail
	}{list(q.account.offers.groups, q.user, q.fields.OwnOnly), paygramTail{paygramP2PGroups, true}})
}

func (p *paygram) setP2PGroup(q *paygramRequest) answer {
	if len(q.fields.GroupInfo) == 0 {
		return paygramFailure(paygramFailed, "groupInfo is missing")
	}
	q.account.offers.groups = append(q.account.offers.groups, published{q.user, q.fields.GroupInfo})
	return jsonAnswer(http.StatusOK, struct {
		Group json.RawMessage `json:"groupInfo"`
		paygramTail
	}{q.fields.GroupInfo, paygramTail{paygramSetP2PGroup, true}})
}

func (p *paygram) getBusinesses(q *paygramRequest) answer {
	return jsonAnswer(http.StatusOK, struct {
		Businesses []json.RawMessage `json:"businesses"`
		paygramTail
	}{list(q.account.offers.businesses, q.user, q.fields.OwnOnly), paygramTail{paygramBusinesses, true}})
}

func (p *paygram) setBusiness(q *paygramRequest) answer {
	if len(q.fields.Business) == 0 {
		return paygramFailure(paygramFailed, "business is missing")
	}
	q.account.offers.businesses = append(q.account.offers.businesses, published{q.user, q.fields.Business})
	return jsonAnswer(http.StatusOK, struct {
		Business json.RawMessage `json:"business"`
		paygramTail
	}{q.fields.Business, paygramTail{paygramSetBusiness, true}})
}
