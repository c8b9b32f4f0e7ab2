package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
)

// envelope is an event as daprd delivers it, with other attributes where they are
// given.
func envelope(id, data string, attributes ...string) string {
	m := map[string]any{"specversion": "1.0", "id": id, "source": "shop", "type": daprType, "datacontenttype": "application/json", "pubsubname": "pubsub", "topic": "orders"}
	for _, one := range attributes {
		name, value, _ := strings.Cut(one, "=")
		if value == "" {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	if data != "" {
		m["data"] = json.RawMessage(data)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func writeFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tree prints the files of a directory that are not among those of every init.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) == ".go" {
			return err
		}
		text, err := os.ReadFile(p)
		fmt.Fprintf(&b, "-- %s\n%s", filepath.ToSlash(p), text)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b.String()
}

func isGolden(t *testing.T, testdata, name, reason, text string) {
	t.Helper()
	file := filepath.Join(testdata, name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", reason, diff)
	}
}

// Each command line with its exit code, all that it prints and all that it writes.
func TestInitFromEvents(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for i := range 30 {
		statuses = append(statuses, envelope(fmt.Sprint(i), fmt.Sprintf(`{"status": %q, "note": "note %d", "grade": %s, "once": %q}`,
			[]string{"placed", "paid", "shipped"}[i%3], i, []string{`"A"`, `"B"`, "null", `"A"`}[i%4], []string{"a", "b"}[min(i, 1)])))
	}
	files := map[string]string{
		"shapes.jsonl": strings.Join([]string{
			envelope("1", `{"order_id":"o-1","total":10,"at":"2024-01-31T12:30:00Z","lines":[{"sku":"a","quantity":1}],"by":"ann@example.com","note":null,"site":"https://example.com/1","ref":"order:1"}`),
			envelope("2", `{"order_id":"o-2","total":9.5,"at":"2024-02-01T08:00:00+01:00","lines":[],"by":"bob@example.com","note":"late","site":"https://example.com/2","ref":"order:2","gift":true}`),
			envelope("3", `{"order_id":"o-3","total":1,"at":"2024-02-02T08:00:00Z","lines":[{"sku":"b","quantity":2,"price":1.0},{"sku":7,"quantity":3}],"by":"bob@example.com","note":null,"site":"https://example.com/2","ref":"order:3"}`),
		}, "\n"),
		"topics.jsonl": strings.Join([]string{
			envelope("1", `{"a":1}`, "type=order.placed"),
			envelope("2", `{"b":"x"}`, "type=order.paid"),
			envelope("3", `{"c":true}`),
			envelope("4", `{"d":{}}`, "topic=pay/ments", "pubsubname=kafka", "datacontenttype=application/vnd.shop+json"),
			envelope("5", `[]`, "type=com.example/Shipped", "topic=", "pubsubname="),
			envelope("6", `{"e":1}`, "topic=pay/ments", "pubsubname="),
			envelope("7", `{"e":1}`, "type=order.paid", "topic=", "pubsubname="),
		}, "\n"),
		"skipped.jsonl": strings.Join([]string{
			envelope("1", `{"a":1}`),
			envelope("2", ``, "data_base64=AAEC"),
			envelope("3", `"text"`, "datacontenttype=text/plain"),
			envelope("4", ``),
			envelope("5", `{"a":1,"a":2}`),
			envelope("6", `{"a":1}`, "source="),
			envelope("7", `{"a":1}`, "topic="),
			envelope("8", `{"a":1}`, "datacontenttype=application/merge-patch+json"),
			`{"id":`,
		}, "\n"),
		"enum.jsonl":                            strings.Join(statuses, "\n"),
		"none.jsonl":                            envelope("2", ``, "data_base64=AAEC") + "\n" + envelope("3", `"text"`, "datacontenttype=text/plain"),
		"plain.json":                            envelope("1", `{"a":1}`, "topic="),
		"taken/contracts/orders/contract.yaml":  "event: orders\ntopic: o\n",
		"shared/contracts/other/contract.yaml":  "event: other\ntopic: orders\n",
		"shared/contracts/other/v1.schema.json": "{}",
	}
	for _, tt := range []struct {
		name, reason, args, stdin, dir string
		want                           int
	}{
		{"init-events-shapes", "what all agree on", "init --from-events shapes.jsonl", "", ".", exitClean},
		{"init-events-topics", "a contract for each topic and type, told apart by match", "init --from-events topics.jsonl", "", ".", exitClean},
		{"init-events-skipped", "each that is skipped is named", "init api --from-events skipped.jsonl", "", ".", exitClean},
		{"init-events-enum", "few texts, and often", "init --from-events enum.jsonl --event order.changed", "", ".", exitClean},
		{"init-events-stdin", "a pipe", "init --from-events -", envelope("1", `{"a":1}`), ".", exitClean},
		{"init-events-topic", "no topic in the event", "init --from-events plain.json --topic orders", "", ".", exitClean},
		{"init-events-none", "nothing to make a contract of", "init --from-events none.jsonl", "", ".", exitError},
		{"init-events-missing", "no such file", "init --from-events missing.jsonl", "", ".", exitError},
		{"init-events-one-name", "one name for several", "init --from-events topics.jsonl --event a", "", ".", exitError},
		{"init-events-other-topic", "the events say another", "init --from-events shapes.jsonl --topic payments", "", ".", exitError},
		{"init-events-taken", "nothing is overwritten", "init --from-events ../shapes.jsonl", "", "taken", exitError},
		{"init-events-shared", "a topic that is taken already", "init --from-events ../shapes.jsonl", "", "shared", exitError},
		{"init-two-sources", "which?", "init --from-events a --from-type b.C", "", ".", exitError},
		{"init-name-alone", "the name of what?", "init --event a", "", ".", exitError},
		{"init-type-no-type", "a package is no type", "init --from-type ./orders", "", ".", exitError},
		{"init-type-unexported", "nobody else can name it", "init --from-type ./orders.placed", "", ".", exitError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeFiles(t, files)
			t.Chdir(tt.dir)
			var stdout, stderr bytes.Buffer
			if got := run(strings.Fields(tt.args), strings.NewReader(tt.stdin), &stdout, &stderr); got != tt.want {
				t.Errorf("exit code %d, want %d: %s", got, tt.want, tt.reason)
			}
			text := fmt.Sprintf("$ eventproof %s\n%s-- stderr\n%s-- exit %d\n", tt.args, &stdout, &stderr, tt.want)
			if tt.want == exitClean {
				dir := "contracts"
				if strings.Contains(tt.args, " api ") {
					dir = "api"
				}
				text += tree(t, dir)
				if _, err := contract.Load(os.DirFS(dir)); err != nil {
					t.Errorf("what was written cannot be read: %v", err)
				}
			}
			isGolden(t, testdata, tt.name, tt.reason, text)
		})
	}
}

// Whatever is recorded keeps the contracts that are made of it: validate has nothing
// to say, neither of the events nor of the examples.
func TestInitFromEventsIsKept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var value func(depth int) any
	value = func(depth int) any {
		switch r.IntN(9) {
		case 0:
			return nil
		case 1:
			return r.IntN(2) == 0
		case 2:
			return r.IntN(5) - 2
		case 3:
			return json.Number([]string{"1.5", "1.0", "-0", "1e3", "12345678901234567890123", "1E-7"}[r.IntN(6)])
		case 4:
			return []string{"", "a", "2024-01-31", "2024-01-31T12:30:00Z", "a@b.example", "https://example.com", "no/~\"ü"}[r.IntN(7)]
		case 5:
			if depth > 3 {
				return []any{}
			}
			items := []any{}
			for range r.IntN(4) {
				items = append(items, value(depth+1))
			}
			return items
		}
		members := map[string]any{}
		if depth <= 3 {
			for range r.IntN(5) {
				members[[]string{"a", "b", "c/d", "~", "", "$ref", "type"}[r.IntN(7)]] = value(depth + 1)
			}
		}
		return members
	}
	for round := range 60 {
		t.Chdir(t.TempDir())
		var lines []string
		for i := range 1 + r.IntN(30) {
			data, err := json.Marshal(value(0))
			if err != nil {
				t.Fatal(err)
			}
			attributes := [][]string{nil, {"pubsubname="}, {"type=order.placed"}, {"topic=payments"}, {"type=order.placed", "topic=payments", "pubsubname=kafka"}, {"type=x.y", "topic=", "pubsubname="}}[r.IntN(6)]
			lines = append(lines, envelope(fmt.Sprint(i), string(data), attributes...))
		}
		writeFiles(t, map[string]string{"events.jsonl": strings.Join(lines, "\n")})
		for _, args := range []string{"init --from-events events.jsonl", "validate contracts events.jsonl", "validate contracts"} {
			var out bytes.Buffer
			if code := run(strings.Fields(args), nil, &out, &out); code != exitClean || strings.Contains(out.String(), "skipped") {
				t.Fatalf("round %d: %s: exit code %d\n%s\n%s", round, args, code, &out, strings.Join(lines, "\n"))
			}
		}
	}
}

