package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// The spellings of FaultSpelling. All of them leave an amount what it is.
const (
	// SpellingTail writes a JSON number with the 17 digits of its IEEE double, as PHP does: 49.9 is 49.899999999999999.
	SpellingTail = "tail"
	// SpellingExponent writes a JSON number with an exponent: 49.9 is 4.99e1.
	SpellingExponent = "exponent"
	// SpellingZeros writes zeros at the end, in JSON numbers and in texts: 49.9 is 49.9000.
	SpellingZeros = "zeros"
)

// spelling is how numbers, and texts that are amounts, are written.
type spelling struct {
	number, text func(string) string
}

//nolint:gochecknoglobals // a table
var spellings = map[string]spelling{
	SpellingTail:     {number: spellTail},
	SpellingExponent: {number: spellExponent},
	SpellingZeros:    {number: spellZeros, text: spellZeros},
}

// Spellings are the names of the spellings that FaultSpelling has.
func Spellings() []string { return slices.Sorted(maps.Keys(spellings)) }

func (f Fault) validateSpelling() error {
	_, known := spellings[f.Spelling]
	switch {
	case f.Kind != FaultSpelling && f.Spelling != "":
		return fmt.Errorf("spelling %q: only the kind %q has one", f.Spelling, FaultSpelling)
	case f.Kind == FaultSpelling && !known:
		return fmt.Errorf("spelling %q is not one of %s", f.Spelling, strings.Join(Spellings(), ", "))
	}
	return nil
}

// decimalText is an amount with a point in it. Without one it may be an id, a code or a count.
var decimalText = regexp.MustCompile(`^-?[0-9]+\.[0-9]+$`)

// spellTail gives the 17 significant digits of a number's double. What has more digits than a double stays as it is.
func spellTail(text string) string {
	double, err := strconv.ParseFloat(text, 64)
	if err != nil || strconv.FormatFloat(double, 'f', -1, 64) != strings.TrimRight(text, "0") {
		return text
	}
	exact := new(big.Float).SetFloat64(double)
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	digits := 17 - len(whole)
	if whole == "0" {
		digits = 17
	}
	tail := exact.Text('f', max(digits, 1))
	if again, err := strconv.ParseFloat(tail, 64); err != nil || again != double {
		return text
	}
	return tail
}

func spellExponent(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return sign + text
	}
	power := len(digits) - len(fraction) - 1
	return fmt.Sprintf("%s%s.%se%d", sign, digits[:1], zeroIfEmpty(strings.TrimRight(digits[1:], "0")), power)
}

func zeroIfEmpty(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

func spellZeros(text string) string { return text + "00" }

// respell writes the amounts of a JSON body in another way.
func (s spelling) respell(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var out bytes.Buffer
	from := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		to := int(decoder.InputOffset())
		raw := body[from:to]
		from = to
		switch value := token.(type) {
		case json.Number:
			if s.number != nil && decimalText.MatchString(value.String()) {
				raw = bytes.Replace(raw, []byte(value.String()), []byte(s.number(value.String())), 1)
			}
		case string:
			if s.text != nil && decimalText.MatchString(value) {
				raw = bytes.Replace(raw, []byte(value), []byte(s.text(value)), 1)
			}
		}
		out.Write(raw)
	}
	out.Write(body[from:])
	return out.Bytes()
}

// deliverRespelt does not strike an answer in which there is nothing to spell.
func deliverRespelt(_ *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	body := spellings[f.Spelling].respell(a.Body)
	struck := !bytes.Equal(body, a.Body)
	a.Body = body
	a.Write(w)
	return struck
}
