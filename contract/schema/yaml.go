package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAMLNodes bounds what aliases may expand to.
const maxYAMLNodes = 100_000

// ReadYAML reads one YAML document as the JSON value that it stands for.
// Anchors and aliases are expanded; merge keys (<<), tags of one's own, a
// second document and all that [ReadJSON] refuses are refused. The error is of
// type [Refused].
func ReadYAML(text []byte) (n *Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = nil, Refused{{Line: 1, What: fmt.Sprintf("it is not YAML (%v)", p), Remedy: "correct the syntax"}}
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Refused{{Line: 1, What: "it is empty", Remedy: "write a YAML mapping"}}
		}
		return nil, notYAML(err)
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, Refused{{Line: second.Line, What: "it holds a second document", Remedy: "one document a file"}}
	case !errors.Is(err, io.EOF):
		return nil, notYAML(err)
	}
	y := &yamlReader{}
	n = y.node(doc.Content[0], nil)
	if y.refused != nil {
		return nil, y.refused
	}
	return n, nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

func notYAML(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	return Refused{{Line: line, What: fmt.Sprintf("it is not YAML (%s)", message), Remedy: "correct the syntax"}}
}

type yamlReader struct {
	refused Refused
	nodes   int
}

func (y *yamlReader) refuse(path []string, line int, what, remedy string) *Node {
	y.refused = append(y.refused, Refusal{Pointer: Pointer(path...), Line: line, What: what, Remedy: remedy})
	return &Node{Kind: Null, Text: "null", Line: line}
}

func (y *yamlReader) node(in *yaml.Node, path []string) *Node {
	if y.nodes++; y.nodes > maxYAMLNodes {
		if y.nodes == maxYAMLNodes+1 {
			return y.refuse(nil, in.Line, fmt.Sprintf("more than %d values once its aliases are expanded", maxYAMLNodes), "write them out")
		}
		return &Node{Kind: Null, Text: "null", Line: in.Line}
	}
	if len(path) > MaxDepth {
		return y.refuse(path[:4], in.Line, fmt.Sprintf("nested deeper than %d", MaxDepth), "flatten it")
	}
	n := &Node{Line: in.Line}
	switch in.Kind {
	case yaml.AliasNode:
		return y.node(in.Alias, path)
	case yaml.SequenceNode:
		n.Kind = Array
		for i, item := range in.Content {
			n.Items = append(n.Items, y.node(item, append(path[:len(path):len(path)], strconv.Itoa(i))))
		}
	case yaml.MappingNode:
		n.Kind = Object
		seen := map[string]int{}
		for i := 0; i+1 < len(in.Content); i += 2 {
			key := in.Content[i]
			for key.Kind == yaml.AliasNode {
				key = key.Alias
			}
			if key.Kind != yaml.ScalarNode {
				return y.refuse(path, key.Line, "a key that is a list or a map", "use a text as key")
			}
			if key.ShortTag() == "!!merge" {
				y.refuse(path, key.Line, "merge key <<", "write the fields out")
				continue
			}
			at := append(path[:len(path):len(path)], key.Value)
			if first, twice := seen[key.Value]; twice {
				y.refuse(at, key.Line, fmt.Sprintf("duplicate key %s (first on line %d)", quote(key.Value), first), "keep one of them")
			} else {
				seen[key.Value] = key.Line
			}
			n.Members = append(n.Members, Member{Name: key.Value, Line: key.Line, Value: y.node(in.Content[i+1], at)})
		}
	case yaml.ScalarNode:
		return y.scalar(in, path)
	default:
		return y.refuse(path, in.Line, "something that is no value", "write a value")
	}
	return n
}

func (y *yamlReader) scalar(in *yaml.Node, path []string) *Node {
	n := &Node{Line: in.Line, Text: in.Value}
	switch in.ShortTag() {
	case "!!null":
		n.Kind, n.Text = Null, "null"
	case "!!bool":
		n.Kind, n.Text = Bool, strings.ToLower(in.Value)
	case "!!str", "!!timestamp":
		n.Kind = String
	case "!!int", "!!float":
		n.Kind = Number
		if !json.Valid([]byte(in.Value)) { // 0x1f, 1_000, +1, .5, .inf
			i, err := strconv.ParseInt(in.Value, 0, 64)
			if err != nil {
				return y.refuse(path, in.Line, fmt.Sprintf("number %s is not one of JSON", in.Value), "write it in decimal digits, or in quotes")
			}
			n.Text = strconv.FormatInt(i, 10)
		}
		if what, remedy := numberRefused(n.Text); what != "" {
			return y.refuse(path, in.Line, what, remedy)
		}
	default:
		return y.refuse(path, in.Line, "tag "+in.Tag, "write a plain value")
	}
	return n
}
