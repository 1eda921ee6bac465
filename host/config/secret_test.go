package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func withSecrets(t *testing.T, references string) *Config {
	t.Helper()
	return read(t, "providers: {a: {plugin: p, secrets: {"+references+"}}}\nrules: [{name: d, to: a}]")
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestSecretsAreResolved(t *testing.T) {
	t.Parallel()
	config := withSecrets(t, "token: env:TOKEN, key: 'file:"+secretFile(t, "from file\r\n")+"'")
	secrets, err := config.Secrets([]string{"TOKEN=from=env", "OTHER=x"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "from=env", "key": "from file"}, secrets.For("a"))
	require.Empty(t, secrets.For("b"))
}

func TestSecretsThatCannotBeResolved(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	empty, large := secretFile(t, "\n"), secretFile(t, strings.Repeat("x", 65<<10))
	for _, c := range []struct{ claim, reference, problem string }{
		{"not set", "env:TOKEN", `secret "token" (env:TOKEN): the environment variable is not set: export TOKEN=…`},
		{
			"set to nothing", "env:EMPTY",
			`secret "token" (env:EMPTY): the environment variable is not set: export EMPTY=…`,
		},
		{
			"more than one line", "env:LINES",
			`secret "token" (env:LINES): its value holds a control character: write it in one line`,
		},
		{"no file", "file:" + missing, `secret "token" (file:` + missing + `): the file cannot be read: open ` +
			missing + `: no such file or directory`},
		{"an empty file", "file:" + empty, `secret "token" (file:` + empty +
			`): the file is empty: write the secret into it`},
		{"a large file", "file:" + large, `secret "token" (file:` + large +
			`): the file cannot be read: it is too large for a secret`},
	} {
		secrets, err := withSecrets(t, "token: '"+c.reference+"'").Secrets([]string{"EMPTY=", "LINES=a\nb"})
		require.Equal(t, []string{`routing.yaml:1:45: provider "a": ` + c.problem}, problems(err), c.claim)
		require.Empty(t, secrets.For("a"), c.claim)
	}
}

func TestMissingSecretsAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := withSecrets(t, "one: env:ONE, two: env:TWO").Secrets(nil)
	require.Len(t, problems(err), 2)
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	secrets, err := withSecrets(t, "token: env:TOKEN").Secrets([]string{"TOKEN=sesame"})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("secrets", secrets),
		slog.Any("inside", struct{ S Secrets }{secrets}))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("secrets", secrets),
		slog.Any("inside", struct{ S Secrets }{secrets}))
	marshalled, err := json.Marshal(map[string]any{"secrets": secrets})
	require.NoError(t, err)
	for _, shown := range []string{
		fmt.Sprint(secrets), fmt.Sprintf("%+v %#v %v", secrets, secrets, &secrets),
		fmt.Sprintf("%s %q %x", secrets, secrets, secrets),
		string(marshalled), log.String(),
	} {
		require.NotContains(t, shown, "sesame")
		require.NotContains(t, shown, "736573616d65")
	}
}
