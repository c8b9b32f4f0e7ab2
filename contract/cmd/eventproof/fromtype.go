package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// fromType makes a contract of a Go type. open are the places of its schema that
// the type does not decide.
func fromType(ctx context.Context, dir, named string, say names) (p planned, open []string, err error) {
	pkg, typ, err := typeNamed(named)
	if err != nil {
		return p, nil, err
	}
	text, err := schemaOfType(ctx, pkg, typ)
	if err != nil {
		return p, nil, err
	}
	root, err := schema.ReadJSON(text)
	if err != nil {
		return p, nil, fmt.Errorf("init: the schema of %s: %w", named, err)
	}
	n := newContract{event: say.event, topic: say.topic}
	if n.event == "" {
		n.event = dotted(typ)
	}
	if n.event != eventName(n.event) {
		return p, nil, fmt.Errorf("init: --event %s: a name has letters, digits, dots, dashes and underscores: write %s", n.event, eventName(n.event))
	}
	if n.topic == "" {
		n.topic = n.event
	}
	loosen(root)
	n.schema = described(root)
	if n.examples, err = plainest(n.schema); err != nil {
		return p, nil, err
	}
	if p, err = plan(dir, []newContract{n}); err != nil {
		return p, nil, err
	}
	for i, line := range strings.Split(string(p.files[n.event+"/v1.schema.json"]), "\n") {
		if _, what, ok := strings.Cut(line, `"$comment": "`); ok {
			open = append(open, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(filepath.Join(dir, n.event, "v1.schema.json")), i+1, strings.TrimRight(what, `",`)))
		}
	}
	return p, open, nil
}

// typeNamed takes PACKAGE.Type apart.
func typeNamed(named string) (pkg, typ string, err error) {
	const form = "write PACKAGE.Type, as ./orders.OrderPlaced or example.com/shop/orders.OrderPlaced"
	i := strings.LastIndexByte(named, '.')
	if i < 0 || i < strings.LastIndexByte(named, '/') {
		return "", "", fmt.Errorf("init: --from-type %s names no type: %s", named, form)
	}
	pkg, typ = named[:i], named[i+1:]
	if pkg == "" || pkg == "./" {
		pkg = "."
	}
	if !token.IsIdentifier(typ) {
		return "", "", fmt.Errorf("init: --from-type %s: %q is no name of a type: %s", named, typ, form)
	}
	if !token.IsExported(typ) {
		return "", "", fmt.Errorf("init: --from-type %s: %s is not exported, so no other package can name it: export it, or write its schema by hand", named, typ)
	}
	return pkg, typ, nil
}

// dotted is the name of a type as that of an event: OrderPlaced is order.placed.
func dotted(typ string) string {
	letters := []rune(typ)
	var b strings.Builder
	for i, r := range letters {
		switch {
		case r == '_':
			b.WriteByte('.')
			continue
		case i > 0 && unicode.IsUpper(r) && letters[i-1] != '_' &&
			(!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])):
			b.WriteByte('.')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return eventName(b.String())
}

// listed is what the go command says of a package.
type listed struct {
	ImportPath, Name, Dir string
	Module                *struct {
		Dir  string
		Main bool
	}
}

// gotypePackage makes the schema, inside the user's module: only there is the type.
const gotypePackage = "github.com/eventproof/eventproof/contract/gotype"

