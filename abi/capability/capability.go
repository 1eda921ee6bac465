// Package capability decides which payments an account takes: those that its plugin's manifest declares, as the
// account's own settings narrow them.
package capability

import (
	"slices"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Flows are the flows that an account with these settings takes. A flow with a currencies_setting has the currencies
// that the setting names; without any it is left out. The caller does not change the flows.
func Flows(manifest *abi.Manifest, settings []byte) []*abi.Flow {
	flows := make([]*abi.Flow, 0, len(manifest.GetFlows()))
	for _, flow := range manifest.GetFlows() {
		if name := flow.GetCurrenciesSetting(); name != "" {
			named := currencies(settings, name)
			if len(named) == 0 {
				continue
			}
			narrowed := *flow
			narrowed.Currencies = named
			flow = &narrowed
		}
		flows = append(flows, flow)
	}
	return flows
}

// currencies are those that a setting names, sorted, each once.
func currencies(settings []byte, name string) []string {
	parsed, err := jsontext.Parse(settings)
	if err != nil {
		return nil
	}
	setting := parsed.Get(name)
	var named []string
	setting.Each(func(member string, _ jsontext.Value) { named = append(named, member) })
	for _, item := range setting.Items() {
		named = append(named, item.Text())
	}
	if setting.IsString() {
		named = append(named, setting.Text())
	}
	slices.Sort(named)
	return slices.Compact(named)
}
