package contract

import (
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/schemas"
)

// entry is a contract with what the catalog needs to check by it.
type entry struct {
	contract *Contract
	root     *root
	dir      string
	schemas  map[string]*schema.Schema // by version
	reads    map[string]*schema.Schema // by consumer app
	status   map[string]string         // versions: of contract.yaml
	file     string                    // contract.yaml
	node     *schema.Node              // what it says
}

// at is the line of a field of contract.yaml; of event: where it is not written.
func (e *entry) at(pointer string) Place {
	if e.node.At(pointer) == nil {
		pointer = "/event"
	}
	return e.root.place(e.file, e.node.LineOf(pointer))
}

func (e *entry) options() schema.Options {
	return schema.Options{Draft: e.contract.Draft, AssertFormat: e.contract.Format == "assert"}
}

// contractSchema is schemas/contract.schema.json.
var contractSchema = sync.OnceValue(func() *schema.Schema {
	const name = "contract.schema.json"
	text, err := schemas.Files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("contract: %s is not embedded: %v", name, err))
	}
	s, err := schema.Parse("schemas/"+name, text, schema.Options{})
	if err != nil {
		panic(fmt.Sprintf("contract: %v", err))
	}
	return s
})

// contract reads contract.yaml, nil where too little of it can be understood.
func (l *loader) contract(r *root, dir, file string) *entry {
	text, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		l.add(r.place(file, 1), "make it readable", "cannot be read (%s)", reason(err))
		return nil
	}
	n, err := schema.ReadYAML(text)
	if err != nil {
		l.refused(r, file, err)
		return nil
	}
	if n.Kind != schema.Object {
		l.add(r.place(file, n.Line), "write fields, event: and topic: at least", "it is a YAML %s", n.Kind)
		return nil
	}
	if !l.wellFormed(r, file, n) {
		return nil
	}
	e := &entry{root: r, dir: dir, schemas: map[string]*schema.Schema{}, reads: map[string]*schema.Schema{}, status: map[string]string{}, file: file, node: n}
	d := &decoder{root: r, file: file}
	e.contract = d.contract(n, e)
	return e
}

// wellFormed checks the file by its schema and says what is wrong in the words
// of a person who writes YAML.
func (l *loader) wellFormed(r *root, file string, n *schema.Node) bool {
	s := contractSchema()
	failures := s.Validate(n.Value())
	for _, f := range failures {
		at := r.place(file, n.LineOf(f.Pointer))
		tokens, _ := schema.Tokens(f.Pointer)
		field := strings.Join(tokens, ".")
		last := ""
		if len(tokens) > 0 {
			last = tokens[len(tokens)-1]
		}
		switch f.Keyword {
		case "additionalProperties":
			what, remedy := "unknown field "+last, "delete it"
			known := knownFields(s.Root, tokens[:len(tokens)-1])
			if near := schema.Nearest(last, known); near != "" {
				remedy = "write " + near
			} else if len(known) > 0 {
				remedy = "the fields are " + strings.Join(known, ", ")
			}
			l.add(at, remedy, "%s", what)
		case "required":
			at.Line = n.LineOf(schema.Pointer(tokens[:len(tokens)-1]...))
			remedy := "write " + last + ":"
			if d := described(s.Root, tokens, false); d != "" {
				remedy += ", " + d
			}
			l.add(at, remedy, "%s is missing", field)
		case "enum":
			l.add(at, "write "+alternatives(f.Want), "%s is %s", field, f.Got)
		case "type":
			article := "a "
			if strings.HasPrefix(f.Want, "integer") {
				article = "an "
			}
			l.add(at, "write "+article+inYAML(f.Want), "%s is a %s", field, inYAML(f.Got))
		default: // pattern, minLength, …: say what it is
			l.add(at, "write "+described(s.Root, tokens, f.OfName)+pointerLike(n.At(f.Pointer), f), "%s %s (%s)", field, f.What, f.Got)
		}
	}
	return len(failures) == 0
}

