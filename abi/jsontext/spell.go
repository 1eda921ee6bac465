package jsontext

// Spell gives the value as it was sent, but for the numbers that are members of the names which are spelt out: each
// becomes a string of its plain decimal text, so that whoever reads it cannot make a float of it. wrong names a member
// whose number is no decimal of bounded size, and is empty where there is none. An absent value is "null".
func (v Value) Spell(isSpelt func(name string) bool) (text []byte, wrong string) {
	whole := v.node()
	if whole.kind != object && whole.kind != array {
		return v.JSON(), ""
	}
	sent, nodes := v.in.text, v.in.nodes
	copied := whole.start
	text = make([]byte, 0, int(whole.end-whole.start)*9/8)
	for at := v.at + 1; at < whole.next; at++ {
		n := &nodes[at]
		if n.kind != number || !v.in.isName(&nodes[at-1]) {
			continue
		}
		name := v.in.content(nodes[at-1])
		if !isSpelt(name) {
			continue
		}
		plain, err := parseNumber(sent[n.start:n.end])
		if err != nil {
			return nil, name
		}
		text = append(append(text, sent[copied:n.start]...), '"')
		text = append(append(text, plain.String()...), '"')
		copied = n.end
	}
	return append(text, sent[copied:whole.end]...), ""
}

// isName distinguishes the name of a member from a string in a list: by the colon behind it.
func (d *document) isName(n *node) bool {
	if n.kind != quote {
		return false
	}
	at := int(n.end) + 1
	if d.text[at] <= ' ' {
		at = blanks(d.text, at)
	}
	return d.text[at] == ':' // a string is not the text's end: something closes around it
}
