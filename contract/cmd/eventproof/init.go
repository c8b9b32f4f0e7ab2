package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// The files that init writes, as they are but for the package's name.
//
//go:embed first
var first embed.FS

func initCommand() *cobra.Command {
	var typ, events string
	var say names
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Writes a first contract, with a test that passes",
		Long: `Writes into DIR (default: contracts) a Go package that embeds the contracts, a
first contract with its schema and an example, and a test that passes:

    contracts.go                             //go:embed: other modules can require it
    contracts_test.go                        every example keeps its contract
    thing.created/contract.yaml              rename it to your first event
    thing.created/v1.schema.json
    thing.created/v1.examples/minimal.json

A file that is there already is left as it is; where there is a contract
already, no first one is written. The commands that come next are printed: the
test runs in a Go module (go.mod) that requires eventproof.

With --from-type PACKAGE.Type the first contract is that of a Go type: what
encoding/json writes for it. The package is named as for the go command, from
where you stand; its module must require eventproof. Nothing is written into the
package. The event is named for the type: OrderPlaced is order.placed.

With --from-events FILE the contracts are those that recorded events keep:
CloudEvents in the JSON format, one, an array of them, or one a line; - is the
standard input. Events of one pubsub, topic and type are one contract. Required are
the properties that all of them have, and the types those that were seen; a format
(date-time, date, uuid, uri, email) is one that all texts have, two at least; an
enum is made of 20 texts or more, of 8 different ones at most, each seen twice.
An event whose data is not JSON, or that is no sound CloudEvent, is skipped and
named; all others keep the contracts. Up to three of them become examples: look in
there for what should not be in git.

--from-type and --from-events overwrite nothing, and write nothing that cannot be
read together with the contracts that are in DIR already.`,
		Example: `  eventproof init
  eventproof init api/events
  eventproof init --from-type ./internal/orders.OrderPlaced
  eventproof init --from-type example.com/shop/orders.OrderPlaced --event order.placed --topic orders
  redis-cli --raw XREAD STREAMS orders 0 | grep '^{' | eventproof init --from-events -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "contracts"
			if len(args) > 0 {
				dir = args[0]
			}
			w := c.OutOrStdout()
			var p planned
			var err error
			switch {
			case typ != "" && events != "":
				return errors.New("init: --from-type and --from-events are two ways to a contract: take one")
			case typ != "":
				var open []string
				if p, open, err = fromType(c.Context(), dir, typ, say); err != nil {
					return err
				}
				for _, place := range open {
					fmt.Fprintf(w, "open    %s: write what it is\n", place)
				}
			case events != "":
				var skipped []string
				if p, skipped, err = fromEvents(dir, events, c.InOrStdin(), say); err != nil {
					return err
				}
				for _, place := range skipped {
					fmt.Fprintf(w, "skipped %s\n", place)
				}
			case say != names{}:
				return errors.New("init: --event and --topic name the contract of --from-type or --from-events: give one of these")
			}
			added, err := p.write(dir)
			if err != nil {
				return err
			}
			written, kept, err := initialize(dir)
			if err != nil {
				return err
			}
			for _, name := range append(added, written...) {
				fmt.Fprintf(w, "wrote %s\n", name)
			}
			for _, name := range kept {
				fmt.Fprintf(w, "kept  %s\n", name)
			}
			next, err := nextSteps(dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\n%s\n", next)
			return nil
		},
	}
	c.Flags().StringVar(&typ, "from-type", "", "make the contract of a Go type, as PACKAGE.Type")
	c.Flags().StringVar(&events, "from-events", "", "make the contracts of the events in a file; - is the standard input")
	c.Flags().StringVar(&say.event, "event", "", "the contract's name (default: of the type, or of the events)")
	c.Flags().StringVar(&say.topic, "topic", "", "its topic (default: what the events say, otherwise the name)")
	return c
}

// initialize writes the files that are not there yet.
func initialize(dir string) (written, kept []string, err error) {
	present, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "contract.yaml"))
	if err != nil {
		return nil, nil, fmt.Errorf("init: %w", err)
	}
	name, err := packageName(dir)
	if err != nil {
		return nil, nil, err
	}
	err = fs.WalkDir(first, "first", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		// The embedded Go files end in .txt, so that they are no package here.
		target := strings.TrimSuffix(strings.TrimPrefix(p, "first/"), ".txt")
		if len(present) > 0 && strings.Contains(target, "/") {
			return nil
		}
		text, err := first.ReadFile(p)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(target))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			kept = append(kept, filepath.ToSlash(file))
			return nil
		}
		if err != nil {
			return err
		}
		_, err = out.WriteString(strings.ReplaceAll(string(text), "PACKAGE", name))
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		written = append(written, filepath.ToSlash(file))
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("init: %w", err)
	}
	return written, kept, nil
}

// nextSteps are the commands after which the written test runs. The go command
// tests a package of the module that it stands in, and no other.
func nextSteps(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("init: %w", err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return "", fmt.Errorf("init: %w", err)
	}
	const get = "go get github.com/eventproof/eventproof && go mod tidy && go test "
	root := moduleRoot(abs)
	rel, err := filepath.Rel(here, abs)
	switch {
	case root == "":
		name, err := packageName(dir)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s lies in no Go module, and go test needs one (go.mod). Next, to make it one:\n  cd %s && go mod init example.com/%s && %s.",
			filepath.ToSlash(dir), filepath.ToSlash(dir), name, get), nil
	case root != moduleRoot(here) || err != nil || strings.HasPrefix(rel, ".."):
		return "Next: cd " + filepath.ToSlash(dir) + " && " + get + ".", nil
	}
	return "Next: " + get + "./" + filepath.ToSlash(rel), nil
}

// moduleRoot is the nearest directory with a go.mod, dir or above it; "" for none.
func moduleRoot(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !info.IsDir() {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// packageName is the directory's name as Go allows it.
func packageName(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("init: %w", err)
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(filepath.Base(abs)))
	if name == "" || name[0] <= '9' {
		return "contracts", nil
	}
	return name, nil
}
