package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// CDEvents, a vocabulary of real CloudEvents, as a catalog: each schema is a
// contract, matched by its type, and each conformance event travels as the data of a CloudEvent, as the CDEvents
// binding to CloudEvents says. Every one is accepted; with any of its required
// properties removed, at any depth, it is rejected where that is missing.
//
// What is required is found here by reading the schemas' own required lists
// beside the event, without the validator.
func TestCDEvents(t *testing.T) {
	corpus := os.Getenv("EVENTPROOF_CORPUS")
	if corpus == "" {
		t.Skip("EVENTPROOF_CORPUS is not set: it names the folder that holds cdevents/")
	}
	for _, release := range []string{"v0.4.1", "v0.5.1"} {
		t.Run(release, func(t *testing.T) {
			dir := filepath.Join(corpus, "cdevents", release)
			vocabulary := readVocabulary(t, dir)
			c := load(t, vocabulary.root)
			accepted, removed := 0, 0
			for _, file := range glob(t, dir, "conformance", "*.json") {
				text := read(t, file)
				name := filepath.Base(file)
				event := cdEvent(t, text)
				k, _, _ := c.Find(event)
				if k == nil {
					t.Errorf("%s: no contract: %v", name, c.Check(event))
					continue
				}
				if violations := c.Check(event); len(violations) > 0 {
					t.Errorf("%s is not accepted:\n%s", name, violations[0])
					continue
				}
				accepted++
				s := vocabulary.schemas[k.Event]
				for _, pointer := range s.required(t, s.doc, decode(t, text), "") {
					changed := decode(t, text)
					remove(t, changed, pointer)
					b, err := json.Marshal(changed)
					if err != nil {
						t.Fatal(err)
					}
					e := cdEvent(t, text)
					e.Data = b
					violations := c.Check(e)
					if !rejectedAt(violations, "/data"+pointer) {
						t.Errorf("%s without %s: no %s at /data%s, only %v", name, pointer, contract.RuleSchema, pointer, violations)
					}
					removed++
				}
			}
			t.Logf("%s: %d contracts, %d conformance events accepted, %d with a required property removed rejected at its pointer", release, len(c.Contracts()), accepted, removed)
			if accepted != 45 || removed < 10*accepted {
				t.Errorf("accepted %d events, removed %d properties: want all 45 of the release, and at least 10 of each", accepted, removed)
			}
		})
	}
}

func rejectedAt(violations []contract.Violation, pointer string) bool {
	for _, v := range violations {
		if v.Rule == contract.RuleSchema && v.Pointer == pointer {
			return true
		}
	}
	return false
}

// cdEvent wraps a CDEvent as its binding says: id, source and type are those
// of its context.
func cdEvent(t *testing.T, text []byte) contract.Event {
	t.Helper()
	var in struct {
		Context struct{ ID, Source, Type, Timestamp string }
	}
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	return contract.Event{SpecVersion: "1.0", ID: in.Context.ID, Source: in.Context.Source, Type: in.Context.Type, Time: in.Context.Timestamp,
		DataContentType: "application/json", Data: text, PubSub: "pubsub", Topic: "cdevents"}
}

type vocabulary struct {
	root    fstest.MapFS
	schemas map[string]cdSchema // by event
}

type cdSchema struct {
	doc  any
	byID map[string]any
	id   string // that doc's relative references start from
}

func readVocabulary(t *testing.T, dir string) vocabulary {
	t.Helper()
	v := vocabulary{fstest.MapFS{}, map[string]cdSchema{}}
	byID := map[string]any{}
	for _, file := range glob(t, dir, "schemas", "links", "*.json") {
		text := read(t, file)
		doc := decode(t, text)
		byID[doc.(map[string]any)["$id"].(string)] = doc
		v.root["shared/"+strings.TrimSuffix(filepath.Base(file), ".json")+".schema.json"] = &fstest.MapFile{Data: text}
	}
	for _, file := range glob(t, dir, "schemas", "*.json") {
		text := read(t, file)
		doc := decode(t, text)
		eventType, ok := schema.Resolve(doc, "/properties/context/properties/type/enum/0")
		if !ok {
			t.Fatalf("%s: where is its type?", file)
		}
		event := strings.TrimSuffix(filepath.Base(file), ".json")
		v.root[event+"/v1.schema.json"] = &fstest.MapFile{Data: text}
		v.root[event+"/contract.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "event: %s\ntopic: cdevents\nformat: assert\nmatch: {type: %s}\nidentity: /data/context/id\n", event, eventType)}
		v.schemas[event] = cdSchema{doc, byID, doc.(map[string]any)["$id"].(string)}
	}
	return v
}

// required are the pointers of the properties, present in the value, that the
// schema requires: by required, properties, items, $ref, and the branch of an
// anyOf that the value belongs to, which is told by its enums.
func (s cdSchema) required(t *testing.T, doc, value any, at string) (pointers []string) {
	t.Helper()
	n, ok := doc.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := n["$ref"].(string); ok {
		id := s.id[:strings.LastIndex(s.id, "/")+1] + ref
		if s.byID[id] == nil {
			t.Fatalf("%s: no schema %s", ref, id)
		}
		pointers = append(pointers, cdSchema{s.byID[id], s.byID, id}.required(t, s.byID[id], value, at)...)
	}
	for _, branch := range list(n["anyOf"]) {
		if s.belongs(branch, value) {
			pointers = append(pointers, s.required(t, branch, value, at)...)
		}
	}
	if items, ok := value.([]any); ok {
		for i, item := range items {
			pointers = append(pointers, s.required(t, n["items"], item, fmt.Sprintf("%s/%d", at, i))...)
		}
	}
	object, _ := value.(map[string]any)
	for _, name := range list(n["required"]) {
		if _, there := object[name.(string)]; there {
			pointers = append(pointers, at+schema.Pointer(name.(string)))
		}
	}
	properties, _ := n["properties"].(map[string]any)
	for name, sub := range properties {
		if v, there := object[name]; there {
			pointers = append(pointers, s.required(t, sub, v, at+schema.Pointer(name))...)
		}
	}
	return pointers
}

// belongs reports whether no enum of the branch's own properties excludes the value.
func (s cdSchema) belongs(branch, value any) bool {
	n := branch.(map[string]any)
	if ref, ok := n["$ref"].(string); ok {
		n = s.byID[s.id[:strings.LastIndex(s.id, "/")+1]+ref].(map[string]any)
	}
	object, _ := value.(map[string]any)
	properties, _ := n["properties"].(map[string]any)
	for name, sub := range properties {
		allowed := list(sub.(map[string]any)["enum"])
		v, there := object[name]
		fits := len(allowed) == 0 || !there
		for _, a := range allowed {
			fits = fits || a == v
		}
		if !fits {
			return false
		}
	}
	return true
}

func list(v any) []any { l, _ := v.([]any); return l }

func remove(t *testing.T, value any, pointer string) {
	t.Helper()
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		t.Fatal(err)
	}
	parent, ok := schema.Resolve(value, schema.Pointer(tokens[:len(tokens)-1]...))
	if !ok {
		t.Fatalf("%s is not there", pointer)
	}
	delete(parent.(map[string]any), tokens[len(tokens)-1])
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func glob(t *testing.T, elements ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(elements...))
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing in %s (%v)", filepath.Join(elements...), err)
	}
	return found
}
