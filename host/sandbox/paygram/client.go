package paygram

import (
	"net/http"

	"payrouter/host/sandbox/simulator"
)

func (p *provider) clientAnswer(q *request, kind int) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		CallbackAPI *string `json:"callbackApi"`
		tail
	}{q.account.callbackAPI, p.tail(kind)})
}

func (p *provider) clientInfo(q *request) simulator.Answer {
	return p.clientAnswer(q, typeClientInfo)
}

func (p *provider) setCallbackAPI(q *request) simulator.Answer {
	if q.fields.URL != nil && len(*q.fields.URL) > 512 {
		return failure(codeFailed, "url is too long")
	}
	q.account.callbackAPI = q.fields.URL
	return p.clientAnswer(q, typeSetCallbackAPI)
}

// createClient makes an account of its own, behind a token of its own. What the real one takes and gives is not public.
func (p *provider) createClient(q *request) simulator.Answer {
	name := q.fields.Name
	if name == "" {
		return failure(codeFailed, "name is missing")
	}
	if _, taken := p.names[name]; taken {
		return failure(codeDuplicate, "Duplicate name")
	}
	token := p.IDs.UUID()
	p.addAccount(name, token)
	return simulator.JSON(http.StatusOK, struct {
		Name  string `json:"name"`
		Token string `json:"token"`
		tail
	}{name, token, p.tail(typeCreateClient)})
}

// setStandBy takes standBy from the query, and no word for yes. Nothing else changes with it: what the real one does is
// not public.
func (p *provider) setStandBy(q *request) simulator.Answer {
	q.account.standBy = q.Query.Get("standBy") != "false"
	return p.getStandBy(q)
}

func (p *provider) getStandBy(q *request) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		StandBy bool `json:"standBy"`
		tail
	}{q.account.standBy, p.tail(typeUnnamed)})
}
