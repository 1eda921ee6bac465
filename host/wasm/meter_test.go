package wasm_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"payrouter/host/wasm"
)

func TestNumbersReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]int{32, 33, 64}).Draw(t, "bits")
		want := rapid.Int64().Draw(t, "value") >> (64 - bits)
		raw := signedLEB(want)
		got, used, err := wasm.ReadSigned(raw, bits)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, len(raw), used)

		unsigned := rapid.Uint32().Draw(t, "unsigned")
		read, used, err := wasm.ReadUnsigned(u32(unsigned))
		require.NoError(t, err)
		require.Equal(t, unsigned, read)
		require.Equal(t, len(u32(unsigned)), used)
	})
}

func TestNumbersTooLongAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  string
		bits int // 0 for unsigned
		ok   bool
	}{
		"unsigned, padded to 5 bytes":     {"\x80\x80\x80\x80\x00", 0, true},
		"unsigned, the largest":           {"\xff\xff\xff\xff\x0f", 0, true},
		"unsigned, one bit more":          {"\xff\xff\xff\xff\x1f", 0, false},
		"unsigned, 6 bytes":               {"\x80\x80\x80\x80\x80\x00", 0, false},
		"unsigned, cut short":             {"\x80", 0, false},
		"signed 32, the smallest":         {"\x80\x80\x80\x80\x78", 32, true},
		"signed 32, bits not of the sign": {"\x80\x80\x80\x80\x70", 32, false},
		"signed 32, above the largest":    {"\xff\xff\xff\xff\x0f", 32, false},
		"signed 64, the smallest":         {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 64, true},
		"signed 64, bits not of the sign": {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e", 64, false},
		"signed 64, 11 bytes":             {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 64, false},
		"signed, nothing":                 {"", 64, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			if c.bits == 0 {
				_, _, err = wasm.ReadUnsigned([]byte(c.raw))
			} else {
				_, _, err = wasm.ReadSigned([]byte(c.raw), c.bits)
			}
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, wasm.ErrMalformed)
		})
	}
}

// The opcodes of WebAssembly 2.0 without vectors, by the specification's index of instructions.
func TestOnlyKnownInstructionsPass(t *testing.T) {
	t.Parallel()
	known := func(code int) bool {
		switch {
		case code <= 0x05, code >= 0x0b && code <= 0x11, code >= 0x1a && code <= 0x1c, code >= 0x20 && code <= 0x26,
			code >= 0x28 && code <= 0xc4, code >= 0xd0 && code <= 0xd2, code == 0xfc:
			return true
		}
		return false
	}
	for code := range 256 {
		require.Equal(t, known(code), wasm.Known(byte(code), false), "opcode %#x", code)
		require.Equal(t, code <= 17, wasm.Known(byte(code), true), "opcode 0xfc %#x", code)
	}
}

// validates tells whether the runtime takes a module, without making machine code.
func validates(tb testing.TB, code []byte) error {
	tb.Helper()
	ctx := tb.Context()
	features := api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
	defer func() { _ = r.Close(ctx) }()
	_, err := r.CompileModule(ctx, code)
	return err
}

func TestMeteredModulesAreValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, validateMetered(t, guest(t)))
	for name, shape := range shapes() {
		require.NoError(t, validates(t, shape.bytes()), name)
		require.NoError(t, validateMetered(t, shape.bytes()), name)
	}
}

func validateMetered(tb testing.TB, code []byte) error {
	tb.Helper()
	metered, err := wasm.Rewrite(code, true)
	require.NoError(tb, err)
	return validates(tb, metered)
}

// A module that the meter lets pass is as valid after it as it was before: neither more nor less. Custom sections are
// left out on the way, and what is wrong in them with them, so the rewritten module without fuel stands for what was
// before.
func FuzzMeter(f *testing.F) {
	all := shapes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if code := all[name].bytes(); len(code) < 4096 {
			f.Add(code)
		}
	}
	for seed := range uint64(20) {
		f.Add(generate(seed, 20).code)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		_, _ = wasm.Inspect(code)
		metered, err := wasm.Rewrite(code, true)
		if err != nil {
			return
		}
		bare, err := wasm.Rewrite(code, false)
		require.NoError(t, err)
		before, unmetered, after := validates(t, code), validates(t, bare), validates(t, metered)
		if before == nil && unmetered != nil || (unmetered == nil) != (after == nil) {
			t.Fatalf("valid before: %v; unmetered: %v; after: %v", before, unmetered, after)
		}
	})
}