const shopTypes = `package orders

import (
	"fmt"
	"time"
)

func init() { fmt.Println("an init that prints") }

type OrderPlaced struct {
	OrderID  string         ` + "`json:\"order_id\"`" + `
	Total    Money          ` + "`json:\"total\"`" + `
	Quantity int32          ` + "`json:\"quantity\"`" + `
	Serial   int64          ` + "`json:\"serial\"`" + `
	At       time.Time      ` + "`json:\"at\"`" + `
	Lines    []Line         ` + "`json:\"lines\"`" + `
	Labels   map[string]int ` + "`json:\"labels,omitempty\"`" + `
	Note     *string        ` + "`json:\"note,omitempty\"`" + `
	secret   string
}

type Line struct{ SKU string }

type Money struct{ cents int64 }

func (m Money) MarshalJSON() ([]byte, error) { return []byte(fmt.Sprint(m.cents)), nil }
func (m *Money) UnmarshalJSON(b []byte) error { _, err := fmt.Sscan(string(b), &m.cents); return err }

type Simple struct {
	OrderID string ` + "`json:\"order_id\"`" + `
	Count   int    ` + "`json:\"count\"`" + `
}

type Channel struct{ C chan int }

func Placed() {}
`

// shop is a module that requires eventproof, with types of events in it.
func shop(t *testing.T) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	root := strings.TrimSpace(string(out))
	t.Chdir(t.TempDir())
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/eventproof/eventproof"
	writeFiles(t, map[string]string{
		"go.mod":                             strings.Replace(string(mod), "module "+module, "module example.com/shop", 1) + "\nrequire " + module + " v0.0.0\nreplace " + module + " => " + root + "\n",
		"go.sum":                             string(sum),
		"services/internal/orders/orders.go": shopTypes,
		"cmd/worker/main.go":                 "package main\n\ntype OrderPlaced struct{}\n\nfunc main() {}\n",
		"api/order.placed/contract.yaml":     "event: order.placed\ntopic: orders\n",
		"bare/go.mod":                        "module example.com/bare\n",
		"bare/orders/orders.go":              "package orders\n\ntype OrderPlaced struct{}\n",
	})
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOWORK", "off")
}

