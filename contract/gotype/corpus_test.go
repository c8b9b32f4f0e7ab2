package gotype_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gotype"
)

// anyEvent has the attributes of a CDEvent, and leaves the rest as it is written.
type anyEvent struct {
	Context       json.RawMessage `json:"context"`
	Subject       json.RawMessage `json:"subject"`
	CustomData    json.RawMessage `json:"customData,omitempty"`
	ContentType   *string         `json:"customDataContentType,omitempty"`
	NotOfCDEvents *string         `json:"notOfCDEvents,omitempty"`
}

// Every sample of a public schema is decoded into a type that takes everything, and
// comes out the same; and a field that is too many is found, whatever the schema.
func TestCDEvents(t *testing.T) {
	root := os.Getenv("EVENTPROOF_CORPUS")
	if root == "" {
		t.Skip("EVENTPROOF_CORPUS is not set: it names the folder of public schemas that this runs against")
	}
	schemas, err := filepath.Glob(filepath.Join(root, "cdevents", "v0.4.1", "schemas", "*.json"))
	if err != nil || len(schemas) == 0 {
		t.Fatalf("no schemas in the corpus (%v)", err)
	}
	fsys := fstest.MapFS{"order.placed/contract.yaml": {Data: []byte("event: order.placed\ntopic: t\n")}}
	links, err := filepath.Glob(filepath.Join(root, "cdevents", "v0.4.1", "schemas", "links", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range links {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys["links/"+strings.TrimSuffix(filepath.Base(file), ".json")+".schema.json"] = &fstest.MapFile{Data: text}
	}
	for i, file := range schemas {
		if i%8 > 0 {
			continue // they are much alike
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys["order.placed/v1.schema.json"] = &fstest.MapFile{Data: text}
			c, err := contract.Load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range with[json.RawMessage](gotype.Reader)(c) {
				t.Error(v)
			}
			for _, v := range with[anyEvent](gotype.Reader)(c) {
				t.Error(v)
			}
			found := false
			for _, v := range with[anyEvent](gotype.Writer)(c) {
				found = found || v.Rule == gotype.RuleEncodes && v.Pointer == "/data/notOfCDEvents"
			}
			if !found {
				t.Error("notOfCDEvents was not found")
			}
		})
	}
}
