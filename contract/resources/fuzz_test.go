package resources_test

import (
	"bytes"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract/resources"
)

// No text makes Load or what follows it panic, and what Substitute writes loads.
func FuzzLoad(f *testing.F) {
	for _, in := range inputs {
		for _, file := range root(in.files) {
			f.Add(file.Data)
		}
	}
	for _, text := range []string{team, shop} {
		for _, file := range root(text) {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := resources.Load(fstest.MapFS{"a.yaml": &fstest.MapFile{Data: data}})
		if (s == nil) != (err != nil) {
			t.Fatalf("set %v with error %v", s, err)
		}
		if err != nil {
			return
		}
		s.For("app")
		s.CheckApps("app")
		s.Inbound("app", "pubsub").Attempts()
		if files, listed := resources.Substitute(s, resources.Substitution{}); len(listed) == 0 && !bytes.Equal(files["a.yaml"], data) {
			t.Fatalf("nothing is listed, and yet changed:\n%s", files["a.yaml"])
		}
		files, _ := resources.Substitute(s, resources.Substitution{RedisHost: "redis:6379", PoolSize: 20, RetryScale: 0.5})
		again, err := resources.Load(directory(files))
		if err != nil {
			t.Fatalf("what Substitute wrote does not load: %v\n%s", err, files["a.yaml"])
		}
		if len(again.Components) != len(s.Components) || len(again.Subscriptions) != len(s.Subscriptions) || len(again.Resiliencies) != len(s.Resiliencies) {
			t.Fatalf("what Substitute wrote is another set:\n%s", files["a.yaml"])
		}
	})
}
