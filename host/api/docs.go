package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/swaggest/swgui/v5emb"
)

// documentationPath is where the pages for people are.
const documentationPath = "/docs/"

// documentation serves the pages for people. Their Content-Security-Policy allows the scripts of the page by their
// hashes, and nothing of another origin.
func documentation() http.Handler {
	pages := v5emb.New("Payment router", "/openapi.json", documentationPath)
	policy := strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'" + inlineScripts(pages),
		"style-src 'self' 'unsafe-inline'", // Swagger UI sets styles of elements
		"img-src 'self' data:",
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		pages.ServeHTTP(w, r)
	})
}

// inlineScripts are the hashes of the scripts within the page, each after a blank.
func inlineScripts(pages http.Handler) string {
	page := &pageRecorder{header: http.Header{}}
	pages.ServeHTTP(page, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: documentationPath}})
	var sources strings.Builder
	for _, script := range regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page.text.String(), -1) {
		sum := sha256.Sum256([]byte(script[1]))
		sources.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return sources.String()
}

// pageRecorder keeps a page that a handler writes.
type pageRecorder struct {
	header http.Header
	text   strings.Builder
}

// Header implements http.ResponseWriter.
func (p *pageRecorder) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *pageRecorder) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (p *pageRecorder) Write(part []byte) (int, error) { return p.text.Write(part) }
