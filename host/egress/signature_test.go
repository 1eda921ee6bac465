package egress_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

func TestSignaturesOfProvidersAreVerified(t *testing.T) {
	t.Parallel()
	const key = "webhook-token-made-up"
	client, err := egress.New(egress.Settings{
		Provider: "a", BaseURL: "https://api.example.com",
		Secrets: map[string]string{"webhook": key},
	})
	require.NoError(t, err)
	sent := egress.Signed{
		Method: http.MethodPost, Path: "/callbacks/a/t", Header: http.Header{"X-Time": {"17"}},
		Body: []byte(`{"id":1}`),
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(sent.Body)
	good := hex.EncodeToString(mac.Sum(nil))
	all := hmac.New(sha256.New, []byte(key))
	all.Write([]byte(`POST/callbacks/a/t17{"id":1}`))
	sum := md5.Sum([]byte(`{"id":1}` + key))
	body := &abi.SignedPart{Part: &abi.SignedPart_Body{Body: true}}
	hexHMAC := func(parts ...*abi.SignedPart) *abi.Signature {
		return &abi.Signature{
			Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "webhook", Encoding: abi.Signature_ENCODING_HEX,
			Parts: parts,
		}
	}
	prefixed := hexHMAC(body)
	prefixed.Prefix = "sha256="
	unknown := hexHMAC(body)
	unknown.Secret = "other"
	hashed := &abi.Signature{
		Algorithm: abi.Signature_ALGORITHM_MD5, Encoding: abi.Signature_ENCODING_BASE64,
		Parts: []*abi.SignedPart{body, {Part: &abi.SignedPart_Secret{Secret: "webhook"}}},
	}
	denied := &egress.DeniedError{}
	for _, row := range []struct {
		what      string
		signature *abi.Signature
		given     string
		err       error
		refused   bool
	}{
		{"an HMAC over the body", hexHMAC(body), good, nil, false},
		{"with a prefix", prefixed, "sha256=" + good, nil, false},
		{"a hash over body and secret", hashed, base64.StdEncoding.EncodeToString(sum[:]), nil, false},
		{
			"an HMAC over everything", hexHMAC(
				&abi.SignedPart{Part: &abi.SignedPart_Method{Method: true}},
				&abi.SignedPart{Part: &abi.SignedPart_Path{Path: true}},
				&abi.SignedPart{Part: &abi.SignedPart_Header{Header: "x-time"}}, body),
			hex.EncodeToString(all.Sum(nil)), nil, false,
		},
		{"another value", hexHMAC(body), good[1:] + "0", egress.ErrSignatureInvalid, false},
		{"without its prefix", prefixed, good, egress.ErrSignatureInvalid, false},
		{"no value", hexHMAC(body), "", egress.ErrSignatureInvalid, false},
		{"a secret that the account does not have", unknown, good, egress.ErrNoSecret, false},
		{
			"a hash that anybody can make",
			&abi.Signature{
				Algorithm: abi.Signature_ALGORITHM_SHA256, Encoding: abi.Signature_ENCODING_HEX,
				Parts: []*abi.SignedPart{body},
			},
			good, nil, true,
		},
		{
			"one that leaves the body out", hexHMAC(&abi.SignedPart{Part: &abi.SignedPart_Method{Method: true}}), good,
			nil, true,
		},
		{"none", nil, "", nil, true},
		{
			"a header that is not there",
			hexHMAC(body, &abi.SignedPart{Part: &abi.SignedPart_Header{Header: "X-None"}}),
			good, nil, true,
		},
	} {
		err := client.Verify(row.signature, row.given, sent)
		switch {
		case row.refused:
			require.ErrorAs(t, err, &denied, row.what)
		case row.err != nil:
			require.ErrorIs(t, err, row.err, row.what)
		default:
			require.NoError(t, err, row.what)
		}
		if err != nil {
			require.NotContains(t, err.Error(), key)
		}
	}
}
