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
	secrets, err := config.Secrets(Sources{Environ: []string{"TOKEN=from=env", "OTHER=x"}})
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
			`secret "token" (env:LINES): its value holds a line break, a control character or a character outside ASCII: ` +
				`write it whole, in one line`,
		},
		{"half a value", "env:HALF", `secret "token" (env:HALF): its value is shorter than 8 bytes: masking it would ` +
			`change unrelated text: write it whole, in one line`},
		{"a blank at its end", "env:BLANK", `secret "token" (env:BLANK): its value starts or ends with a space: ` +
			`write it whole, in one line`},
		{"no credentials", "credential:token", `secret "token" (credential:token): CREDENTIALS_DIRECTORY is not set: ` +
			`let systemd pass the credential, by LoadCredential=token:/path in the service's unit`},
		{"a folder", "file:/", `secret "token" (file:/): the file cannot be read: it is not a regular file, ` +
			`and is read more than once`},
		{"no file", "file:" + missing, `secret "token" (file:` + missing + `): the file cannot be read: stat ` +
			missing + `: no such file or directory`},
		{"an empty file", "file:" + empty, `secret "token" (file:` + empty +
			`): the file is empty: write the secret into it`},
		{"a large file", "file:" + large, `secret "token" (file:` + large +
			`): the file cannot be read: it is too large for a secret`},
	} {
		secrets, err := withSecrets(t, "token: '"+c.reference+"'").Secrets(Sources{Environ: []string{
			"EMPTY=", "LINES=a-first-line\nb", "HALF=1234567", "BLANK=12345678 ",
		}})
		require.Equal(t, []string{`routing.yaml:1:45: provider "a": ` + c.problem}, problems(err), c.claim)
		require.Empty(t, secrets.For("a"), c.claim)
	}
}

func TestReferencesThatAreNone(t *testing.T) {
	t.Parallel()
	for reference, problem := range map[string]string{
		"sesame-open": `secret "token" is not a reference: put its value into an environment variable or a file, and ` +
			`write env:NAME, file:/path or credential:NAME`,
		"file:relative": `secret "token" names a file without its full path: write file:/path, from the root`,
		"credential:../x": `secret "token" names a credential by a path: write credential:NAME, the name that the ` +
			`service's unit gives it`,
		"credential:..": `secret "token" names a credential by a path: write credential:NAME, the name that the ` +
			`service's unit gives it`,
	} {
		_, err := Read("routing.yaml", []byte("providers: {a: {plugin: p, secrets: {token: '"+reference+
			"'}}}\nrules: [{name: d, to: a}]"), nil)
		require.Equal(t, []string{"routing.yaml:1:45: " + problem}, problems(err), reference)
	}
}

// systemd puts a service's credentials into a folder that it names in the environment.
func TestACredentialOfSystemdIsRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "paygram.token"), []byte("sesame-open\n"), 0o400))
	secrets, err := withSecrets(t, "token: credential:paygram.token").Secrets(
		Sources{Environ: []string{"CREDENTIALS_DIRECTORY=" + folder}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "sesame-open"}, secrets.For("a"))
}

func TestAFileOfVariablesTakesPrecedence(t *testing.T) {
	t.Parallel()
	file := secretFile(t, "# a comment\n\nTOKEN=from = the 'file'\r\nOTHER=x\n")
	from := Sources{Environ: []string{"TOKEN=from-the-environment", "KEY=only-in-the-environment"}, EnvFile: file}
	c := withSecrets(t, "token: env:TOKEN, key: env:KEY")
	secrets, err := c.Secrets(from)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "from = the 'file'", "key": "only-in-the-environment"},
		secrets.For("a"))
	require.NoError(t, os.WriteFile(file, []byte("TOKEN=another-value"), 0o600))
	secrets, err = c.Secrets(from)
	require.NoError(t, err)
	require.Equal(t, "another-value", secrets.For("a")["token"])
}

// No value of a file of variables that has a mistake is used, nor the environment's instead; no value is repeated.
func TestAFileOfVariablesWithAMistake(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		"TOKEN":                         "line 1 is not NAME=value: write one variable a line, and # before a comment",
		"A=1\nexport TOKEN=sesame-open": "line 2 is not NAME=value: write one variable a line, and # before a comment",
		`TOKEN="sesame-open"`:           "line 1: the value of TOKEN begins with a quote: write it without quotes",
		"ROUTER_X=sesame-open":          "line 1 sets ROUTER_X, which is read at start only: set it in the environment",
		"TOKEN=sesame-\xff":             "it is not UTF-8: save it as UTF-8",
	} {
		file := secretFile(t, text)
		_, err := withSecrets(t, "token: env:TOKEN").Secrets(
			Sources{Environ: []string{"TOKEN=from-the-environment"}, EnvFile: file})
		require.Equal(t, []string{`routing.yaml:1:45: provider "a": secret "token" (env:TOKEN): the file of variables ` +
			`cannot be read: ` + file + ": " + problem}, problems(err))
	}
}

// Secrets of one account belong together: where one of them cannot be read, the account keeps all of its values.
func TestAnAccountsSecretsChangeTogether(t *testing.T) {
	t.Parallel()
	const rules = "\nrules: [{name: d, to: a}]"
	c := read(t, "providers: {a: {plugin: p, secrets: {login: env:LOGIN, key: env:KEY}}, "+
		"b: {plugin: p, secrets: {key: env:B}}}"+rules)
	former, err := c.Secrets(Sources{Environ: []string{"LOGIN=login-one", "KEY=key-number-one", "B=b-number-one"}})
	require.NoError(t, err)
	again, err := c.Secrets(Sources{Environ: []string{"LOGIN=login-two", "B=b-number-two"}})
	require.Len(t, problems(err), 1)
	next, err := again.Keep(former)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"login": "login-one", "key": "key-number-one"}, next.For("a"))
	require.Equal(t, map[string]string{"key": "b-number-two"}, next.For("b"))
	require.Equal(t, []ChangedSecret{{Provider: "b", Name: "key", Reference: "env:B"}}, next.Changed(former))

	other := read(t, "providers: {a: {plugin: p, secrets: {login: env:LOGIN, key: env:NEW}}}"+rules)
	edited, err := other.Secrets(Sources{Environ: []string{"LOGIN=login-two"}})
	require.Error(t, err)
	_, err = edited.Keep(former)
	require.Len(t, problems(err), 1, "a value of another reference is not this one's")
}

func TestMissingSecretsAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := withSecrets(t, "one: env:ONE, two: env:TWO").Secrets(Sources{})
	require.Len(t, problems(err), 2)
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	secrets, err := withSecrets(t, "token: env:TOKEN").Secrets(Sources{Environ: []string{"TOKEN=sesame-open"}})
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