// schemaOfType runs a small program that imports the type. The go command is shown
// the program beside the type's package, so that an internal package may be imported,
// but it lies in a temporary directory: nothing is written into the module.
func schemaOfType(ctx context.Context, pkg, typ string) (text []byte, err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	out, err := goCommand(ctx, "list", "-find", "-json=ImportPath,Name,Dir,Module", "--", pkg)
	if err != nil {
		return nil, fmt.Errorf("init: the package %s cannot be read:\n%w", pkg, err)
	}
	var in listed
	if err := json.Unmarshal(out, &in); err != nil {
		return nil, fmt.Errorf("init: %s names several packages, or none: name one", pkg)
	}
	if in.Name == "main" {
		return nil, fmt.Errorf("init: %s is a program (package main), which cannot be imported: move %s into a package", in.ImportPath, typ)
	}
	if _, err := goCommand(ctx, "list", "-find", "--", gotypePackage); err != nil {
		return nil, fmt.Errorf("init: the schema of a type is made in your module, and it does not require eventproof:\n  go get %s\n%w", gotypePackage, err)
	}
	beside := in.Dir
	if in.Module == nil || !in.Module.Main {
		if out, err = goCommand(ctx, "list", "-m", "-f", "{{.Dir}}"); err != nil {
			return nil, fmt.Errorf("init: no Go module is here:\n%w", err)
		}
		beside = strings.TrimSpace(string(out))
	}
	dir, err := os.MkdirTemp("", "eventproof-init-")
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, overlay, result := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "schema.json")
	place := filepath.Join(beside, filepath.Base(dir))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(place, "main.go"): program}})
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	for file, text := range map[string]string{program: fmt.Sprintf(typeProgram, gotypePackage, in.ImportPath, typ), overlay: string(replace)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("init: %w", err)
		}
	}
	if _, err := goCommand(ctx, "run", "-overlay", overlay, place, result); err != nil {
		said := strings.ReplaceAll(err.Error(), "typed.", in.Name+".")
		return nil, fmt.Errorf("init: no schema could be made of %s.%s:\n%s", in.ImportPath, typ, said)
	}
	if text, err = os.ReadFile(result); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	return text, nil
}

const typeProgram = `// Code generated by eventproof init. DO NOT EDIT.

package main

import (
	"fmt"
	"os"

	gotype %q
	typed %q
)

func main() {
	text, err := gotype.Schema[typed.%s]()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

var temporary = regexp.MustCompile(`(?m)^(# \S+|exit status \d+|\S*eventproof-init-\d+\S*main\.go:\d+:\d+: )`)

// goCommand runs the go command here. Its error is what the command said, without
// what is about the generated program.
func goCommand(ctx context.Context, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, errors.New("  interrupted")
	}
	var lines []string
	for line := range strings.Lines(temporary.ReplaceAllString(stderr.String(), "")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, "  "+line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("  go %s: %w", args[0], err)
	}
	return nil, errors.New(strings.Join(lines, "\n"))
}

// loosen takes out of a type's schema what a first contract need not say: that there
// are no other members, which undeclared: absent says, and the bounds of 64 bits.
func loosen(n *schema.Node) {
	n.Members = slices.DeleteFunc(n.Members, func(m schema.Member) bool {
		switch m.Name {
		case "additionalProperties":
			return m.Value.Kind == schema.Bool && m.Value.Text == "false"
		case "minimum":
			return m.Value.Text == "-9223372036854775808"
		case "maximum":
			return m.Value.Text == "9223372036854775807" || m.Value.Text == "18446744073709551615"
		}
		return false
	})
	for _, m := range n.Members {
		switch m.Name {
		case "properties", "$defs":
			for _, sub := range m.Value.Members {
				loosen(sub.Value)
			}
		case "items", "additionalProperties":
			loosen(m.Value)
		case "anyOf", "allOf":
			for _, sub := range m.Value.Items {
				loosen(sub)
			}
		}
	}
}

// plainest is an example of the schema, its formats taken at their word; none where
// none was found.
func plainest(n *schema.Node) ([]newExample, error) {
	s, err := schema.Parse("v1.schema.json", []byte(n.JSON()), schema.Options{AssertFormat: true})
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	found := valueset.Closed(s).Example(valueset.Budget{}, 0)
	if found.Verdict != valueset.Nonempty {
		return nil, nil
	}
	data, err := json.Marshal(found.Value)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	return []newExample{{"minimal", data}}, nil
}
