package sandbox

import (
	"html/template"
	"net/http"
	"slices"
)

//nolint:gochecknoglobals // parsed once, never changed
var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{.Provider}} sandbox</title>
<h1>{{.Amount}} {{.Currency}}</h1>
<p>{{.Provider}} payment <code>{{.Reference}}</code>, status <b>{{.Status}}</b>. No real money moves here.</p>
{{range .Events}}<form method="post" action="/_sandbox/{{$.Provider}}/payments/{{$.Reference}}/{{.}}">` +
	`<button>{{.}}</button></form>
{{end}}</html>
`))

// servePage shows a payment's page, if path is one's.
func (s *site) servePage(w http.ResponseWriter, path string) bool {
	s.mu.Lock()
	page, ok := s.provider.Page(path)
	s.mu.Unlock()
	if !ok {
		return false
	}
	page.Provider = s.name
	page.Events = slices.Sorted(slices.Values(s.provider.Events()))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pageTemplate.Execute(w, page)
	return true
}
