package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// The pages of FaultPage: what something between the caller and the provider answers in the provider's place.
const (
	PageApache     = "apache"
	PageNginx      = "nginx"
	PageIIS        = "iis"
	PageCloudflare = "cloudflare"
	PageWAF        = "waf"
	// PageGateway is an API gateway's JSON: {"message":"Forbidden"}.
	PageGateway = "gateway"
	// PageStranger is JSON of a service that is not the provider.
	PageStranger = "stranger"
	// PageEmpty has no body.
	PageEmpty = "empty"
)

// webPage is one of the pages: its body contains its status, as the real ones do.
type webPage struct {
	header http.Header
	body   func(status int) string
}

//nolint:gochecknoglobals // a table
var webPages = map[string]webPage{
	PageApache: {
		http.Header{"Server": {"Apache"}, "Content-Type": {"text/html; charset=iso-8859-1"}},
		func(status int) string {
			return fmt.Sprintf(`<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>%[1]d %[2]s</title>
</head><body>
<h1>%[2]s</h1>
<p>You don't have permission to access this resource.</p>
</body></html>
`, status, http.StatusText(status))
		},
	},
	PageNginx: {http.Header{"Server": {"nginx"}, "Content-Type": {"text/html"}}, func(status int) string {
		return fmt.Sprintf(
			"<html>\r\n<head><title>%[1]d %[2]s</title></head>\r\n<body>\r\n<center><h1>%[1]d %[2]s</h1></center>\r\n"+
				"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n", status, http.StatusText(status))
	}},
	PageIIS: {http.Header{"Server": {"Microsoft-IIS/10.0"}, "Content-Type": {"text/html"}}, func(status int) string {
		return fmt.Sprintf(`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" `+
			`"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>%[1]d - %[2]s</title></head>
<body><div id="header"><h1>Server Error</h1></div><div id="content"><fieldset><h2>%[1]d - %[2]s</h2>`+
			`</fieldset></div></body></html>
`, status, http.StatusText(status))
	}},
	PageCloudflare: {http.Header{
		"Server": {"cloudflare"}, "Cf-Ray": {"8a11d0c5e0004000-FRA"},
		"Content-Type": {"text/html; charset=UTF-8"},
	}, func(status int) string {
		return fmt.Sprintf(`<!DOCTYPE html>
<html lang="en-US"><head><title>Attention Required! | Cloudflare</title></head>
<body><div id="cf-wrapper"><div id="cf-error-details"><h1><span>Error</span> <span>%d</span></h1>`+
			`<h2>Sorry, you have been blocked</h2>
<p>Ray ID: <strong>8a11d0c5e0004000</strong></p></div></div></body></html>
`, status)
	}},
	PageWAF: {
		http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Cache-Control": {"no-cache"}},
		func(status int) string {
			return fmt.Sprintf(
				"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please "+
					"consult "+
					"with your administrator.<br><br>"+
					"Your support ID is: 1234567890123456789 (%d)</body></html>", status)
		},
	},
	PageGateway: {
		http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {"ForbiddenException"}},
		func(status int) string {
			return fmt.Sprintf(`{"message":%q}`, http.StatusText(status))
		},
	},
	PageStranger: {http.Header{"Content-Type": {"application/json; charset=utf-8"}}, func(status int) string {
		return fmt.Sprintf(
			`{"error":{"status":%d,"reason":"denied","details":[]},`+
				`"request_id":"7f1d0c5e-0000-4000-8000-000000000001"}`, status)
	}},
	PageEmpty: {http.Header{}, func(int) string { return "" }},
}

// Pages are the names of the pages that FaultPage has.
func Pages() []string { return slices.Sorted(maps.Keys(webPages)) }

func (f Fault) validatePage() error {
	if f.Kind != FaultPage {
		if f.Page != "" {
			return fmt.Errorf("page %q: only the kind %q has one", f.Page, FaultPage)
		}
		return nil
	}
	var problems []error
	if _, known := webPages[f.Page]; !known {
		problems = append(problems, fmt.Errorf("page %q is not one of %s", f.Page, strings.Join(Pages(), ", ")))
	}
	if f.Status == 0 {
		problems = append(problems, errors.New("a page without a status: set status, as in 403"))
	}
	return errors.Join(problems...)
}

func deliverPage(_ *site, w http.ResponseWriter, _ *http.Request, f Fault, _ simulator.Answer) bool {
	page := webPages[f.Page]
	a := simulator.Answer{Status: f.Status, Header: page.header.Clone(), Body: []byte(page.body(f.Status))}
	if f.RetryAfter != "" {
		a.Header.Set("Retry-After", f.RetryAfter)
	}
	a.Write(w)
	return true
}
