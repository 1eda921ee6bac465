package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/config"
)

func TestASimulatedAccountMayGoToNoHostThatItsPluginNames(t *testing.T) {
	t.Parallel()
	manifests := []*abi.Manifest{
		{Hosts: []string{"pay.example", "api.example"}},
		{Hosts: []string{"api.example", "new.example"}},
	}
	require.Equal(t, []string{"api.example", "new.example", "pay.example"}, further(&config.Provider{}, manifests))
	require.Empty(t, further(&config.Provider{Simulated: true}, manifests))
}
