package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

type auditCommand struct {
	Router string `default:"http://127.0.0.1:8080" help:"The router to ask."`
	APIKey string `name:"api-key" env:"ROUTER_API_KEY" help:"An API key with the right audit, where the router has keys."`
	After  int64  `help:"Only entries after this sequence."`
}

// Run prints the log of administrative acts, the oldest first.
func (c *auditCommand) Run(h *host) error {
	target, err := url.JoinPath(c.Router, "/v1/audit/export")
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	if c.After > 0 {
		target += "?after=" + strconv.FormatInt(c.After, 10)
	}
	asker := newAsker(h, c.APIKey, callTimeout)
	defer asker.close()
	entries, err := asker.ask(http.MethodGet, target, nil, nil)
	if err != nil {
		return err
	}
	return write(h, string(entries))
}