// alternatives is what an enum wants, in YAML: a or b or c.
func alternatives(want string) string {
	var all []string
	for _, one := range strings.Split(strings.TrimPrefix(want, "one of "), ", ") {
		if one = strings.Trim(one, `"`); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return strings.Join(all, " or ")
}

// inYAML says object and array in the words of YAML.
func inYAML(s string) string { return strings.NewReplacer("object", "map", "array", "list").Replace(s) }

// pointerLike suggests the pointer that was probably meant.
func pointerLike(n *schema.Node, f schema.Failure) string {
	if n == nil || f.OfName || n.Kind != schema.String {
		return ""
	}
	if _, err := schema.Tokens(n.Text); err != nil && strings.HasPrefix(n.Text, "data.") {
		return ", as /" + strings.ReplaceAll(n.Text, ".", "/")
	}
	return ""
}

// at follows a path through the contract's schema, $refs included.
func at(root, n *schema.Node, tokens []string) *schema.Node {
	for n != nil {
		if ref := n.Get("$ref"); ref != nil && n.Get("description") == nil {
			n = root.At(strings.TrimPrefix(ref.Text, "#"))
			continue
		}
		if len(tokens) == 0 {
			return n
		}
		next := n.Get("properties").Get(tokens[0])
		if next == nil {
			next = n.Get("items")
		}
		if next == nil {
			next = n.Get("additionalProperties")
		}
		n, tokens = next, tokens[1:]
	}
	return nil
}

func knownFields(root *schema.Node, tokens []string) []string {
	var names []string
	if p := at(root, root, tokens).Get("properties"); p != nil {
		for _, m := range p.Members {
			names = append(names, m.Name)
		}
	}
	return names
}

// described is the description of a field, or of the nearest around it that
// has one; ofName: of the names that its map may have.
func described(root *schema.Node, tokens []string, ofName bool) string {
	if ofName {
		names := at(root, root, tokens[:len(tokens)-1]).Get("propertyNames")
		return text(at(root, names, nil), "description", "")
	}
	for i := len(tokens); i > 0; i-- {
		if d := at(root, root, tokens[:i]).Get("description"); d != nil {
			return d.Text
		}
	}
	return ""
}

// decoder turns a well-formed contract.yaml into a Contract.
type decoder struct {
	root *root
	file string
}

func (d *decoder) place(line int) Place { return d.root.place(d.file, line) }

func text(n *schema.Node, name, otherwise string) string {
	if v := n.Get(name); v != nil {
		return v.Text
	}
	return otherwise
}

func texts(n *schema.Node) []string {
	if n == nil {
		return nil
	}
	var all []string
	for _, item := range n.Items {
		all = append(all, item.Text)
	}
	return all
}

func textMap(n *schema.Node) map[string]string {
	if n == nil {
		return nil
	}
	m := map[string]string{}
	for _, member := range n.Members {
		m[member.Name] = member.Value.Text
	}
	return m
}

func (d *decoder) contract(n *schema.Node, e *entry) *Contract {
	c := &Contract{
		Event:           text(n, "event", ""),
		PubSub:          text(n, "pubsub", "pubsub"),
		Topic:           text(n, "topic", ""),
		Summary:         text(n, "summary", ""),
		Trigger:         text(n, "trigger", ""),
		Style:           text(n, "style", "state"),
		Match:           textMap(n.Get("match")),
		Version:         VersionSource{From: text(n.Get("version"), "from", "only"), Map: textMap(n.Get("version").Get("map"))},
		SchemaOf:        text(n, "schemaOf", "data"),
		Schema:          text(n, "schema", ""),
		Draft:           text(n, "draft", "2020-12"),
		Format:          text(n, "format", "annotate"),
		DataContentType: text(n, "dataContentType", "application/json"),
		Identity:        text(n, "identity", "/id"),
		Correlation:     text(n, "correlation", ""),
		Compatibility:   text(n, "compatibility", "full_transitive"),
		Undeclared:      text(n, "undeclared", "absent"),
		Metadata:        textMap(n.Get("metadata")),
		Place:           d.place(n.LineOf("/event")),
	}
	if o := n.Get("ordering"); o != nil {
		c.Ordering = &Ordering{By: text(o, "by", ""), Key: text(o, "key", ""), Sequence: text(o, "sequence", ""), Place: d.place(n.LineOf("/ordering"))}
	}
	if v := n.Get("versions"); v != nil {
		for _, m := range v.Members {
			e.status[m.Name] = text(m.Value, "status", "published")
		}
	}
	if p := n.Get("producers"); p != nil {
		for _, item := range p.Items {
			c.Producers = append(c.Producers, Producer{App: text(item, "app", ""), Versions: texts(item.Get("versions")), Publishing: text(item, "publishing", "direct"), Place: d.place(item.Line)})
		}
	}
	if k := n.Get("consumers"); k != nil {
		for _, item := range k.Items {
			deliveries, _ := strconv.ParseFloat(text(item, "maxDeliveries", "0"), 64) // 1 to 1,000,000, by the schema
			c.Consumers = append(c.Consumers, Consumer{App: text(item, "app", ""), Versions: texts(item.Get("versions")), Reads: text(item, "reads", ""),
				DeadLetterTopic: text(item, "deadLetterTopic", ""), MaxDeliveries: int(deliveries), Place: d.place(item.Line)})
		}
	}
	if w := n.Get("waivers"); w != nil {
		for _, item := range w.Items {
			c.Waivers = append(c.Waivers, Waiver{Rule: text(item, "rule", ""), At: text(item, "place", ""), Reason: text(item, "reason", ""), Expires: text(item, "expires", ""), Place: d.place(item.Line)})
		}
	}
	return c
}

// published are the names of the versions that are not draft.
func (c *Contract) published() []string {
	var names []string
	for _, v := range c.Versions {
		if v.Status != "draft" {
			names = append(names, v.Name)
		}
	}
	return names
}

func (c *Contract) version(name string) *Version {
	for i := range c.Versions {
		if c.Versions[i].Name == name {
			return &c.Versions[i]
		}
	}
	return nil
}

func (c *Contract) versionNames() []string {
	names := make([]string, len(c.Versions))
	for i, v := range c.Versions {
		names[i] = v.Name
	}
	return names
}

// versionSource checks what contract.yaml says of versions against those that
// there are, fills in the versions of producers and consumers, and refuses an
// app that is named twice.
func (l *loader) versionSource(e *entry) {
	c := e.contract
	if len(c.Versions) == 0 {
		return
	}
	names := c.versionNames()
	switch from := c.Version.From; {
	case from == "only":
		if c.Version.Map != nil {
			l.add(e.at("/version"), "delete map, or say from where", "version: {from: only} has a map")
		}
		if n := len(c.published()); n > 1 {
			l.add(e.at("/version"), "say where an event states its version, as version: {from: /data/event_version}, or mark all but one as draft", "%d published versions (%s), and nothing tells them apart", n, strings.Join(c.published(), ", "))
		}
	case (from == "type" || from == "dataschema") && c.Version.Map == nil:
		l.add(e.at("/version"), fmt.Sprintf("write map: {<%s>: %s}", from, names[0]), "version: {from: %s} needs a map from what is found there to a version", from)
	}
	for _, found := range slices.Sorted(maps.Keys(c.Version.Map)) {
		if v := c.Version.Map[found]; c.version(v) == nil {
			l.add(e.at("/version"), "write one of "+strings.Join(names, ", "), "version.map: %s is version %s, which has no schema", found, v)
		}
	}
	if _, _, err := mime.ParseMediaType(c.DataContentType); err != nil {
		l.add(e.at("/dataContentType"), "write a media type, such as application/json", "dataContentType %s (%v)", c.DataContentType, err)
	}
	for _, w := range c.Waivers {
		if _, err := time.Parse(time.DateOnly, w.Expires); err != nil {
			l.add(w.Place, "write a day of the calendar, as 2026-12-31", "waiver of %s expires on %s, which is no day", w.Rule, w.Expires)
		}
	}
	apps := func(kind, app string, versions []string, at Place, seen map[string]bool) []string {
		if seen[app] {
			l.add(at, "keep one of them", "%s %s is named twice", kind, app)
		}
		seen[app] = true
		for _, v := range versions {
			if c.version(v) == nil {
				l.add(at, "write one of "+strings.Join(names, ", "), "%s %s: version %s has no schema", kind, app, v)
			}
		}
		if versions == nil {
			return c.published()
		}
		return versions
	}
	seen := map[string]bool{}
	for i := range c.Producers {
		p := &c.Producers[i]
		p.Versions = apps("producer", p.App, p.Versions, p.Place, seen)
	}
	seen = map[string]bool{}
	for i := range c.Consumers {
		k := &c.Consumers[i]
		k.Versions = apps("consumer", k.App, k.Versions, k.Place, seen)
	}
}
