package egress

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// minSecret is the least number of bytes of a secret. Shorter values also occur by chance ("1000.00" holds "1000"),
// and masking them would change what a provider said about money.
const minSecret = 8

// minMasked is the least length of a fragment that is looked for, where an encoding leaves only a part of a secret.
const minMasked = 8

// minCore is the least length of a secret's core that is masked where it stands alone. A shorter one may be a word.
const minCore = 12

// CheckSecret returns what is wrong with a value, without the value: what a client refuses, so that whoever reads
// secrets finds it where they come from.
func CheckSecret(value string) error {
	switch {
	case len(value) < minSecret:
		return errors.New("is shorter than 8 bytes: masking it would change unrelated text")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("holds a line break, a control character or a character outside ASCII")
	case value != strings.TrimSpace(value):
		return errors.New("starts or ends with a space")
	}
	return nil
}

func placeholder(name string) string { return "{{secret:" + name + "}}" }

// mask replaces secrets, in every form in which a provider may plausibly echo them, by their placeholders. It is
// immutable.
type mask struct{ layers []layer }

// layer is a set of forms that are replaced together.
type layer struct {
	replacer *strings.Replacer
	// signs are the forms that hold no other: text without any of them needs no replacing. Nearly all text is, and
	// looking is several times faster than replacing nothing.
	signs []string
}

func newMask(secrets map[string]string) mask {
	var pairs []maskedPair
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		for _, form := range forms(secrets[name]) {
			pairs = append(pairs, maskedPair{form, placeholder(name)})
		}
	}
	return mask{}.and(pairs)
}

// and makes a mask that replaces these forms as well, before the others: they may hold others.
func (m mask) and(pairs []maskedPair) mask {
	if len(pairs) == 0 {
		return m
	}
	// Where one form is part of another, the longer has to go first, or a part of it would stay.
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(a, b maskedPair) int { return cmp.Compare(len(b.wire), len(a.wire)) })
	flat := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		flat = append(flat, p.wire, p.shown)
	}
	first := layer{replacer: strings.NewReplacer(flat...), signs: shortest(pairs)}
	return mask{layers: slices.Concat([]layer{first}, m.layers)}
}

// shortest takes pairs by falling length.
func shortest(pairs []maskedPair) []string {
	var signs []string
	for _, p := range slices.Backward(pairs) {
		if !slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(p.wire, sign) }) {
			signs = append(signs, p.wire)
		}
	}
	return signs
}

func (m mask) text(s string) string {
	for _, l := range m.layers {
		if slices.ContainsFunc(l.signs, func(sign string) bool { return strings.Contains(s, sign) }) {
			s = l.replacer.Replace(s)
		}
	}
	return s
}

func (m mask) bytes(b []byte) []byte {
	text := string(b)
	if masked := m.text(text); masked != text {
		return []byte(masked)
	}
	return b
}

func (m mask) headers(headers []*abi.Header) {
	for _, h := range headers {
		h.Name, h.Value = m.text(h.Name), m.text(h.Value)
	}
}

// forms lists how a secret may stand in an echo: as it is, in another case, escaped for a URL, JSON or HTML, in hex or
// base64, alone or inside a longer text. Escapes may be nested in any order (JSON inside JSON, a quoted command line),
// so of a secret with characters that are escaped its core is listed too.
func forms(secret string) []string {
	all := encoded(secret)
	if core := coreOf(secret); len(core) >= minCore {
		all = append(all, encoded(core)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// coreOf is the longest part of a text that no encoding escapes.
func coreOf(text string) (longest string) {
	escaped := func(c rune) bool { return c > '~' || !isUnreserved(byte(c)) } //nolint:gosec // G115: it is ASCII
	for part := range strings.FieldsFuncSeq(text, escaped) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

func encoded(secret string) []string {
	var all []string
	for _, s := range []string{secret, strings.ToLower(secret), strings.ToUpper(secret)} {
		all = append(all, s, html.EscapeString(s), hex.EncodeToString([]byte(s)),
			strings.ToUpper(hex.EncodeToString([]byte(s))))
		all = append(all, jsonForms(s)...)
		for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s), strictEscape(s)} {
			all = append(all, escaped, lowerEscapes(escaped))
		}
	}
	return append(all, base64Forms(secret)...)
}

func jsonForms(s string) []string {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return nil
	}
	goes := string(quoted[1 : len(quoted)-1])
	plain := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
	// PHP escapes the slash, and with JSON_HEX_* writes \u003C in capitals.
	return []string{
		goes, plain, strings.ReplaceAll(goes, "/", `\/`), strings.ReplaceAll(plain, "/", `\/`),
		strings.NewReplacer("<", `\u003C`, ">", `\u003E`, "&", `\u0026`, "'", `\u0027`, `"`, `\u0022`, `\`, `\\`, "/",
			`\/`).Replace(s),
	}
}

// strictEscape is RFC 3986's: all but the unreserved characters.
func strictEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:i+3], strings.ToLower(string(b[i:i+3])))
		}
	}
	return string(b)
}

// base64Forms gives the secret's base64 alone, and the characters that do not depend on its neighbours when it stands
// at any of the three offsets inside a longer text ("user:password").
func base64Forms(secret string) []string {
	var all []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		all = append(all, enc.EncodeToString([]byte(secret)))
		for offset := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
			first := (offset*8 + 5) / 6
			last := (offset + len(secret)) * 8 / 6
			if last-first >= minMasked {
				all = append(all, text[first:last])
			}
		}
	}
	for _, form := range slices.Clip(all) {
		all = append(all, strings.ReplaceAll(form, "/", `\/`), url.QueryEscape(form))
	}
	return all
}
