package main

import (
	"fmt"

	"payrouter/host/api"
)

type openAPICommand struct{}

func (openAPICommand) Run(h *host) error {
	document, err := api.OpenAPI(version)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.stdout, "%s\n", document)
	return err
}

type pluginCommand struct{}
