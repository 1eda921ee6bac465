package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ html, want string }{
		"text":                     {"Send 100 USDT", "Send 100 USDT"},
		"tags":                     {`<p>Send <b class="x">100</b> USDT.</p><p>Soon.</p>`, "Send 100 USDT.\nSoon."},
		"breaks":                   {"a<br>b<br />c<BR/>d", "a\nb\nc\nd"},
		"a list":                   {"<ul><li>a</li><li>b</li></ul>", "a\nb"},
		"entities":                 {"&laquo;a&raquo; &amp;&lt;&gt;&quot;&apos;&#39;&#x41;&nbsp;b", `«a» &<>"''A b`},
		"an entity twice encoded":  {"&amp;lt;b&amp;gt;", "&lt;b&gt;"},
		"what is no entity":        {"a & b &unknown; &#0; &#xffffffff; &", "a & b &unknown; &#0; &#xffffffff; &"},
		"a script":                 {"a<script>alert('<b>')</script>b", "ab"},
		"a script in capitals":     {"a<SCRIPT src=x>evil()</Script >b", "ab"},
		"a script that never ends": {"a<script>evil()", "a"},
		"a style":                  {"a<style>p{color:red}</style>b", "ab"},
		"a comment":                {"a<!-- <b>no</b> -->b", "ab"},
		"a less-than sign":         {"1 < 2 and 3 <4", "1 < 2 and 3 <4"},
		"a tag that never ends":    {"a<b class='", "a"},
		"blanks":                   {"  a \t\r\n\n\n  b  ", "a\nb"},
		"nothing":                  {"", ""},
		"a blank":                  {" ", ""},
		"a blank in front":         {" a", "a"},
		"a blank behind":           {"a ", "a"},
		"two blanks":               {"a  b", "a b"},
		"a blank of another sort":  {"a\u00a0b", "a b"},
		"other letters":            {"Наличные", "Наличные"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, plain(row.html))
		})
	}
}

func TestPlainReadsAMegabyteOfAnything(t *testing.T) {
	t.Parallel()
	// What would be searched to its end again and again takes minutes here.
	for _, piece := range []string{"&", "<", "</", "<!--", "<script>", "&#", "<b", "<script></"} {
		require.NotPanics(t, func() { plain(strings.Repeat(piece, 1<<20/len(piece))) }, piece)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("<p>a</p><script>b</script><!--c-->&#x41;&amp;")
	f.Add("<script></ </scr<b>")
	f.Fuzz(func(t *testing.T, html string) {
		text := plain(html)
		require.LessOrEqual(t, len(text), len(html)+len(html)/2, "text never grows out of hand")
		require.Equal(t, utf8.ValidString(html), utf8.ValidString(html) && utf8.ValidString(text))
	})
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`"100"`: "100", `100`: "100", `"100.50"`: "100.50", `"100,50"`: "100.50", `"1 100,50"`: "1100.50",
		"\"1\u00a0100\"": "1100",
		`0.00000015`:     "0.00000015", `1.5e-7`: "0.00000015", `"0"`: "0",
		`"no"`: "", `""`: "", `null`: "", `"1,100.50"`: "", `"1,1,1"`: "", `true`: "", `{}`: "", `"NaN"`: "",
	} {
		value, err := jsontext.Parse([]byte(json))
		require.NoError(t, err)
		parsed, ok := number(value)
		require.Equal(t, want != "", ok, json)
		if ok {
			require.Equal(t, want, parsed.String(), json)
		}
	}
}

func TestTicker(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"USDT": "USDT", "usdt": "USDT", "USDT TRC20": "USDTTRC20", "€": "", "": "", "X": "", "ABCDEFGHIJKLMNOPQ": "",
	} {
		require.Equal(t, want, ticker(code), code)
	}
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ab", clip("ab", 2))
	require.Equal(t, "a", clip("aé", 2))
	require.Equal(t, "aé", clip("aéb", 3))
}
