package resources

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	positions "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/eventproof/eventproof/contract"
)

// document is one YAML document of a file.
type document struct {
	file   *File
	start  int // offset of data in the file
	line   int // lines of the file before data
	data   []byte
	value  map[string]any // as daprd reads it
	header header
	tree   positions.Node
	node   *positions.Node // the same with positions: the mapping in tree; nil where it has comments only

	overridden bool // a later root has the same kind and name
	unread     bool // a Resiliency where daprd does not look for one
}

// header is what every resource has.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// The size of a document, with the separator line after it, that daprd's
// bufio.Scanner can hold.
const maxDocument = 64 * 1024

// split cuts a file into documents as daprd does: at each line that begins with
// "---", of which the rest is skipped. lost is the offset from which daprd reads
// nothing, len(data) where it reads all: a last separator with text after it and
// no newline swallows the document before it.
//
// Source: D16 pkg/internal/loader/disk/manifest.go splitYamlDoc.
func split(data []byte) (documents [][2]int, lost int) {
	const separator = "\n---"
	for at := 0; at < len(data); {
		i := bytes.Index(data[at:], []byte(separator))
		if i < 0 {
			return append(documents, [2]int{at, len(data)}), len(data)
		}
		after := at + i + len(separator)
		if after == len(data) {
			return append(documents, [2]int{at, at + i}), len(data)
		}
		newline := bytes.IndexByte(data[after:], '\n')
		if newline < 0 {
			return documents, at
		}
		documents = append(documents, [2]int{at, at + i})
		at = after + newline + 1
	}
	return documents, len(data)
}

// parse reads the values and positions of the document. ok is false where there
// is nothing in it.
func (d *document) parse() (ok bool, err error) {
	var value any
	if err := yaml.Unmarshal(d.data, &value); err != nil {
		return false, err
	}
	if value == nil {
		return false, nil
	}
	d.value, ok = value.(map[string]any)
	if !ok {
		return false, fmt.Errorf("it is not a mapping")
	}
	if err := positions.Unmarshal(d.data, &d.tree); err != nil {
		return false, err
	}
	if len(d.tree.Content) != 1 || d.tree.Content[0].Kind != positions.MappingNode {
		return false, fmt.Errorf("only older YAML parsers read it as one")
	}
	d.node = d.tree.Content[0]
	budget := maxNodes
	if expand(d.node, &budget); budget <= 0 {
		return false, fmt.Errorf("its aliases stand for more than %d values", maxNodes)
	}
	return true, nil
}

// maxNodes bounds a document whose aliases are written out.
const maxNodes = 100_000

// expanded is a copy of the document that may be changed, without aliases and
// merge keys, so that a change to one place changes no other.
func (d *document) expanded() (root, tree *positions.Node) {
	cp, budget := d.tree, maxNodes
	root = expand(d.node, &budget)
	cp.Content = []*positions.Node{root}
	return root, &cp
}

func expand(n *positions.Node, budget *int) *positions.Node {
	if *budget--; *budget <= 0 {
		return &positions.Node{Kind: positions.ScalarNode, Tag: "!!null"}
	}
	from := follow(n)
	cp := *from
	cp.Anchor = ""
	cp.Content = nil
	var merged []*positions.Node
	for i, c := range from.Content {
		if from.Kind == positions.MappingNode && i%2 == 0 && c.Tag == "!!merge" && i+1 < len(from.Content) {
			value := expand(from.Content[i+1], budget)
			if value.Kind == positions.SequenceNode {
				merged = append(merged, value.Content...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		if from.Kind == positions.MappingNode && i%2 == 1 && from.Content[i-1].Tag == "!!merge" {
			continue
		}
		cp.Content = append(cp.Content, expand(c, budget))
	}
	for _, m := range merged {
		for i := 0; m.Kind == positions.MappingNode && i+1 < len(m.Content); i += 2 {
			if !hasKey(&cp, m.Content[i].Value) {
				cp.Content = append(cp.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
	return &cp
}

func hasKey(n *positions.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// place is where the value at the path is written: the line of its key, or of
// the list item. Where the path is not written, that of its nearest parent.
func (d *document) place(path ...string) contract.Place {
	p := contract.Place{File: d.file.name, Line: d.line + 1}
	n := d.node
	if n == nil {
		return p
	}
	p.Line = d.line + n.Line
	for _, name := range path {
		key, value := child(n, name)
		if key == nil {
			break
		}
		p.Line, n = d.line+key.Line, value
	}
	return p
}

// child finds the value of a key, compared as encoding/json does, or of a list
// index, and the node that says where it is.
func child(n *positions.Node, name string) (key, value *positions.Node) {
	n = follow(n)
	switch n.Kind {
	case positions.MappingNode:
		for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if same(n.Content[i].Value, name) {
					return n.Content[i], follow(n.Content[i+1])
				}
			}
		}
	case positions.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], follow(n.Content[i])
		}
	}
	return nil, nil
}

// follow is the node that an alias stands for.
func follow(n *positions.Node) *positions.Node {
	for i := 0; n.Kind == positions.AliasNode && n.Alias != nil && i < 100; i++ {
		n = n.Alias
	}
	return n
}

// duplicates calls found for each key that its mapping has already, with the
// line of both.
func duplicates(n *positions.Node, found func(key string, first, second int)) {
	if n == nil || n.Kind == positions.AliasNode {
		return
	}
	if n.Kind == positions.MappingNode {
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != positions.ScalarNode || key.Value == "<<" {
				continue
			}
			if first, ok := seen[key.Value]; ok {
				found(key.Value, first, key.Line)
			}
			seen[key.Value] = key.Line
		}
	}
	for _, c := range n.Content {
		duplicates(c, found)
	}
}

var (
	templateMark = regexp.MustCompile(`\{\{-?\s*[\w.$"(/*][^\n]*`)
	yamlLine     = regexp.MustCompile(`line (\d+): `)
)

// template finds the first template action outside comments: its text and line.
func template(data []byte) (action string, line int, found bool) {
	for i, text := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.TrimSpace(text), "#") {
			continue
		}
		if action := templateMark.FindString(text); action != "" {
			if end := strings.Index(action, "}}"); end >= 0 {
				action = action[:end+2]
			}
			return strings.TrimSpace(action), i + 1, true
		}
	}
	return "", 0, false
}

// yamlError splits a parser's error into line and message. Line 0 where it
// names none.
func yamlError(err error) (line int, message string) {
	message = err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	if i := strings.IndexByte(message, '\n'); i >= 0 {
		message = message[:i]
	}
	return line, message
}
