package sandbox

import (
	"net/http"
)

func (p *paygram) clientAnswer(q *paygramRequest, kind int) answer {
	return jsonAnswer(http.StatusOK, struct {
		CallbackAPI *string `json:"callbackApi"`
		paygramTail
	}{q.account.callbackAPI, paygramTail{kind, true}})
}

func (p *paygram) clientInfo(q *paygramRequest) answer {
	return p.clientAnswer(q, paygramClientInfo)
}

func (p *paygram) setCallbackAPI(q *paygramRequest) answer {
	if q.fields.URL != nil && len(*q.fields.URL) > 512 {
		return paygramFailure(paygramFailed, "url is too long")
	}
	q.account.callbackAPI = q.fields.URL
	return p.clientAnswer(q, paygramSetCallbackAPI)
}

// createClient makes an account of its own, behind a token of its own. What the real one takes and gives is not public.
func (p *paygram) createClient(q *paygramRequest) answer {
	name := q.fields.Name
	if name == "" {
		return paygramFailure(paygramFailed, "name is missing")
	}
	if _, taken := p.names[name]; taken {
		return paygramFailure(paygramDuplicate, "Duplicate name")
	}
	token := p.ids.uuid()
	p.addAccount(name, token)
	return jsonAnswer(http.StatusOK, struct {
		Name  string `json:"name"`
		Token string `json:"token"`
		paygramTail
	}{name, token, paygramTail{paygramCreateClient, true}})
}

// setStandBy takes standBy from the query, and no word for yes. Nothing else changes with it: what the real one does is
// not public.
func (p *paygram) setStandBy(q *paygramRequest) answer {
	q.account.standBy = q.query.Get("standBy") != "false"
	return p.getStandBy(q)
}

func (p *paygram) getStandBy(q *paygramRequest) answer {
	return jsonAnswer(http.StatusOK, struct {
		StandBy bool `json:"standBy"`
		paygramTail
	}{q.account.standBy, paygramTail{paygramUnnamed, true}})
}
