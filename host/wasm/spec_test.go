package wasm_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"payrouter/host/wasm"
)

var update = flag.Bool("update", false, "write testdata/spec.txt and testdata/outcomes.txt")

// The specification's own tests (https://github.com/WebAssembly/spec, Apache License 2.0), which wazero's module has as
// binaries and lists of commands. Nothing of them is copied: they are read where the Go toolchain keeps wazero.
const specFolder = "internal/integration_test/spectest"

// specSuites are the tests of WebAssembly 2.0, and those of proposals, whose modules are refused.
func specSuites() map[string]string {
	return map[string]string{
		"core": "v2/testdata", "tail-call": "tail-call/testdata", "threads": "threads/testdata",
		"exception-handling": "exception-handling/testdata", "extended-const": "extended-const/testdata",
		"typed-function-references": "typed-function-references/testdata",
	}
}

// The specification's tests pass in the metered module as they do in the one that was written, on both of wazero's
// engines, and burn the same fuel on both. testdata/spec.txt counts what ran and names what is refused: a test that is
// left out makes a difference there.
func TestSpecificationHoldsInMeteredModules(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero")
	out, err := list.Output()
	require.NoError(t, err, "find wazero's module")
	root := filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(specFolder))
	host, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	require.NoError(t, err, "wazero's module has the specification's tests")

	var mu sync.Mutex
	var counts []string
	t.Run("all", func(t *testing.T) {
		for suite, folder := range specSuites() {
			scripts, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.json"))
			require.NoError(t, err)
			require.NotEmpty(t, scripts, suite)
			for _, path := range scripts {
				name := suite + "/" + strings.TrimSuffix(filepath.Base(path), ".json")
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := newSpecScript(t, path, host)
					s.run()
					mu.Lock()
					defer mu.Unlock()
					counts = append(counts, name+": "+s.counted())
				})
			}
		}
	})
	slices.Sort(counts)
	got := strings.Join(counts, "\n") + "\n"
	golden := filepath.Join("testdata", "spec.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "-update writes the counts")
}

// specCommand is a line of a script that wast2json made.
type specCommand struct {
	Type     string      `json:"type"`
	Line     int         `json:"line"`
	Name     string      `json:"name"`
	As       string      `json:"as"`
	Filename string      `json:"filename"`
	Module   string      `json:"module_type"`
	Text     string      `json:"text"`
	Expected []specValue `json:"expected"`
	Action   struct {
		Type   string      `json:"type"`
		Module string      `json:"module"`
		Field  string      `json:"field"`
		Args   []specValue `json:"args"`
	} `json:"action"`
}

// specValue is an argument or a result: a number in decimal, as bits where it is a floating-point one.
type specValue struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// specWorld is what a script has made on one engine.
type specWorld struct {
	engine  engine
	runtime wazero.Runtime
	named   map[string]api.Module // nil where the module is refused
	last    api.Module
	all     []api.Module
}

// specScript runs one script on both engines.
type specScript struct {
	t        *testing.T
	dir      string
	commands []specCommand
	worlds   []*specWorld
	refused  map[string]bool // the names under which refused modules would be registered
	count    map[string]int
}

func newSpecScript(t *testing.T, path string, host []byte) *specScript {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	s := &specScript{t: t, dir: filepath.Dir(path), refused: make(map[string]bool), count: make(map[string]int)}
	script := struct{ Commands *[]specCommand }{&s.commands}
	require.NoError(t, json.Unmarshal(raw, &script))
	for _, e := range []engine{compiles, interprets} {
		w := &specWorld{engine: e, runtime: newRuntime(t, e), named: make(map[string]api.Module)}
		_, err = w.runtime.InstantiateWithConfig(t.Context(), host, wazero.NewModuleConfig().WithName("spectest"))
		require.NoError(t, err)
		s.worlds = append(s.worlds, w)
	}
	return s
}

// counted is a line of testdata/spec.txt.
func (s *specScript) counted() string {
	var counts []string
	for _, what := range slices.Sorted(maps.Keys(s.count)) {
		counts = append(counts, fmt.Sprintf("%d %s", s.count[what], what))
	}
	return strings.Join(counts, ", ")
}

