package hostile

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

//go:embed routing.yaml
var routing []byte

// longAnswers serves the hostile plugin's provider, which answers every order with 200 kB.
func longAnswers() *httptest.Server {
	const long = 200_000
	answer := []byte(`{"filler":"` + strings.Repeat("long ", long/5) + `"}`)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
}

// site is one router with a hostile plugin.
type site struct {
	address  string
	router   *process.Process
	callback string
	client   http.Client
}

// open starts a router in an empty folder, with the module of a shape.
func open(ctx context.Context, s Settings, honestURL, hostileURL, dir string, module []byte) (*site, error) {
	plugins, rules := filepath.Join(dir, "plugins"), filepath.Join(dir, "routing.yaml")
	paygram, err := os.ReadFile(filepath.Join(s.Plugins, "paygram.wasm"))
	if err == nil {
		err = os.MkdirAll(plugins, 0o700)
	}
	for path, content := range map[string][]byte{
		rules: routing, filepath.Join(plugins, "paygram.wasm"): paygram, filepath.Join(plugins, "hostile.wasm"): module,
	} {
		if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the router: %w", err)
	}
	data := filepath.Join(dir, "data")
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"HOSTILE_PAYGRAM_TOKEN=" + sandbox.DefaultCredentials().PayGramEU,
		"ROUTER_PROVIDERS__PAYGRAM__BASE_URL=" + honestURL + "/" + sandbox.PayGram,
		"ROUTER_PROVIDERS__PAYGRAM__ALLOW_PRIVATE=true",
		"ROUTER_PROVIDERS__HOSTILE__BASE_URL=" + hostileURL, "ROUTER_PROVIDERS__HOSTILE__ALLOW_PRIVATE=true",
	}
	router, address, err := process.Serve(ctx, s.Binary, dir, environment, "--data", data,
		"--compiled", filepath.Join(s.Dir, "compiled"), "--routing", rules, "--plugins", plugins)
	if err != nil {
		return nil, err
	}
	opened := &site{address: address, router: router, client: http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 512, IdleConnTimeout: time.Second},
	}}
	if opened.callback, err = callbackOf(ctx, s.Binary, data, rules, address, environment); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

func (s *site) close() {
	s.router.Terminate()
	s.client.CloseIdleConnections()
}

// callbackOf is where the hostile account's callbacks come in.
func callbackOf(ctx context.Context, binary, data, rules, address string, environment []string) (string, error) {
	command := exec.CommandContext(ctx, binary, "callback-urls", "--public-url", "http://"+address, "--data", data,
		"--routing", rules)
	command.Env = environment
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("list the callbacks' addresses: %w", err)
	}
	for word := range strings.FieldsSeq(string(output)) {
		if strings.Contains(word, "/callbacks/hostile/") {
			return word, nil
		}
	}
	return "", errors.New("no callback address of the hostile account")
}

// pay makes a payment at the hostile account, and returns what became of it.
func (s *site) pay(ctx context.Context, key string) string {
	return s.post(ctx, "http://"+s.address+"/v1/payments", key,
		fmt.Sprintf(`{"amount":"49.90","currency":"SEK","country":"SE","reference":%q}`, key))
}

// report sends a callback, and returns how it was answered.
func (s *site) report(ctx context.Context, key string) string {
	return s.post(ctx, s.callback, "", key)
}

func (s *site) post(ctx context.Context, url, key, body string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", `"`+key+`"`)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return "no answer"
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	var payment struct {
		Status  string `json:"status"`
		Failure struct {
			Code string `json:"code"`
		} `json:"failure"`
	}
	if err != nil || answer.StatusCode >= 300 || json.Unmarshal(text, &payment) != nil || payment.Status == "" {
		return fmt.Sprintf("answered %d", answer.StatusCode)
	}
	return strings.TrimSpace(payment.Status + " " + payment.Failure.Code)
}

// plugin is what an operator sees of the hostile plugin.
type plugin struct {
	Generations []struct {
		Quarantine *struct {
			Reason string `json:"reason"`
		} `json:"quarantine"`
	} `json:"generations"`
}

// quarantine is what the plugin is in quarantine for; empty where it is not.
func (p plugin) quarantine() string {
	for _, generation := range p.Generations {
		if generation.Quarantine != nil {
			return generation.Quarantine.Reason
		}
	}
	return ""
}

func (s *site) plugin(ctx context.Context) (shown plugin, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/v1/plugins/hostile", nil)
	if err != nil {
		return shown, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return shown, fmt.Errorf("look at the plugin: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end, or the connection goes
	if err := json.NewDecoder(answer.Body).Decode(&shown); err != nil {
		return shown, fmt.Errorf("look at the plugin: %w", err)
	}
	return shown, nil
}
