package routing

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

func (r *reader) to(node *yaml.Node) []Target {
	if node.Kind == yaml.ScalarNode {
		name, ok := r.text(node, "to")
		if !ok {
			return nil
		}
		return []Target{{Provider: name, At: r.at(node)}}
	}
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		r.report(node, "to names no provider", "write a list in the order of failover: [<provider>, <next provider>]")
		return nil
	}
	var targets []Target
	for _, n := range node.Content {
		if n.Kind == yaml.ScalarNode {
			if name, ok := r.text(n, "an entry of to"); ok {
				targets = append(targets, Target{Provider: name, At: r.at(n)})
			}
			continue
		}
		if target := r.target(n); target.Split != nil || target.Among != nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// target reads a target that several providers share or compete for.
func (r *reader) target(node *yaml.Node) Target {
	target := Target{At: r.at(node)}
	keys := append([]string{"split", "by"}, strategyNames()...)
	how := ""
	r.eachMember(node, "an entry of to", func(key, value *yaml.Node) {
		switch {
		case key.Value == "by":
			target.By = r.by(value)
		case !slices.Contains(keys, key.Value):
			r.report(key, fmt.Sprintf("unknown key %q in an entry of to", key.Value), DidYouMean(key.Value, keys))
		case how != "":
			r.report(key, fmt.Sprintf("an entry of to is a %s and a %s", how, key.Value), "make two entries of it")
		case key.Value == "split":
			how, target.Split = key.Value, r.split(value)
		default:
			how, target.Strategy, target.Among = key.Value, Strategy(key.Value), r.among(key.Value, value)
		}
	})
	if target.By != "" && target.Split == nil && how != "split" {
		r.report(node, "by stands without a split",
			"write {split: {<provider>: 70, <other>: 30}, by: "+target.By+"}, or remove it")
	}
	return target
}

// by reads what a split hashes.
func (r *reader) by(node *yaml.Node) string {
	text, ok := r.text(node, "by")
	if !ok {
		return ""
	}
	if _, ok := stickyKey(text); !ok {
		r.report(node, fmt.Sprintf("a split does not go by %q", text),
			DidYouMean(text, []string{"payer", "merchant", metadataPrefix + "<key>"}))
		return ""
	}
	return text
}

// among reads the providers of a strategy.
func (r *reader) among(strategy string, node *yaml.Node) []Share {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		r.report(node, strategy+" names no provider", "write "+strategy+": [<provider>, <other>]")
		return nil
	}
	var shares []Share
	for _, n := range node.Content {
		if name, ok := r.text(n, "a provider of "+strategy); ok {
			shares = append(shares, Share{Provider: name, At: r.at(n)})
		}
	}
	return shares
}

func (r *reader) split(node *yaml.Node) []Share {
	if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
		r.report(node, "split names no provider", "write split: {<provider>: 70, <other>: 30}")
		return nil
	}
	const heaviest = 1_000_000
	var shares []Share
	r.eachMember(node, "split", func(key, value *yaml.Node) {
		text, ok := r.text(value, "a weight")
		if !ok {
			return
		}
		weight, err := strconv.Atoi(text)
		if err != nil || weight < 1 || weight > heaviest {
			r.report(value, fmt.Sprintf("%q is not a weight", text),
				"write a whole number from 1 to 1000000; a provider that is to be asked last is an entry of its own, "+
					"after the split")
			return
		}
		shares = append(shares, Share{Provider: key.Value, Weight: weight, At: r.at(key)})
	})
	return shares
}
