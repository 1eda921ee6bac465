package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"aead.dev/minisign"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
	"payrouter/host/wasm/checked"
)

// signaturePassword names the variable that has the password of a signing key.
const signaturePassword = "ROUTER_SIGNING_PASSWORD"

type pluginKeygenCommand struct {
	Name string `arg:"" help:"The pair is written to NAME.key, which stays with you, and NAME.pub."`
}

func (p *pluginKeygenCommand) Run(h *host) error {
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	secret, err := private.MarshalText()
	password := variable(h.environ, signaturePassword)
	if err == nil && password != "" {
		secret, err = minisign.EncryptKey(password, private)
	}
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	shown, err := public.MarshalText()
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	if err := writeNew(p.Name+".key", secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(p.Name+".pub", shown, 0o644); err != nil {
		return err
	}
	protected := "is not protected by a password: set " + signaturePassword + " to have that"
	if password != "" {
		protected = "is protected by the password of " + signaturePassword
	}
	_, err = fmt.Fprintf(h.stdout, "%s.key signs, and %s\n%s.pub verifies: serve --plugin-key %s\n", p.Name, protected,
		p.Name, public)
	return err
}

// writeNew writes a file that is not there yet.
func writeNew(path string, content []byte, mode os.FileMode) error {
	//nolint:gosec // G304: where the operator says
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	_, err = file.Write(append(content, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return nil
}

type pluginSignCommand struct {
	File     string `arg:"" type:"existingfile" help:"The module, *.wasm. The signature goes to FILE.minisig."`
	Key      string `required:"" type:"path" help:"The signing key, as keygen or minisign made it."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

func (p *pluginSignCommand) Run(h *host) error {
	code, manifest, err := described(h, p.File, p.Compiled)
	if err != nil {
		return err
	}
	key, err := signingKey(h, p.Key)
	if err != nil {
		return err
	}
	statement := signature.Of(manifest.GetName(), manifest.GetVersion(), code)
	//nolint:gosec // G306: for everybody to read
	if err := os.WriteFile(p.File+".minisig", signature.Sign(key, code, statement), 0o644); err != nil {
		return fmt.Errorf("write the signature: %w", err)
	}
	_, err = fmt.Fprintf(h.stdout, "%s.minisig signs %s %s, sha256 %s\n", p.File, statement.Name, statement.Version,
		statement.Digest)
	return err
}

func signingKey(h *host, path string) (minisign.PrivateKey, error) {
	var key minisign.PrivateKey
	text, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own file
	if err != nil {
		return key, fmt.Errorf("read the signing key: %w", err)
	}
	if !minisign.IsEncrypted(text) {
		if err := key.UnmarshalText(text); err != nil {
			return key, fmt.Errorf("read the signing key of %s: %w", path, err)
		}
		return key, nil
	}
	password := variable(h.environ, signaturePassword)
	if password == "" {
		return key, fmt.Errorf("the signing key of %s is protected: put its password into %s", path, signaturePassword)
	}
	key, err = minisign.DecryptKey(password, text)
	if err != nil {
		return key, fmt.Errorf("open the signing key of %s: %w", path, err)
	}
	return key, nil
}

type pluginVerifyCommand struct {
	File      string   `arg:"" type:"existingfile" help:"The module, *.wasm."`
	PluginKey []string `name:"plugin-key" required:"" help:"As of serve: KEY or PLUGIN=KEY; repeatable."`
	Signature string   `type:"path" help:"The signature, where it is not FILE.minisig."`
	Compiled  string   `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

func (p *pluginVerifyCommand) Run(h *host) error {
	keys, err := signature.ReadKeys(p.PluginKey)
	if err != nil {
		return err
	}
	path := p.Signature
	if path == "" {
		path = p.File + ".minisig"
	}
	signed, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own file
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the signature: %w", err)
	}
	code, err := os.ReadFile(p.File)
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	statement, err := keys.Verify(code, signed)
	if err != nil {
		return fmt.Errorf("%s: %w", p.File, err)
	}
	// A signature does not prove that the manifest is true. Only a module that is trusted is run to find out.
	_, manifest, err := described(h, p.File, p.Compiled)
	if err != nil {
		return err
	}
	if manifest.GetName() != statement.Name || manifest.GetVersion() != statement.Version {
		return fmt.Errorf("%s: %w: as %s %s, and it is %s %s",
			p.File, signature.ErrStatement, statement.Name, statement.Version, manifest.GetName(),
			manifest.GetVersion())
	}
	_, err = fmt.Fprintf(h.stdout, "%s is %s %s, sha256 %s, signed with a trusted key\n", p.File, statement.Name,
		statement.Version, statement.Digest)
	return err
}

// described reads a module and asks it for its manifest.
func described(h *host, path, compiled string) (code []byte, manifest *abi.Manifest, err error) {
	code, err = os.ReadFile(path) //nolint:gosec // G304: the operator's own file
	if err != nil {
		return nil, nil, fmt.Errorf("read the module: %w", err)
	}
	generation, closer, err := openModule(h, code, compiled)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return code, generation.Manifest(), closer()
}

// openModule makes a generation of a module, to use it here.
func openModule(h *host, code []byte, compiled string) (generation *plugin.Generation, closer func() error, err error) {
	compiler, err := wasm.New(compiled, wasm.Options{Logger: h.log})
	if err != nil {
		return nil, nil, err
	}
	registry := plugin.NewRegistry(compiler, plugin.Settings{Record: -1})
	closer = func() error {
		ctx := context.WithoutCancel(h.ctx)
		return errors.Join(registry.Close(ctx), compiler.Close(ctx))
	}
	report, err := registry.Install(h.ctx, plugin.Candidate{Code: code, Source: "command line"})
	if err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	generation, _ = registry.Current(report.Name)
	return generation, closer, nil
}

type pluginInspectCommand struct {
	File     string `arg:"" type:"existingfile" help:"The module, *.wasm."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

func (p *pluginInspectCommand) Run(h *host) (err error) {
	code, err := os.ReadFile(p.File)
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	found, refused := wasm.Inspect(code)
	var text strings.Builder
	_, _ = fmt.Fprintf(&text,
		"sha256     %s\nsize       %d bytes, %d functions, %d KiB of memory at first\ncontract   version %d\n",
		found.Digest, found.Size, found.Functions, found.Memory>>10, found.Major)
	printList(&text, "imports", found.Imports)
	printList(&text, "exports", found.Exports)
	if refused != nil {
		return errors.Join(write(h, text.String()), fmt.Errorf("%s: %w", p.File, refused))
	}
	compiler, err := wasm.New(p.Compiled, wasm.Options{Logger: h.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, compiler.Close(context.WithoutCancel(h.ctx))) }()
	report, err := check.Module(h.ctx, checked.New(compiler), code)
	if err != nil {
		return err
	}
	if report.Manifest == nil {
		return errors.Join(write(h, text.String()),
			fmt.Errorf("%s has no manifest: run \"router plugin check\" for the reason", p.File))
	}
	printManifest(&text, report.Manifest)
	_, _ = fmt.Fprintf(&text, "fuel       at most %d for an everyday call; memory reached %d KiB\n", report.Fuel,
		report.Memory>>10)
	return write(h, text.String())
}

func write(h *host, text string) error {
	_, err := io.WriteString(h.stdout, text)
	return err
}

func printList(text *strings.Builder, title string, lines []string) {
	for _, line := range lines {
		_, _ = fmt.Fprintf(text, "%-10s %s\n", title, line)
		title = ""
	}
}

func printManifest(text *strings.Builder, m *abi.Manifest) {
	_, _ = fmt.Fprintf(text, "plugin     %s %s (%s)\n", m.GetName(), m.GetVersion(), m.GetTitle())
	printList(text, "base URL", []string{m.GetBaseUrl()})
	printList(text, "hosts", m.GetHosts())
	var secrets, operations, flows []string
	for _, secret := range m.GetSecrets() {
		line := secret.GetName() + ": " + secret.GetSummary()
		if secret.GetOptional() {
			line += " (optional)"
		}
		secrets = append(secrets, line)
	}
	for _, flow := range m.GetFlows() {
		var actions []string
		for _, action := range flow.GetActions() {
			actions = append(actions, lower(action.GetRole(), "ROLE_")+" "+action.GetOperation())
		}
		flows = append(flows, lower(flow.GetKind(), "KIND_")+": "+strings.Join(actions, ", "))
	}
	for _, operation := range m.GetOperations() {
		operations = append(operations,
			operation.GetName()+" ("+lower(operation.GetIdempotency(), "IDEMPOTENCY_")+"): "+operation.GetSummary())
	}
	printList(text, "secrets", secrets)
	printList(text, "takes", flows)
	printList(text, "operations", operations)
}

func lower(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(value.String(), prefix))
}

// sum names a module by its bytes.
func sum(code []byte) string { return signature.Of("", "", code).Digest }
