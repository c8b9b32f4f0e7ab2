package gate_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// Three repositories: shared contracts, a producer with a contract of its own,
// and a consumer that states in its own repository what it reads of both.
type three struct{ shared, producer, consumer *repository }

func newThree(t *testing.T) three {
	t.Helper()
	event := func(name, schema string) map[string]string {
		return under("contracts/"+name, map[string]string{
			"contract.yaml":            fmt.Sprintf("event: %s\ntopic: %s\nproducers: [{app: shop}]\n", name, name),
			"v1.schema.json":           schema,
			"v1.examples/minimal.json": `{"id": "1", "v": 1}`,
		})
	}
	const schema = `{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "v": {}}}`
	reads := `{"required": ["id"], "properties": {"id": {"type": "string"}}}`
	return three{
		shared:   newRepository(t, event("customer.moved", schema)),
		producer: newRepository(t, event("order.placed", schema)),
		consumer: newRepository(t, map[string]string{
			"contracts/consumers/mail/order.placed.reads.schema.json":   reads,
			"contracts/consumers/mail/customer.moved.reads.schema.json": reads,
			"contracts/mail.sent/contract.yaml":                         "event: mail.sent\ntopic: mail\n",
			"contracts/mail.sent/v1.schema.json":                        `{"type": "object"}`,
		}),
	}
}

func (r *repository) tree() string { return filepath.Join(r.dir, "contracts") }