func (s *specScript) run() {
	for i, c := range s.commands {
		switch c.Type {
		case "module":
			as := ""
			if i+1 < len(s.commands) && s.commands[i+1].Type == "register" {
				as = s.commands[i+1].As
			}
			s.module(c, as)
		case "register": // seen with its module; one under a second name is no module of its own here
		case "assert_malformed", "assert_invalid":
			if c.Module == "binary" {
				s.invalid(c)
			}
		case "assert_unlinkable", "assert_uninstantiable":
			s.uninstantiable(c)
		case "assert_return", "action", "assert_trap", "assert_exhaustion", "assert_exception":
			s.act(c)
		default:
			s.t.Errorf("line %d: unknown command %q", c.Line, c.Type)
		}
	}
}

func (s *specScript) read(c specCommand) []byte {
	code, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	require.NoError(s.t, err, "line %d", c.Line)
	return code
}

// rewrite meters a module. One that is refused is counted by the reason.
func (s *specScript) rewrite(c specCommand) ([]byte, bool) {
	metered, err := wasm.Rewrite(s.read(c), true)
	if err == nil {
		return metered, true
	}
	s.count["refused for "+refusal(s.t, err)]++
	if errors.Is(err, wasm.ErrImport) && !strings.Contains(err.Error(), `"spectest"`) {
		s.forget()
	}
	return nil, false
}

// forget leaves out the modules so far: one that is refused would have written to a table or a memory of theirs.
func (s *specScript) forget() {
	for _, w := range s.worlds {
		w.last = nil
		for name := range w.named {
			w.named[name] = nil
		}
	}
}

// refusal is a reason without the numbers and names of the module at hand.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var refused *wasm.RefusedError
	require.ErrorAs(t, err, &refused)
	what := regexp.MustCompile(`"[^"]*"\."[^"]*"`).ReplaceAllString(refused.What, "…")
	return refused.Reason.Error() + " (" + strings.ReplaceAll(what, ",", "") + ")"
}

func (s *specScript) module(c specCommand, as string) {
	metered, ok := s.rewrite(c)
	if !ok {
		s.refused[as] = true
	}
	for i, w := range s.worlds {
		var m api.Module
		if ok {
			var err error
			m, err = w.runtime.InstantiateWithConfig(s.t.Context(), metered, wazero.NewModuleConfig().WithName(as))
			if err != nil {
				require.True(s.t, s.importsRefused(err), "line %d on the %s: %v", c.Line, w.engine, err)
				s.refused[as] = true
				if i == 0 {
					s.count["that import a refused one"]++
				}
			}
		}
		w.last = nil
		if m != nil {
			w.last = m
			w.all = append(w.all, m)
			if i == 0 {
				s.count["modules run"]++
			}
		}
		if c.Name != "" {
			w.named[c.Name] = w.last
		}
	}
}

// importsRefused tells whether a module could not be instantiated for want of one that is refused.
func (s *specScript) importsRefused(err error) bool {
	for name := range s.refused {
		if name != "" && strings.Contains(err.Error(), "module["+name+"] not instantiated") {
			return true
		}
	}
	return false
}

// invalid checks that metering makes no valid module of one that is not.
func (s *specScript) invalid(c specCommand) {
	metered, err := wasm.Rewrite(s.read(c), true)
	if err != nil {
		s.count["invalid refused by the rewriter"]++
		return
	}
	assert.Error(s.t, validates(s.t, metered), "line %d: %s becomes valid", c.Line, c.Text)
	s.count["invalid refused by wazero"]++
}

func (s *specScript) uninstantiable(c specCommand) {
	metered, ok := s.rewrite(c)
	if !ok {
		return
	}
	s.count["not to be instantiated"]++
	for _, w := range s.worlds {
		m, err := w.runtime.InstantiateWithConfig(s.t.Context(), metered, wazero.NewModuleConfig().WithName(""))
		// wazero keeps a module whose element segments do not fit, as WebAssembly 1.0 had it.
		if err == nil && c.Text == "out of bounds table access" {
			w.all = append(w.all, m)
			continue
		}
		assert.Error(s.t, err, "line %d on the %s: %s", c.Line, w.engine, c.Text)
	}
}

