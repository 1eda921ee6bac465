package sandbox

import (
	"payrouter/host/sandbox/cryptogram"
	"payrouter/host/sandbox/exchanger"
	"payrouter/host/sandbox/paygram"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/payplay"
	"payrouter/host/sandbox/simulator"
)

// The providers, by the prefix under which they stand.
const (
	PayGram    = "paygram"
	Cryptogram = "cryptogram"
	PayPlay    = "payplay"
	Exchanger  = "exchanger"
	Paygrt     = "paygrt"
)

// wired is a provider, and how it is made.
type wired struct {
	name     string
	simulate func(*simulator.Backend) (simulator.Provider, error)
}

// providers are the five, in the order of the documents, with what is theirs of the options.
func (o Options) providers() []wired {
	c := o.Credentials
	return []wired{
		{PayGram, func(b *simulator.Backend) (simulator.Provider, error) {
			tokens := map[string]string{"paygram-eu": c.PayGramEU, "paygram-asia": c.PayGramAsia}
			return paygram.New(b, tokens, o.PayGram), nil
		}},
		{Cryptogram, func(b *simulator.Backend) (simulator.Provider, error) {
			return cryptogram.New(b, c.Cryptogram, o.Cryptogram), nil
		}},
		{PayPlay, func(b *simulator.Backend) (simulator.Provider, error) {
			return payplay.New(b, c.PayPlay, o.PayPlay), nil
		}},
		{Exchanger, func(b *simulator.Backend) (simulator.Provider, error) {
			return exchanger.New(b, c.ExchangerLogin, c.ExchangerKey, o.Exchanger), nil
		}},
		{Paygrt, func(b *simulator.Backend) (simulator.Provider, error) { return paygrt.New(b, c.Paygrt, o.Paygrt) }},
	}
}
