package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistriesHaveTheirCredentials(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("a-made-up-password\n"), 0o600))
	config := read(t, `registries:
  registry.example:
    username: ci
    password: file:`+file+`
    token_host: auth.registry.example
  127.0.0.1:5000: {allow_private: true, plain_http: true}
  other.example: {username: ci, password: env:OTHER}
`+small)
	found, ok := config.Registry("registry.example")
	require.True(t, ok)
	require.Equal(t, "ci", found.Username)
	require.Equal(t, "auth.registry.example", found.TokenHost)
	require.False(t, found.AllowPrivate)
	password, err := found.Password(Sources{})
	require.NoError(t, err)
	require.Equal(t, "a-made-up-password", password)

	// It is read again each time, so that it may be rotated.
	require.NoError(t, os.WriteFile(file, []byte("the-next-password\n"), 0o600))
	password, err = found.Password(Sources{})
	require.NoError(t, err)
	require.Equal(t, "the-next-password", password)

	local, ok := config.Registry("127.0.0.1:5000")
	require.True(t, ok)
	require.True(t, local.AllowPrivate && local.PlainHTTP)
	password, err = local.Password(Sources{})
	require.NoError(t, err)
	require.Empty(t, password)

	_, ok = config.Registry("127.0.0.1")
	require.False(t, ok)
	require.Equal(t, []string{
		`routing.yaml:7:43: registry "other.example": password (env:OTHER): the environment variable is not set: ` +
			`export OTHER=…`,
	}, problems(config.CheckRegistries(Sources{})))
	require.NoError(t, config.CheckRegistries(Sources{Environ: []string{"OTHER=another-password"}}))
}

func TestMistakesOfRegistries(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`registries: [registry.example]`: `registries is not a mapping`,
		`registries: {"https://registry.example": {}}`: `"https://registry.example" is no registry's name: write its host ` +
			`in lower case`,
		`registries: {Registry.example: {}}`:       `is no registry's name`,
		`registries: {"registry.example:x": {}}`:   `is no registry's name`,
		`registries: {"registry.example:0": {}}`:   `is no registry's name`,
		`registries: {r.example: {pasword: x}}`:    `unknown key "pasword" in a registry: did you mean "password"?`,
		`registries: {r.example: {username: ci}}`:  `registry "r.example" has a half of its credentials`,
		`registries: {r.example: {password: "x"}}`: `secret "password" is not a reference`,
		`registries: {r.example: {password: env:X}}`: `registry "r.example" has a half of its credentials: write both ` +
			`username and password`,
		`registries: {r.example: {plain_http: true}}`:        `plain_http does not serve: remove it`,
		`registries: {r.example: {token_host: "https://a"}}`: `token_host is no host`,
	} {
		_, err := Read("routing.yaml", []byte(text+"\n"+small), nil)
		require.Contains(t, strings.Join(problems(err), "\n"), says, text)
	}
}
