package callback_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/callback"
)

func TestAddressesStayTheSameAndAreNobodyElses(t *testing.T) {
	t.Parallel()
	secret := []byte(addressSecret)
	a, err := callback.NewAddresses("https://pay.example/base/", secret)
	require.NoError(t, err)
	again, err := callback.NewAddresses("https://pay.example/base", secret)
	require.NoError(t, err)
	other, err := callback.NewAddresses("https://pay.example/base", append([]byte("x"), secret...))
	require.NoError(t, err)
	require.Regexp(t, `^https://pay\.example/base/callbacks/paygrt/[A-Za-z0-9_-]{32}$`, a.Account("paygrt"))
	require.Regexp(t, `^https://pay\.example/base/callbacks/paygrt/pay_1\.[A-Za-z0-9_-]{32}$`,
		a.Payment("paygrt", "pay_1"))
	require.Equal(t, a, again)
	require.Equal(t, a.Payment("paygrt", "pay_1"), again.Payment("paygrt", "pay_1"))
	require.NotEqual(t, a.Account("paygrt"), other.Account("paygrt"))

	hidden, err := callback.NewAddresses("", secret)
	require.NoError(t, err)
	require.Empty(t, hidden.Account("paygrt"))
	require.Empty(t, hidden.Payment("paygrt", "pay_1"))
}

func TestAddressesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, public := range []string{
		"pay.example", "ftp://pay.example", "https://", "https://u:p@pay.example",
		"https://pay.example?x", "https://pay.example#x", ":",
	} {
		_, err := callback.NewAddresses(public, []byte(addressSecret))
		require.ErrorContains(t, err, "https://pay.example.com", public)
	}
	_, err := callback.NewAddresses("https://pay.example", []byte("short"))
	require.ErrorContains(t, err, "32")
}

func TestTheSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	secrets := make([][]byte, 8)
	var makers sync.WaitGroup
	for n := range secrets {
		makers.Go(func() {
			secret, err := callback.Secret(dir)
			if err == nil {
				secrets[n] = secret
			}
		})
	}
	makers.Wait()
	for _, secret := range secrets {
		require.Len(t, secret, 64)
		require.Equal(t, secrets[0], secret)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := files[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.WriteFile(filepath.Join(dir, files[0].Name()), []byte("cut"), 0o600))
	_, err = callback.Secret(dir)
	require.ErrorContains(t, err, "damaged")
	require.NotContains(t, err.Error(), "cut")
}
