package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/vector"
)

// The host computes what the receipt declares. What it will find is computed here in the same way.
func TestTheSignatureIsTheBodysHMAC(t *testing.T) {
	t.Parallel()
	golden, err := vector.Read("testdata/callback.txtar")
	require.NoError(t, err)
	receipt, err := connector{}.Receive(golden.Callback())
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte("made-up-callback-key"))
	mac.Write(golden.Callback().GetBody())
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), receipt.GetSignatureValue())
}
