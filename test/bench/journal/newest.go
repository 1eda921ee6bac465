package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"payrouter/test/bench/load"
)

// newest are the paths of the payments that a router lists first.
func newest(ctx context.Context, address string) (paths []string, err error) {
	request, err := load.Get(address, "/v1/payments")(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	for _, one := range list.Data {
		paths = append(paths, "/v1/payments/"+one.ID)
	}
	if len(paths) == 0 {
		return nil, errors.New("the router lists no payments")
	}
	return paths, nil
}