// gateOf judges a repository's work tree against its HEAD, with others.
func gateOf(t *testing.T, r *repository, with ...string) (gate.Result, error) {
	t.Helper()
	base, err := gate.Revision(t.Context(), r.tree(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	c := gate.Config{Head: directory(t, r.tree()), Base: base, Today: today}
	for _, spec := range with {
		tree, err := gate.Open(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		c.With = append(c.With, tree)
	}
	return gate.Check(t.Context(), c)
}

// The break is found from either side, whether the other one is a directory, a
// revision of a local repository or one of a remote repository.
func TestThreeRepositories(t *testing.T) {
	const noID = `{"type": "object", "properties": {"id": {"type": "string"}}}`
	const total = `{"required": ["id", "total"]}`
	for _, tt := range []struct {
		name, reason string
		change       func(three) *repository
		others       func(three) []*repository
		want         []string // rule, place from the repository
	}{
		{"nothing", "no change, no finding", func(r three) *repository { return r.producer }, func(r three) []*repository { return []*repository{r.shared, r.consumer} }, nil},
		{"the producer breaks", "id may be missing now", func(r three) *repository {
			r.producer.write(map[string]string{"contracts/order.placed/contract.yaml": "event: order.placed\ntopic: order.placed\nversion: {from: /data/v}\ncompatibility: none\n", "contracts/order.placed/v2.schema.json": noID})
			return r.producer
		}, func(r three) []*repository { return []*repository{r.shared, r.consumer} }, []string{"GATE_READS contracts/order.placed/v2.schema.json:1"}},
		{"the shared contract breaks", "id may be missing now", func(r three) *repository {
			r.shared.write(map[string]string{"contracts/customer.moved/contract.yaml": "event: customer.moved\ntopic: customer.moved\nversion: {from: /data/v}\ncompatibility: none\n", "contracts/customer.moved/v2.schema.json": noID})
			return r.shared
		}, func(r three) []*repository { return []*repository{r.producer, r.consumer} }, []string{"GATE_READS contracts/customer.moved/v2.schema.json:1"}},
		{"the consumer wants more", "of both other repositories", func(r three) *repository {
			r.consumer.write(map[string]string{"contracts/consumers/mail/order.placed.reads.schema.json": total, "contracts/consumers/mail/customer.moved.reads.schema.json": total})
			return r.consumer
		}, func(r three) []*repository { return []*repository{r.producer, r.shared} },
			[]string{"GATE_READS contracts/consumers/mail/customer.moved.reads.schema.json:1", "GATE_READS contracts/consumers/mail/order.placed.reads.schema.json:1"}},
		{"the other side broke", "the producer changed nothing, but cannot be deployed", func(r three) *repository {
			r.consumer.write(map[string]string{"contracts/consumers/mail/order.placed.reads.schema.json": total})
			r.consumer.commit("wants more")
			r.consumer.git("tag", "--force", "deployed/prod")
			return r.producer
		}, func(r three) []*repository { return []*repository{r.shared, r.consumer} }, []string{"GATE_READS contracts/order.placed/v1.schema.json:1"}},
		{"the producer deletes", "the consumer reads it", func(r three) *repository {
			r.producer.write(map[string]string{"contracts/order.placed": ""})
			r.producer.write(map[string]string{"contracts/order.other/contract.yaml": "event: order.other\ntopic: o\n", "contracts/order.other/v1.schema.json": "{}"})
			return r.producer
		}, func(r three) []*repository { return []*repository{r.shared, r.consumer} }, []string{"GATE_TYPE_REMOVED contracts/order.placed/contract.yaml"}},
	} {
		for _, how := range []struct {
			name string
			spec func(r *repository) string
		}{
			{"directory", func(r *repository) string { return r.tree() }},
			{"local revision", func(r *repository) string { return r.tree() + "@main" }},
			{"remote", func(r *repository) string { return "file://" + filepath.ToSlash(r.dir) + "@deployed/prod" }},
			{"remote directory", func(r *repository) string { return "file://" + filepath.ToSlash(r.dir) + "//contracts@main" }},
		} {
			t.Run(tt.name+", "+how.name, func(t *testing.T) {
				r := newThree(t)
				var with []string
				for _, other := range tt.others(r) {
					other.git("tag", "deployed/prod")
					with = append(with, how.spec(other))
				}
				changed := tt.change(r)
				got, err := gateOf(t, changed, with...)
				if err != nil {
					t.Fatal(err)
				}
				var all []string
				for _, f := range got.Findings {
					all = append(all, f.Rule+" "+strings.TrimPrefix(f.Place.String(), filepath.ToSlash(changed.dir)+"/"))
				}
				if diff := cmp.Diff(tt.want, all); diff != "" {
					t.Errorf("%s (-want +got):\n%s\n%s", tt.reason, diff, page(got))
				}
			})
		}
	}
}

// Without the other side a consumer's root cannot be judged, and says so.
func TestConsumerAlone(t *testing.T) {
	r := newThree(t)
	_, err := gateOf(t, r.consumer)
	if err == nil || !strings.Contains(err.Error(), "event order.placed has no contract: load the producer's contracts too") {
		t.Errorf("got %v", err)
	}
}

// A contract belongs to one repository, changed or not.
func TestContractTwice(t *testing.T) {
	r := newThree(t)
	r.shared.write(under("contracts/order.placed", map[string]string{"contract.yaml": "event: order.placed\ntopic: o\n", "v1.schema.json": "{}"}))
	_, err := gateOf(t, r.producer, r.shared.tree())
	want := fmt.Sprintf("event order.placed has two contracts, %s and %s: keep one of them", filepath.ToSlash(r.producer.tree())+"/order.placed/contract.yaml", filepath.ToSlash(r.shared.tree())+"/order.placed/contract.yaml")
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestOpenSaysTheRemedy(t *testing.T) {
	r := newRepository(t, map[string]string{"contracts/a/contract.yaml": "event: a\ntopic: t\n", "contracts/a/v1.schema.json": "{}"})
	url := "file://" + filepath.ToSlash(r.dir)
	for _, tt := range []struct{ name, reason, spec, want string }{
		{"no revision", "which one?", url, "URL: which revision? Write URL@main, or the branch or tag that is deployed"},
		{"ssh without revision", "the @ is that of the user", "ssh://git@example.com/acme/shop.git", "ssh://git@example.com/acme/shop.git: which revision? Write ssh://git@example.com/acme/shop.git@main, or the branch or tag that is deployed"},
		{"scp without revision", "the @ is that of the user", "git@example.com:acme/shop.git", "git@example.com:acme/shop.git: which revision? Write git@example.com:acme/shop.git@main, or the branch or tag that is deployed"},
		{"no directory", "a typing error", "nowhere/contracts", "nowhere/contracts is not a directory: write DIR, DIR@REVISION or URL@REVISION"},
		{"option", "git would take it for an option", "--upload-pack=x", `"--upload-pack=x" is neither a directory nor a repository: write DIR, DIR@REVISION or URL@REVISION`},
		{"revision option", "git would take it for an option", url + "@--upload-pack=x", `"--upload-pack=x" is not a revision: write a branch, a tag or a commit`},
		{"unknown branch", "a typing error", url + "@mian", "URL at mian cannot be fetched: git fetch: fatal: couldn't find remote ref mian"},
		{"unknown directory", "a typing error", url + "//contrats@main", "URL at main has no directory contrats: write URL//DIR@main"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := gate.Open(t.Context(), tt.spec)
			if err == nil {
				t.Fatalf("no error, want %s: %s", tt.want, tt.reason)
			}
			if got := strings.ReplaceAll(err.Error(), url, "URL"); got != tt.want {
				t.Errorf("%s\n got: %s\nwant: %s", tt.reason, got, tt.want)
			}
		})
	}
	if _, err := gate.Check(t.Context(), gate.Config{Head: directory(t, r.tree()), With: []*gate.Tree{directory(t, r.dir)}}); err == nil || !strings.Contains(err.Error(), "no contract in "+filepath.ToSlash(r.dir)) {
		t.Errorf("a root too high up: got %v", err)
	}
}

// A repository is given by its directory, as by its URL: contracts/ is found in it.
func TestOpenFindsContracts(t *testing.T) {
	r := newRepository(t, map[string]string{"contracts/a/contract.yaml": "event: a\ntopic: t\n", "contracts/a/v1.schema.json": "{}"})
	root := newRepository(t, map[string]string{"contracts/contract.yaml": "event: contracts\ntopic: t\n", "contracts/v1.schema.json": "{}"})
	r.git("tag", "one")
	for _, tt := range []struct{ name, reason, spec, want string }{
		{"directory", "a repository's", r.dir, r.dir + "/contracts"},
		{"the root itself", "as before", r.tree(), r.dir + "/contracts"},
		{"revision", "a repository's", r.dir + "@one", "one:" + r.dir + "/contracts"},
		{"revision of the root itself", "as before", r.tree() + "@one", "one:" + r.dir + "/contracts"},
		{"an event of that name", "it is a root", root.dir, root.dir},
		{"revision of an event of that name", "it is a root", root.dir + "@main", "main:" + root.dir},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree, err := gate.Open(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			if got := tree.Name(); got != filepath.ToSlash(tt.want) {
				t.Errorf("got %s, want %s: %s", got, tt.want, tt.reason)
			}
			if _, err := gate.Check(t.Context(), gate.Config{Head: tree, Today: today}); err != nil {
				t.Error(err)
			}
		})
	}
	// A revision may have contracts/ that the work tree has no longer.
	r.write(map[string]string{"contracts": ""})
	if tree, err := gate.Open(t.Context(), r.dir+"@one"); err != nil || !strings.HasSuffix(tree.Name(), "/contracts") {
		t.Errorf("got %s %v", tree.Name(), err)
	}
}

// A revision that a change of 5,000 contracts is held against: one changed.
func TestFiveThousandContracts(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 25,000 files: left out with -short")
	}
	files := map[string]string{}
	for i := range 5000 {
		name := fmt.Sprintf("area%03d.thing%04d.changed", i%100, i)
		maps.Copy(files, under("contracts/"+name, map[string]string{
			"contract.yaml":            fmt.Sprintf("event: %s\ntopic: things.%d\nversion: {from: /data/version}\nproducers: [{app: things}]\nconsumers:\n  - {app: reader, reads: reader.reads.schema.json}\n", name, i),
			"v1.schema.json":           `{"type": "object", "required": ["id", "version"], "properties": {"id": {"type": "string"}, "version": {"type": "integer"}}}`,
			"v2.schema.json":           `{"type": "object", "required": ["id", "version"], "properties": {"id": {"type": "string"}, "version": {"type": "integer"}, "amount": {"$ref": "../shared/money.schema.json"}}}`,
			"reader.reads.schema.json": `{"required": ["id"]}`,
			"v1.examples/minimal.json": `{"id": "1", "version": 1}`,
		}))
	}
	files["contracts/shared/money.schema.json"] = `{"type": "number"}`
	r := newRepository(t, files)
	const one = "contracts/area042.thing0042.changed/"
	r.write(map[string]string{one + "v2.schema.json": strings.Replace(files[one+"v2.schema.json"], `"string"`, `"number"`, 1)})
	t.Chdir(r.dir)
	start := time.Now()
	base, err := gate.Revision(t.Context(), "contracts", "main")
	if err != nil {
		t.Fatal(err)
	}
	got := check(t, gate.Config{Head: directory(t, "contracts"), Base: base})
	t.Logf("gate over 5,000 contracts, 1 changed: %v", time.Since(start))
	if got.Contracts != 5000 || got.Judged != 1 {
		t.Errorf("%d of %d judged, want 1 of 5000", got.Judged, got.Contracts)
	}
	for _, f := range got.Findings {
		if f.Place.File != one+"v2.schema.json" {
			t.Errorf("found in %s", f.Place)
		}
	}
	if diff := cmp.Diff([]string{gate.RuleEdited, gate.RuleBackward, gate.RuleForward}, rules(got.Findings)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Contracts are judged again where what they refer to changed, through any
// number of files, by path or by $id; others are not.
func TestWhatIsJudged(t *testing.T) {
	contractOf := func(name, schema string) map[string]string {
		return under(name, map[string]string{"contract.yaml": "event: " + name + "\ntopic: " + name + "\n", "v1.schema.json": schema})
	}
	r := newRepository(t, over(nil,
		contractOf("a", `{"properties": {"x": {"$ref": "../shared/price.schema.json#/properties/amount"}}}`),
		contractOf("b", `{"properties": {"x": {"$ref": "https://acme.example/price"}}}`),
		contractOf("c", `{"properties": {"x": {"$ref": "../a/v1.schema.json"}}}`),
		contractOf("d", `{"properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "number"}}}`),
		contractOf("e", `{"properties": {"x": {"\u0024ref": "../shared/price.schema.json"}}}`),
		contractOf("f", `{"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"x": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}`),
		map[string]string{
			"shared/price.schema.json": `{"$id": "https://acme.example/price", "properties": {"amount": {"$ref": "money"}}}`,
			"shared/money.schema.json": `{"$id": "https://acme.example/money", "type": "number"}`,
			"shared/other.schema.json": `{"type": "number"}`,
		}))
	t.Chdir(r.dir)
	base, err := gate.Revision(t.Context(), ".", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, reason string
		files        map[string]string
		judged       int
		want         []string // events
	}{
		{"nothing", "all is as it was", nil, 0, nil},
		{"money", "a, b and c reach it, and e may", map[string]string{"shared/money.schema.json": `{"$id": "https://acme.example/money", "type": "integer"}`}, 4, []string{"a", "b", "c", "e"}},
		{"other", "nobody refers to it, e might", map[string]string{"shared/other.schema.json": `{"type": "integer"}`}, 1, nil},
		{"a document", "is no part of a contract", map[string]string{"a/README.md": "x"}, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.write(tt.files)
			got := check(t, gate.Config{Head: directory(t, "."), Base: base})
			r.git("checkout", "--quiet", ".")
			var events []string
			for _, f := range got.Findings {
				events = append(events, f.Event.Type)
			}
			if diff := cmp.Diff(tt.want, events); diff != "" || got.Judged != tt.judged {
				t.Errorf("%s: %d judged, want %d; findings of (-want +got):\n%s\n%s", tt.reason, got.Judged, tt.judged, diff, page(got))
			}
		})
	}
}
