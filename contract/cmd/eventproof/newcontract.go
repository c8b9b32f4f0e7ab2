package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// newContract is a contract that init writes.
type newContract struct {
	event, topic string
	pubsub       string            // "" for the default
	contentType  string            // "" for the default
	match        map[string]string // "" where the topic says enough
	schema       *schema.Node
	examples     []newExample
}

type newExample struct {
	name string
	data []byte
}

// text is its contract.yaml.
func (n newContract) text() string {
	var b strings.Builder
	b.WriteString("# yaml-language-server: $schema=https://raw.githubusercontent.com/eventproof/eventproof/main/schemas/contract.schema.json\n\n")
	b.WriteString("# The event's name is that of its directory.\n")
	fmt.Fprintf(&b, "event: %s\ntopic: %s\n", scalar(n.event), scalar(n.topic))
	if n.pubsub != "" {
		fmt.Fprintf(&b, "pubsub: %s\n", scalar(n.pubsub))
	}
	if n.contentType != "" {
		fmt.Fprintf(&b, "dataContentType: %s\n", scalar(n.contentType))
	}
	if t := n.match["type"]; t != "" {
		fmt.Fprintf(&b, "match: {type: %s}\n", scalar(t))
	}
	b.WriteString("\n# What makes two events the same to a consumer is the id of the CloudEvent. A second\n" +
		"# publish has another one; so say where your own id is.\n# identity: /data/order_id\n\n" +
		"# producers:\n#   - {app: orders}\n# consumers:\n#   - {app: payments}\n")
	return b.String()
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)

// scalar is a text as YAML reads it back: quoted where it could be anything else.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(s)) {
		return s
	}
	quoted, _ := json.Marshal(s) // a string is always encoded
	return string(quoted)
}

// files are what is written, by path under the directory of the contracts.
func (n newContract) files() (map[string][]byte, error) {
	var text bytes.Buffer
	if err := json.Indent(&text, []byte(n.schema.JSON()), "", "  "); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", n.event, err)
	}
	text.WriteByte('\n')
	files := map[string][]byte{
		n.event + "/contract.yaml":  []byte(n.text()),
		n.event + "/v1.schema.json": text.Bytes(),
	}
	for _, x := range n.examples {
		var data bytes.Buffer
		if err := json.Indent(&data, x.data, "", "  "); err != nil {
			return nil, fmt.Errorf("example %s of %s: %w", x.name, n.event, err)
		}
		data.WriteByte('\n')
		files[n.event+"/v1.examples/"+x.name+".json"] = data.Bytes()
	}
	return files, nil
}

// shown is a root under the name of the directory that it will be in.
type shown struct {
	fs.FS
	name string
}

func (s shown) Name() string { return s.name }

// planned is what will be written, and the catalog that it makes together with the
// contracts that are in dir already.
type planned struct {
	dir     string
	files   map[string][]byte
	catalog *contract.Catalog
}

// plan makes the files and loads them from a temporary directory, so that nothing
// is written that cannot be read.
func plan(dir string, contracts []newContract) (p planned, err error) {
	p = planned{dir: dir, files: map[string][]byte{}}
	for _, n := range contracts {
		if _, err := os.Lstat(filepath.Join(dir, n.event)); err == nil {
			return p, fmt.Errorf("init: %s is there already, and nothing is overwritten: take another name with --event, or delete it", filepath.ToSlash(filepath.Join(dir, n.event)))
		}
		files, err := n.files()
		if err != nil {
			return p, fmt.Errorf("init: %w", err)
		}
		for name, text := range files {
			p.files[name] = text
		}
	}
	trial, err := os.MkdirTemp("", "eventproof-init-")
	if err != nil {
		return p, fmt.Errorf("init: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(trial)) }()
	if _, err := p.write(trial); err != nil {
		return p, err
	}
	roots := []fs.FS{shown{os.DirFS(trial), filepath.ToSlash(dir)}}
	present, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "contract.yaml"))
	if err != nil {
		return p, fmt.Errorf("init: %w", err)
	}
	if len(present) > 0 {
		roots = append(roots, os.DirFS(dir))
	}
	p.catalog, err = contract.Load(roots...)
	if err != nil {
		return p, fmt.Errorf("init: the new contracts do not go together with those in %s, and nothing was written:\n%w", filepath.ToSlash(dir), err)
	}
	return p, nil
}

// write writes the files under a directory. What is there already is an error.
func (p planned) write(dir string) (written []string, err error) {
	names := make([]string, 0, len(p.files))
	for name := range p.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return written, fmt.Errorf("init: %w", err)
		}
		out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return written, fmt.Errorf("init: %w", err)
		}
		_, err = out.Write(p.files[name])
		if err := errors.Join(err, out.Close()); err != nil {
			return written, fmt.Errorf("init: %w", err)
		}
		written = append(written, filepath.ToSlash(file))
	}
	return written, nil
}

// eventName is a text as the name of a contract: what it cannot hold is a dash.
func eventName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, s)
	if name = strings.TrimLeft(name, "._-"); name == "" {
		return "event"
	}
	return name
}

// object, array and string nodes of the schemas that init writes.
func objectNode(members ...schema.Member) *schema.Node {
	return &schema.Node{Kind: schema.Object, Members: members}
}

func textNode(s string) *schema.Node { return &schema.Node{Kind: schema.String, Text: s} }

func textsNode(all []string) *schema.Node {
	n := &schema.Node{Kind: schema.Array}
	for _, s := range all {
		n.Items = append(n.Items, textNode(s))
	}
	return n
}

const draft = "https://json-schema.org/draft/2020-12/schema"

// described puts the words of a first schema before its keywords.
func described(n *schema.Node) *schema.Node {
	head := []schema.Member{
		{Name: "$schema", Value: textNode(draft)},
		{Name: "description", Value: textNode("The data of the event. What is not declared here is not sent.")},
	}
	rest := slices.DeleteFunc(slices.Clone(n.Members), func(m schema.Member) bool { return m.Name == "$schema" })
	return objectNode(append(head, rest...)...)
}
