package signature_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"payrouter/host/plugin/signature"
)

func pair(t *testing.T) (string, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	return public.String(), private
}

func TestSignatureTellsItsFaultsApart(t *testing.T) {
	t.Parallel()
	ours, key := pair(t)
	_, stranger := pair(t)
	code := []byte("a module's bytes")
	good := signature.Of("paygram", "1.2.0", code)
	signed := signature.Sign(key, code, good)
	for claim, row := range map[string]struct {
		code, signature []byte
		reason          error
		says            string
	}{
		"no signature": {code, nil, signature.ErrUnsigned, "not signed"},
		"a stranger's": {
			code, signature.Sign(stranger, code, good), signature.ErrUntrusted,
			"signed with a key that is not trusted: ",
		},
		"of other bytes": {[]byte("others"), signed, signature.ErrSignatureInvalid, "did not sign these bytes"},
		"another name written in": {
			code, []byte(strings.Replace(string(signed), "name=paygram", "name=payplay", 1)),
			signature.ErrSignatureInvalid, "did not sign",
		},
		"a newer version": {
			code, []byte(strings.Replace(string(signed), "version=1.2.0", "version=9.9.9", 1)),
			signature.ErrSignatureInvalid, "did not sign",
		},
		"garbage":      {code, []byte("\x00garbage"), signature.ErrSignatureInvalid, "does not read as one"},
		"far too long": {code, make([]byte, 1<<20), signature.ErrSignatureInvalid, "1048576 bytes are no signature"},
		"no statement": {
			code, minisign.Sign(key, code), signature.ErrStatement,
			`sign with "router plugin sign"`,
		},
		"of another digest": {
			code, signature.Sign(key, code, signature.Of("paygram", "1.2.0", []byte("old"))),
			signature.ErrStatement, "about other bytes",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			keys, err := signature.ReadKeys([]string{ours})
			require.NoError(t, err)
			_, err = keys.Verify(row.code, row.signature)
			require.ErrorIs(t, err, row.reason)
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestTrustedKeySpeaksForNameAndVersion(t *testing.T) {
	t.Parallel()
	first, _ := pair(t)
	second, key := pair(t)
	file := filepath.Join(t.TempDir(), "second.pub")
	require.NoError(t, os.WriteFile(file, []byte("untrusted comment: ours\n"+second+"\n"), 0o600))
	keys, err := signature.ReadKeys([]string{first, file})
	require.NoError(t, err)
	require.True(t, keys.Any())
	statement := signature.Of("paygram", "1.2.0", []byte("code"))
	said, err := keys.Verify([]byte("code"), signature.Sign(key, []byte("code"), statement))
	require.NoError(t, err)
	require.Equal(t, statement, said)
}

// A publisher's key signs the publisher's own plugins, and no other.
func TestKeyOfOnePluginSignsNoOther(t *testing.T) {
	t.Parallel()
	theirs, key := pair(t)
	ours, release := pair(t)
	file := filepath.Join(t.TempDir(), "theirs.pub")
	require.NoError(t, os.WriteFile(file, []byte(theirs), 0o600))
	code := []byte("code")
	for claim, row := range map[string]struct {
		sources []string
		key     minisign.PrivateKey
		name    string
		says    string
	}{
		"its own":               {[]string{"paygram=" + theirs}, key, "paygram", ""},
		"its own, by a file":    {[]string{"paygram=" + file}, key, "paygram", ""},
		"the second of its own": {[]string{"paygram=" + theirs, "pay-gram2=" + theirs}, key, "pay-gram2", ""},
		"twice the same":        {[]string{theirs, theirs}, key, "payplay", ""},
		"another's": {
			[]string{"paygram=" + theirs, "paygrt=" + theirs},
			key, "payplay",
			" is trusted for paygram, paygrt only, and signed payplay",
		},
		"another's, who has a key too": {
			[]string{"paygram=" + theirs, "payplay=" + ours}, key, "payplay", " is trusted for paygram only, and signed payplay",
		},
		"a key of all plugins beside it": {[]string{"paygram=" + theirs, ours}, release, "paygram", ""},
		"a name that begins like it":     {[]string{"paygram=" + theirs}, key, "paygram-eu", " and signed paygram-eu"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			keys, err := signature.ReadKeys(row.sources)
			require.NoError(t, err)
			_, err = keys.Verify(code, signature.Sign(row.key, code, signature.Of(row.name, "1.0.0", code)))
			if row.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, signature.ErrUntrusted)
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestKeyForAllAndForOneIsAMistake(t *testing.T) {
	t.Parallel()
	key, _ := pair(t)
	for _, sources := range [][]string{{key, "paygram=" + key}, {"paygram=" + key, key}} {
		_, err := signature.ReadKeys(sources)
		require.ErrorContains(t, err, "is given for all plugins and for one")
	}
	_, err := signature.ReadKeys([]string{"./paygram=old.pub"})
	require.ErrorContains(t, err, `"./paygram=old.pub" is neither`)
}

func TestKeysThatAreNoneAreNamed(t *testing.T) {
	t.Parallel()
	_, err := signature.ReadKeys([]string{"no such file"})
	require.ErrorContains(t, err, `trusted key "no such file" is neither a minisign public key nor a file with one`)
	file := filepath.Join(t.TempDir(), "text.pub")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	_, err = signature.ReadKeys([]string{file})
	require.ErrorContains(t, err, "read the trusted key of "+file)
	none, err := signature.ReadKeys(nil)
	require.NoError(t, err)
	require.False(t, none.Any())
	_, err = none.Verify([]byte("code"), nil)
	require.ErrorIs(t, err, signature.ErrUnsigned)
}

// Whatever the bytes are, they are read without a panic, and none but a signature over the code is taken.
func FuzzVerify(f *testing.F) {
	public, key, err := minisign.GenerateKey(nil)
	require.NoError(f, err)
	keys, err := signature.ReadKeys([]string{public.String()})
	require.NoError(f, err)
	good := signature.Sign(key, []byte("code"), signature.Of("paygram", "1.2.0", []byte("code")))
	f.Add(good)
	f.Add([]byte("untrusted comment: x\n\ntrusted comment: y\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if said, err := keys.Verify([]byte("other code"), text); err == nil {
			t.Fatalf("taken: %+v", said)
		}
	})
}