// act calls a function, or reads a global, on both engines.
func (s *specScript) act(c specCommand) {
	var burnt []int64
	for _, w := range s.worlds {
		m := w.last
		if c.Action.Module != "" {
			m = w.named[c.Action.Module]
		}
		if m == nil {
			s.count["checks of refused modules"]++
			return
		}
		where := fmt.Sprintf("line %d on the %s: %s.%s", c.Line, w.engine, c.Action.Module, c.Action.Field)
		if c.Action.Type == "get" {
			s.results(c, []uint64{m.ExportedGlobal(c.Action.Field).Get()}, where)
			continue
		}
		for _, m := range w.all {
			setFuel(m, plenty)
		}
		var args []uint64
		for _, a := range c.Action.Args {
			args = append(args, a.bits(s.t))
		}
		results, err := m.ExportedFunction(c.Action.Field).Call(s.t.Context(), args...)
		total := int64(0)
		for _, m := range w.all {
			if fuelLeft(m) != 0 {
				total += plenty - fuelLeft(m)
			}
		}
		burnt = append(burnt, total)
		switch c.Type {
		case "assert_return", "action":
			if assert.NoError(s.t, err, where) {
				s.results(c, results, where)
			}
		default:
			require.ErrorContains(s.t, err, specTrap(s.t, c), where)
		}
	}
	s.count["checks"]++
	if len(burnt) == 2 && c.Type != "assert_exhaustion" { // how deep the stacks are differs
		assert.Positive(s.t, burnt[0], "line %d: fuel", c.Line)
		assert.Equal(s.t, burnt[0], burnt[1], "line %d: fuel", c.Line)
	}
}

// specTrap is wazero's text for a trap.
func specTrap(t *testing.T, c specCommand) string {
	t.Helper()
	for _, trap := range [][2]string{
		{"out of bounds memory access", "out of bounds memory access"},
		{"out of bounds table access", "invalid table access"},
		{"indirect call type mismatch", "indirect call type mismatch"},
		{"undefined element", "invalid table access"},
		{"uninitialized element", "invalid table access"},
		{"integer overflow", "integer overflow"},
		{"invalid conversion to integer", "invalid conversion to integer"},
		{"integer divide by zero", "integer divide by zero"},
		{"unreachable", "unreachable"},
		{"call stack exhausted", "stack overflow"},
	} {
		if strings.HasPrefix(c.Text, trap[0]) {
			return trap[1]
		}
	}
	require.Fail(t, "unknown trap", "line %d: %q", c.Line, c.Text)
	return ""
}

func (s *specScript) results(c specCommand, got []uint64, where string) {
	if c.Type == "action" {
		return
	}
	if !assert.Len(s.t, got, len(c.Expected), where) {
		return
	}
	for i, want := range c.Expected {
		assert.True(s.t, want.matches(s.t, got[i]), "%s: result %d is %#x, not %v", where, i, got[i], want.Value)
	}
}

// bits is the value as wazero takes it.
func (v specValue) bits(t *testing.T) uint64 {
	t.Helper()
	text, _ := v.Value.(string)
	if text == "null" || v.Value == nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) { // a tool writes some as signed
		var signed int64
		signed, err = strconv.ParseInt(text, 10, 64)
		n = uint64(signed)
	}
	require.NoError(t, err)
	switch v.Type {
	case "i32", "f32":
		return uint64(uint32(n))
	case "externref":
		return n + 1 // 0 is null
	}
	return n
}

func (v specValue) matches(t *testing.T, got uint64) bool {
	t.Helper()
	const (
		canonical32, sign32 = 0x7fc0_0000, 1 << 31
		canonical64, sign64 = 0x7ff8_0000_0000_0000, 1 << 63
	)
	switch {
	case v.Value == nil: // any reference
		return true
	case v.Value == "nan:canonical" && v.Type == "f32":
		return uint32(got)&^sign32 == canonical32
	case v.Value == "nan:arithmetic" && v.Type == "f32":
		return uint32(got)&canonical32 == canonical32
	case v.Value == "nan:canonical":
		return got&^sign64 == canonical64
	case v.Value == "nan:arithmetic":
		return got&canonical64 == canonical64
	case v.Type == "i32", v.Type == "f32":
		return uint32(got) == uint32(v.bits(t))
	}
	return got == v.bits(t)
}
