package payment

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"payrouter/host/routing"
)

// Rules and payments have one list of countries: one that only payments knew would match no rule.
func TestRulesAndPaymentsKnowTheSameCountries(t *testing.T) {
	t.Parallel()
	known := 0
	for first := 'A'; first <= 'Z'; first++ {
		for second := 'A'; second <= 'Z'; second++ {
			code := string([]rune{first, second})
			order := Order{Kind: Collect, Amount: "1", Currency: "EUR", Country: code}
			inPayment := order.Validate(nil, time.Now()) == nil

			var node yaml.Node
			require.NoError(t, yaml.Unmarshal(fmt.Appendf(nil, "- {name: x, when: {country: %q}, to: [a]}", code), &node))
			_, err := routing.Parse("routing.yaml", node.Content[0], nil, nil)

			require.Equal(t, err == nil, inPayment, code)
			if inPayment {
				known++
			}
		}
	}
	require.Equal(t, 249+1, known, "those of ISO 3166-1, and XK")
	for code, mend := range map[string]string{"UK": "write GB", "SU": "alpha-2", "AN": "alpha-2", "de": "write DE"} {
		order := Order{Kind: Collect, Amount: "1", Currency: "EUR", Country: code}
		require.ErrorContains(t, order.Validate(nil, time.Now()), mend, code)
	}
}
