package resources

import (
	"github.com/eventproof/eventproof/contract"
)

// Configuration is a Dapr Configuration. daprd reads it by its --config flag
// and never from a resources directory; it is read here so that a world can
// pass it on.
type Configuration struct {
	Name      string
	Namespace string
	Features  map[string]bool // preview features, by name
	Deny      []string        // component types that daprd must not load
	// Invocation names the sections of its spec that decide on service
	// invocation: accessControl, httpPipeline, appHttpPipeline, nameResolution.
	Invocation []string
	Place      contract.Place

	// Data is the text of its document alone: of a file with several documents
	// --config reads the first one only.
	Data []byte

	doc *document
}

// configurationYAML is the part that concerns pub/sub and invocation. daprd decodes it with
// gopkg.in/yaml.v3 after expanding $VARIABLES.
// Source: D16 pkg/config/configuration.go.
type configurationYAML struct {
	header
	Spec struct {
		Features []struct {
			Name    string `json:"name"`
			Enabled bool   `json:"enabled"`
		} `json:"features"`
		Components struct {
			Deny []string `json:"deny"`
		} `json:"components"`
		AccessControl   map[string]any `json:"accessControl"`
		HTTPPipeline    map[string]any `json:"httpPipeline"`
		AppHTTPPipeline map[string]any `json:"appHttpPipeline"`
		NameResolution  map[string]any `json:"nameResolution"`
	} `json:"spec"`
}

var configurationShape = object{
	"apiVersion": text, "kind": text, "metadata": objectMeta,
	"spec": object{
		"httpPipeline": anything, "appHttpPipeline": anything, "tracing": anything, "mtls": anything,
		"metric": anything, "metrics": anything, "secrets": anything, "accessControl": anything,
		"nameResolution": anything, "api": anything, "logging": anything, "wasm": anything, "workflow": anything,
		"features":   list{object{"name": text, "enabled": boolean}},
		"components": object{"deny": list{text}},
	},
}

func (l *loader) configuration(d *document) {
	var in configurationYAML
	if !l.decode(d, configurationShape, &in) {
		return
	}
	c := Configuration{
		Name: in.Metadata.Name, Namespace: in.Metadata.Namespace, Features: map[string]bool{},
		Deny: in.Spec.Components.Deny, Place: d.place("kind"), Data: d.data, doc: d,
	}
	for _, f := range in.Spec.Features {
		c.Features[f.Name] = f.Enabled
	}
	for _, section := range []struct {
		name  string
		value map[string]any
	}{
		{"accessControl", in.Spec.AccessControl}, {"httpPipeline", in.Spec.HTTPPipeline},
		{"appHttpPipeline", in.Spec.AppHTTPPipeline}, {"nameResolution", in.Spec.NameResolution},
	} {
		if len(section.value) > 0 {
			c.Invocation = append(c.Invocation, section.name)
		}
	}
	l.configurations = append(l.configurations, c)
}
