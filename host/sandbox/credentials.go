package sandbox

import (
	"cmp"
	"strings"
)

// Credentials are the secrets that the simulated providers accept.
type Credentials struct {
	// PayGramEU and PayGramAsia are the tokens of two accounts at PayGram: UUIDs, sent in the path.
	PayGramEU, PayGramAsia string
	// Cryptogram and PayPlay are bearer tokens.
	Cryptogram, PayPlay string
	// ExchangerLogin and ExchangerKey are sent in API-LOGIN and API-KEY.
	ExchangerLogin, ExchangerKey string
	// Paygrt is sent in api-key.
	Paygrt string
}

// DefaultCredentials are made up, and the same in every sandbox without other settings. Each has its provider's form.
func DefaultCredentials() Credentials {
	return Credentials{
		PayGramEU:      "5a11d0c5-e000-4000-8000-0000000000e1",
		PayGramAsia:    "5a11d0c5-a51a-4000-8000-0000000000a5",
		Cryptogram:     "17|sandboxCryptogramAccessTokenMadeUpForTests",
		PayPlay:        "sandbox-payplay-api-key-made-up-for-tests",
		ExchangerLogin: "SandboxLoginMadeUpForTests000001",
		ExchangerKey:   "SandboxKeyMadeUpForTestsOnly0002",
		Paygrt:         "c2FuZGJveC1wYXlncnQta2V5LW1hZGUtdXAtZm9yLXRlc3Rz",
	}
}

func (c Credentials) orDefault() Credentials {
	d := DefaultCredentials()
	return Credentials{
		PayGramEU:      cmp.Or(c.PayGramEU, d.PayGramEU),
		PayGramAsia:    cmp.Or(c.PayGramAsia, d.PayGramAsia),
		Cryptogram:     cmp.Or(c.Cryptogram, d.Cryptogram),
		PayPlay:        cmp.Or(c.PayPlay, d.PayPlay),
		ExchangerLogin: cmp.Or(c.ExchangerLogin, d.ExchangerLogin),
		ExchangerKey:   cmp.Or(c.ExchangerKey, d.ExchangerKey),
		Paygrt:         cmp.Or(c.Paygrt, d.Paygrt),
	}
}

// Environment is what a router needs in its environment, as "NAME=value", to talk to a sandbox with the default
// credentials at baseURL ("http://127.0.0.1:8081"): for every account of the shipped routing.yaml its base URL, leave
// to dial a loopback address, and its secrets.
func Environment(baseURL string) []string {
	baseURL = strings.TrimSuffix(baseURL, "/")
	c := DefaultCredentials()
	accounts := []struct{ name, provider string }{
		{"PAYGRAM_EU", PayGram},
		{"PAYGRAM_ASIA", PayGram},
		{"CRYPTOGRAM", Cryptogram},
		{"PAYPLAY", PayPlay},
		{"EXCHANGER", Exchanger},
		{"PAYGRT", Paygrt},
	}
	var env []string
	for _, a := range accounts {
		env = append(env,
			"ROUTER_PROVIDERS__"+a.name+"__BASE_URL="+baseURL+"/"+a.provider,
			"ROUTER_PROVIDERS__"+a.name+"__ALLOW_PRIVATE=true",
		)
	}
	return append(env,
		"PAYGRAM_EU_TOKEN="+c.PayGramEU,
		"PAYGRAM_ASIA_TOKEN="+c.PayGramAsia,
		"CRYPTOGRAM_TOKEN="+c.Cryptogram,
		"PAYPLAY_API_KEY="+c.PayPlay,
		"EXCHANGER_API_LOGIN="+c.ExchangerLogin,
		"EXCHANGER_API_KEY="+c.ExchangerKey,
		"PAYGRT_API_KEY="+c.Paygrt,
	)
}