func TestInitFromType(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module: left out with -short")
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	shop(t)
	for _, tt := range []struct {
		name, reason, args, dir string
		want                    int
	}{
		{"init-type", "an internal package, a type that encodes itself", "init --from-type ./services/internal/orders.OrderPlaced", ".", exitClean},
		{"init-type-named", "names by flags, a package by its import path", "init api/events --from-type example.com/shop/services/internal/orders.Simple --event order.simple --topic orders", ".", exitClean},
		{"init-type-here", "the package in which one stands", "init out --from-type .Simple", "services/internal/orders", exitClean},
		{"init-type-taken", "nothing is overwritten", "init api --from-type ./services/internal/orders.OrderPlaced", ".", exitError},
		{"init-type-main", "a program cannot be imported", "init --from-type ./cmd/worker.OrderPlaced", ".", exitError},
		{"init-type-no-package", "a typing error", "init --from-type ./services/ordrs.OrderPlaced", ".", exitError},
		{"init-type-no-such", "a typing error", "init --from-type ./services/internal/orders.OrderPlacd", ".", exitError},
		{"init-type-function", "no type", "init --from-type ./services/internal/orders.Placed", ".", exitError},
		{"init-type-channel", "no JSON", "init --from-type ./services/internal/orders.Channel", ".", exitError},
		{"init-type-bad-name", "no name of an event", "init --from-type ./services/internal/orders.Simple --event order/simple", ".", exitError},
		{"init-type-bare", "a module that does not require eventproof", "init --from-type ./orders.OrderPlaced", "bare", exitError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(tt.dir)
			before := files(t, here)
			var stdout, stderr bytes.Buffer
			if got := run(strings.Fields(tt.args), nil, &stdout, &stderr); got != tt.want {
				t.Errorf("exit code %d, want %d: %s", got, tt.want, tt.reason)
			}
			text := fmt.Sprintf("$ eventproof %s\n%s-- stderr\n%s-- exit %d\n", tt.args, &stdout, &stderr, tt.want)
			// What the go command says itself is not ours, and names directories.
			text = regexp.MustCompile(`(?m)^  (go: |cannot find module|no required module|module |stat ).*`).ReplaceAllString(text, "  …")
			if tt.want == exitClean {
				dir := "contracts"
				if fields := strings.Fields(tt.args); fields[1][0] != '-' {
					dir = fields[1]
				}
				text += tree(t, dir)
				var out bytes.Buffer
				if code := run([]string{"validate", dir}, nil, &out, &out); code != exitClean {
					t.Errorf("validate: exit code %d\n%s", code, &out)
				}
				if err := os.Rename(dir, t.TempDir()+"/moved"); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(before, files(t, here)); diff != "" {
				t.Errorf("files in the module (-before +after):\n%s", diff)
			}
			isGolden(t, testdata, tt.name, tt.reason, text)
		})
	}
}

