package routing

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	abi "payrouter/abi/v1"
)

// source is what a document was read from; nil nodes for what the file does not have.
type source struct{ rules, groups, approval *yaml.Node }

// written is a ruleset's text, compressed, and its id, which is the text's hash.
type written struct {
	id   string
	text []byte
}

// largestWritten bounds what Restore reads, in bytes. A file of rules is at most a mebibyte.
const largestWritten = 64 << 20

// writtenDoc is all that a decision depends on beside the payment and the standing of providers. It has nothing of an
// account but the name and what it takes: no settings, no secret and no reference to one. The configuration's version
// is not in it, so that configurations with the same rules have one text.
type writtenDoc struct {
	Rules    any               `json:"rules"`
	Groups   any               `json:"groups,omitempty"`
	Approval any               `json:"approval,omitempty"`
	Accounts []writtenProvider `json:"accounts"`
}

type writtenProvider struct {
	Name    string `json:"name"`
	Unknown bool   `json:"unknown,omitempty"`
	// Flows are messages of the contract.
	Flows [][]byte `json:"flows,omitempty"`
}

// ID identifies the rules together with what the accounts take: rulesets with the same ID decide alike.
func (r *Ruleset) ID() string { return r.written().id }

// Written is the ruleset as Restore reads it. It has no comments of the file, no settings and no secrets. The caller
// must not change it.
func (r *Ruleset) Written() []byte { return r.written().text }

func write(doc Document, providers []Provider) written {
	whole := writtenDoc{
		Rules: plain(doc.source.rules), Groups: plain(doc.source.groups), Approval: plain(doc.source.approval),
		Accounts: make([]writtenProvider, 0, len(providers)),
	}
	for _, p := range providers {
		account := writtenProvider{Name: p.Name, Unknown: p.Unknown}
		for _, flow := range p.Flows {
			message, err := flow.MarshalVT()
			if err != nil {
				return written{} // it does not happen; decisions are then shown without their trace
			}
			account.Flows = append(account.Flows, message)
		}
		whole.Accounts = append(whole.Accounts, account)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return written{}
	}
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	_, err = w.Write(text)
	if errors.Join(err, w.Close()) != nil {
		return written{}
	}
	return written{id: idOf(text), text: compressed.Bytes()}
}

// idOf is 128 bits of a text's hash: 22 characters.
func idOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// plain is a node as JSON has it: a text, a list, or a mapping as {"of": [key, value, key, value]}, whose order counts.
// It keeps all that a reader looks at but positions.
func plain(node *yaml.Node) any {
	if node == nil || node.ShortTag() == "!!null" {
		return nil
	}
	if node.Kind == yaml.ScalarNode {
		return node.Value
	}
	items := make([]any, 0, len(node.Content))
	for _, item := range node.Content {
		items = append(items, plain(item))
	}
	if node.Kind == yaml.MappingNode {
		return map[string]any{"of": items}
	}
	return items
}

// nodeOf reverses plain.
func nodeOf(value any) *yaml.Node {
	switch value := value.(type) {
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	case []any:
		return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: nodesOf(value)}
	case map[string]any:
		items, _ := value["of"].([]any)
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: nodesOf(items)}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
}

func nodesOf(values []any) []*yaml.Node {
	nodes := make([]*yaml.Node, 0, len(values))
	for _, value := range values {
		nodes = append(nodes, nodeOf(value))
	}
	return nodes
}

// Restore makes a ruleset of what Written gave, by its id. Its decisions have no configuration's version of their own;
// Recall gives each its own.
func Restore(id string, text []byte) (*Ruleset, error) {
	unpacked, err := unpack(text)
	if err != nil {
		return nil, fmt.Errorf("read ruleset %s: %w", id, err)
	}
	if idOf(unpacked) != id {
		return nil, fmt.Errorf("read ruleset %s: its text is another's", id)
	}
	var whole writtenDoc
	if err := json.Unmarshal(unpacked, &whole); err != nil {
		return nil, fmt.Errorf("read ruleset %s: %w", id, err)
	}
	var groups, approval *yaml.Node
	if whole.Groups != nil {
		groups = nodeOf(whole.Groups)
	}
	if whole.Approval != nil {
		approval = nodeOf(whole.Approval)
	}
	doc, err := Parse("ruleset "+id, nodeOf(whole.Rules), groups, approval)
	if err != nil {
		return nil, fmt.Errorf("read ruleset %s: %w", id, err)
	}
	providers := make([]Provider, 0, len(whole.Accounts))
	for _, account := range whole.Accounts {
		p := Provider{Name: account.Name, Unknown: account.Unknown}
		for _, message := range account.Flows {
			flow := &abi.Flow{}
			if err := flow.UnmarshalVTUnsafe(message); err != nil {
				return nil, fmt.Errorf("read ruleset %s: account %s: %w", id, account.Name, err)
			}
			p.Flows = append(p.Flows, flow)
		}
		providers = append(providers, p)
	}
	return assemble(doc, providers, ""), nil
}

func unpack(text []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	unpacked, err := io.ReadAll(io.LimitReader(r, largestWritten))
	return slices.Clip(unpacked), errors.Join(err, r.Close())
}
