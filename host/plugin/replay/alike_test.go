package replay_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
)

func recordedBuy(t *testing.T, payment *abi.Payment, status abi.Status) replay.Recording {
	t.Helper()
	input, err := (&abi.Call{Operation: "buy", Payment: payment}).MarshalVT()
	require.NoError(t, err)
	answer, err := (&abi.Answer{Result: &abi.Answer_Step{Step: &abi.Step{
		Next: &abi.Step_Done{Done: &abi.Outcome{Status: status}},
	}}}).MarshalVT()
	require.NoError(t, err)
	return replay.Recording{
		Operation: "buy", PaymentID: payment.GetId(), Steps: []replay.Step{{Input: input, Answer: answer}},
	}
}

func TestLastAlikeKeepsEachShape(t *testing.T) {
	t.Parallel()
	common := func(id string) *abi.Payment {
		return &abi.Payment{Id: id, Kind: abi.Kind_KIND_COLLECT, Currency: "EUR", Country: "DE", Method: "card"}
	}
	for name, change := range map[string]func(*abi.Payment, *abi.Status){
		"kind":     func(p *abi.Payment, _ *abi.Status) { p.Kind = abi.Kind_KIND_PAYOUT },
		"currency": func(p *abi.Payment, _ *abi.Status) { p.Currency = "KZT" },
		"country":  func(p *abi.Payment, _ *abi.Status) { p.Country = "KZ" },
		"method":   func(p *abi.Payment, _ *abi.Status) { p.Method = "sepa" },
		"result":   func(_ *abi.Payment, s *abi.Status) { *s = abi.Status_STATUS_FAILED },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rare, status := common("rare"), abi.Status_STATUS_SUCCEEDED
			change(rare, &status)
			recordings := []replay.Recording{recordedBuy(t, rare, status)}
			for i := range 9 {
				recordings = append(recordings, recordedBuy(t, common(fmt.Sprint(i)), abi.Status_STATUS_SUCCEEDED))
			}
			var ids []string
			for _, kept := range replay.LastAlike(recordings) {
				ids = append(ids, kept.PaymentID)
			}
			require.Equal(t, []string{"rare", "4", "5", "6", "7", "8"}, ids)
		})
	}
}

func TestLastAlikeOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := replay.Recording{Operation: "buy", Steps: []replay.Step{{Input: []byte{0xff}}}}
	empty := replay.Recording{Operation: "buy"}
	require.Equal(t, []replay.Recording{broken, empty}, replay.LastAlike([]replay.Recording{broken, empty}))
}

func TestEveryCallbackIsKept(t *testing.T) {
	t.Parallel()
	callbacks := make([]replay.Recording, 20)
	require.Len(t, replay.LastAlike(callbacks), 20)
}