// An init that is interrupted leaves nothing behind.
func TestInitFromTypeInterrupted(t *testing.T) {
	shop(t)
	t.Setenv("TMPDIR", t.TempDir())
	before := files(t, ".")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := fromType(ctx, "contracts", "./services/internal/orders.Simple", names{}); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	if diff := cmp.Diff(before, files(t, ".")); diff != "" {
		t.Errorf("files in the module (-before +after):\n%s", diff)
	}
	if left := files(t, os.Getenv("TMPDIR")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// files are the names of all files.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		names = append(names, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The contract that is made of a type agrees with the type.
func TestInitFromTypeAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module: left out with -short")
	}
	shop(t)
	var out bytes.Buffer
	if code := run([]string{"init", "--from-type", "./services/internal/orders.OrderPlaced"}, nil, &out, &out); code != exitClean {
		t.Fatalf("init: exit code %d\n%s", code, &out)
	}
	writeFiles(t, map[string]string{"services/orders_test.go": `package services_test

import (
	"os"
	"testing"

	"github.com/eventproof/eventproof/contract/contracttest"
	"github.com/eventproof/eventproof/contract/gotype"

	"example.com/shop/services/internal/orders"
)

func TestOrderPlaced(t *testing.T) {
	c := contracttest.Load(t, os.DirFS("../contracts"))
	contracttest.CheckType[orders.OrderPlaced](t, c, "order.placed", "1", gotype.Writer)
	contracttest.CheckType[orders.Simple](t, c, "order.placed", "1")
}
`})
	test := exec.Command("go", "test", "./services")
	got, err := test.CombinedOutput()
	if err == nil || strings.Contains(string(got), "orders.OrderPlaced") || !strings.Contains(string(got), "orders.Simple has no field for /at") {
		t.Errorf("want the right type to pass and the wrong one to fail: %v\n%s", err, got)
	}
}

// What is written is read back, whatever the events are called.
func TestInitFromEventsQuotes(t *testing.T) {
	for _, tt := range []struct{ topic, reason string }{
		{"orders", "plain"}, {"yes", "a boolean to YAML"}, {"Null", "nothing to YAML"}, {"17", "a number"}, {"1e5", "a number"}, {"2024-01-31", "a date"},
		{"a: b", "a map"}, {"# c", "a comment"}, {`"quoted\"`, "quotes"}, {"größe/名", "letters of all kinds"}, {"*x", "an alias"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeFiles(t, map[string]string{"e.json": envelope("1", `{"a":1}`, "topic="+tt.topic)})
			var out bytes.Buffer
			if code := run([]string{"init", "--from-events", "e.json"}, nil, &out, &out); code != exitClean {
				t.Fatalf("exit code %d\n%s", code, &out)
			}
			c, err := contract.Load(os.DirFS("contracts"))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Contracts()[0].Topic; got != tt.topic {
				t.Errorf("topic %q, want %q: %s", got, tt.topic, tt.reason)
			}
		})
	}
}

func TestDotted(t *testing.T) {
	for _, tt := range []struct{ typ, reason, want string }{
		{"OrderPlaced", "the usual case", "order.placed"},
		{"Order", "one word", "order"},
		{"HTTPServerStarted", "an abbreviation is one word", "http.server.started"},
		{"OrderPlacedV2", "a digit ends no word", "order.placed.v2"},
		{"Order_Placed", "an underscore is a border", "order.placed"},
		{"BestellungGeprüft", "letters that a name does not take", "bestellung.gepr-ft"},
	} {
		t.Run(tt.typ, func(t *testing.T) {
			if got := dotted(tt.typ); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, tt.reason)
			}
		})
	}
}
