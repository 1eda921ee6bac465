package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
)

// number reads an amount of the site: text or number, perhaps with a decimal comma, perhaps with blanks between
// thousands. "no", which stands for an unset bound, is none. sent are the amounts that the answer may repeat: see
// jsontext.Value.Amount.
func number(value jsontext.Value, sent ...string) (decimal.Decimal, bool) {
	if value.IsNumber() {
		parsed, err := value.Amount(sent...)
		return parsed, err == nil
	}
	text := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\u00a0' || r == '\u202f' {
			return -1
		}
		return r
	}, value.Text())
	if strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	parsed, err := decimal.Parse(text)
	return parsed, err == nil
}

// plain is the text of HTML: tags gone, blocks on lines of their own, entities resolved. It is for people to read, and
// is not safe to put back into a page unescaped.
func plain(html string) string {
	if isPlain(html) {
		return html
	}
	var text strings.Builder
	for html != "" {
		open := strings.IndexByte(html, '<')
		if open < 0 {
			text.WriteString(html)
			break
		}
		text.WriteString(html[:open])
		html = html[open:]
		if !startsTag(html) {
			text.WriteByte('<')
			html = html[1:]
			continue
		}
		name, opens, rest := cutTag(html)
		if breaks[name] {
			text.WriteByte('\n')
		}
		if opens && (name == "script" || name == "style") {
			rest = skipElement(rest, name)
		}
		html = rest
	}
	return tidy(entities(text.String()))
}

// isPlain reports whether plain would leave a text as it is, without reading it three times: most is, and lists have
// thousands of them.
func isPlain(text string) bool {
	last := byte(' ')
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c == '<' || c == '&' || c >= utf8.RuneSelf || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return last != ' ' || text == ""
}

// breaks are the elements that begin or end a line.
var breaks = map[string]bool{ //nolint:gochecknoglobals // a table
	"br": true, "p": true, "div": true, "li": true, "ul": true, "ol": true, "tr": true, "h1": true, "h2": true,
	"h3": true, "h4": true,
}

// startsTag distinguishes "<b", "</b" and "<!--" from a less-than sign.
func startsTag(html string) bool {
	if len(html) < 2 {
		return false
	}
	c := html[1] | 0x20
	return html[1] == '/' || html[1] == '!' || c >= 'a' && c <= 'z'
}

// cutTag takes a tag or a comment off, and gives a tag's name in lower case.
func cutTag(html string) (name string, opens bool, rest string) {
	if strings.HasPrefix(html, "<!--") {
		_, rest, _ = strings.Cut(html, "-->")
		return "", false, rest
	}
	inside, rest, _ := strings.Cut(html[1:], ">")
	name, closes := strings.CutPrefix(inside, "/")
	if end := strings.IndexAny(name, " \t\r\n/"); end >= 0 {
		name = name[:end]
	}
	return strings.ToLower(clip(name, 16)), !closes, rest
}

// skipElement goes to an element's closing tag, past what is no text; to the end where it is not closed.
func skipElement(html, name string) string {
	for {
		at := strings.Index(html, "</")
		if at < 0 {
			return ""
		}
		html = html[at:]
		if len(html) >= 2+len(name) && strings.EqualFold(html[2:2+len(name)], name) {
			return html
		}
		html = html[2:]
	}
}

// longestEntity bounds an entity with its semicolon, in bytes: "#x10FFFF;" and every name below fit.
const longestEntity = 12

var named = map[string]string{ //nolint:gochecknoglobals // a table
	"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'", "nbsp": " ", "laquo": "«", "raquo": "»", "mdash": "—",
	"ndash": "–",
}

// entities resolves the references that the site's editor writes; others stay as they are.
func entities(text string) string {
	var resolved strings.Builder
	for {
		before, after, found := strings.Cut(text, "&")
		resolved.WriteString(before)
		if !found {
			return resolved.String()
		}
		// No further than a name reaches: a text of ampersands must not be searched to its end from each of them.
		name, _, closed := strings.Cut(clip(after, longestEntity), ";")
		character, known := entity(name)
		if !closed || !known {
			resolved.WriteByte('&')
			text = after
			continue
		}
		resolved.WriteString(character)
		text = after[len(name)+1:]
	}
}

func entity(name string) (string, bool) {
	digits, numeric := strings.CutPrefix(name, "#")
	if !numeric {
		character, known := named[name]
		return character, known
	}
	base := 10
	if len(digits) > 0 && digits[0]|0x20 == 'x' {
		digits, base = digits[1:], 16
	}
	code, err := strconv.ParseInt(digits, base, 32)
	if err != nil || code < ' ' || !utf8.ValidRune(rune(code)) {
		return "", false
	}
	return string(rune(code)), true
}

// tidy gives every line once, without blanks at its ends, and no empty ones.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// clip shortens a text to so many bytes, between characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
