package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/gate"
	"github.com/eventproof/eventproof/contract/report"
	"github.com/eventproof/eventproof/contract/schema"
)

func diffCommand() *cobra.Command {
	var mode, undeclared, draft, pairs string
	var assert, fill bool
	var out output
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compares two schema files",
		Long: `Compares the sets of events that two JSON Schemas accept, in both directions, and
proves each verdict:

  backward  consumers on the new schema can read every event of the old one
  forward   consumers on the old schema can read every event of the new one

Incompatible comes with a witness, an event that one side accepts and the other
refuses, and with the changes that explain it, up to ten for each direction: its
rule (COMPAT_REQUIRED_ADDED, …), where both schemas speak of it, who breaks by
which events, and what to do instead. Undecided comes with the keyword that
stopped it. A schema that accepts nothing is a finding too: with no event to
read, nothing breaks.

The suggested step of a semantic version counts both directions: major where some
reader breaks, minor where other events are sent and nobody breaks, patch where
the same events are sent.

--pairs reads pairs of schemas from a file (- is the standard input) as JSON
lines, {"id", "draft", "old", "new", "policy"?, "format"?}, and writes a line
{"id", "backward": {"verdict", "witness"?, "reason"?}, "forward": {…}} for each, in
their order. draft is 4, 6, 7, 2019-09 or 2020-12; policy is for undeclared
properties, allowed (the default) or absent; format is annotate (the default) or
assert. A schema that the validator refuses is undecided: "not loadable: …".

` + outputHelp + `

Exit codes: 0 compatible (with --pairs: all lines judged), 100 not, 1 the schemas
cannot be read.`,
		Example: `  eventproof diff v1.schema.json v2.schema.json
  eventproof diff --compatibility backward --undeclared absent v1.schema.json v2.schema.json
  eventproof diff --pairs pairs.jsonl > verdicts.jsonl`,
		Args: func(c *cobra.Command, args []string) error {
			if pairs != "" {
				for _, name := range []string{"compatibility", "undeclared", "defaults-fill", "draft", "assert-format", "format", "output"} {
					if c.Flags().Changed(name) {
						return fmt.Errorf("diff: --%s does not go with --pairs: each line says for itself how it is compared, and the answers are JSON lines", name)
					}
				}
			}
			switch {
			case pairs != "" && len(args) > 0:
				return errors.New("diff: --pairs reads the schemas from its file: leave OLD and NEW out")
			case pairs == "" && len(args) != 2:
				return errors.New("diff: which schemas? Write eventproof diff OLD NEW, as eventproof diff v1.schema.json v2.schema.json")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if pairs != "" {
				return comparePairs(pairs, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
			}
			if err := errors.Join(out.check(), oneOf("--compatibility", mode, "full", "backward", "forward"),
				oneOf("--undeclared", undeclared, "allowed", "absent"), oneOf("--draft", draft, schema.Drafts...)); err != nil {
				return err
			}
			r, err := compareFiles(args[0], args[1], mode, compat.Policy{Undeclared: compat.Undeclared(undeclared), DefaultsFill: fill}, schema.Options{Draft: draft, AssertFormat: assert})
			if err != nil {
				return err
			}
			return out.write(c.OutOrStdout(), r)
		},
	}
	c.Flags().StringVar(&mode, "compatibility", "full", "what must hold: full, backward, forward")
	c.Flags().StringVar(&undeclared, "undeclared", "allowed", "properties that a writer's schema does not declare: allowed (as it says), absent (not sent)")
	c.Flags().BoolVar(&fill, "defaults-fill", false, "readers put a property's default where it is missing, before they validate")
	c.Flags().StringVar(&draft, "draft", "2020-12", "the draft of a schema without $schema")
	c.Flags().BoolVar(&assert, "assert-format", false, "take the format keyword for an assertion")
	c.Flags().StringVar(&pairs, "pairs", "", "compare many pairs, as JSON lines, from a file or - (standard input)")
	out.flags(c)
	return c
}

func compareFiles(oldFile, newFile, mode string, policy compat.Policy, o schema.Options) (report.Report, error) {
	old, errOld := schemaFile(oldFile, o)
	new, errNew := schemaFile(newFile, o)
	if err := errors.Join(errOld, errNew); err != nil {
		return report.Report{}, err
	}
	findings, notes, err := gate.Diff(old, new, mode, policy)
	return report.Report{Title: fmt.Sprintf("%s to %s", oldFile, newFile), Summary: "compatibility " + mode, Notes: notes, Findings: findings, Rules: gate.Rules()}, err
}

// schemaFile reads a schema with the files that it refers to: those in the
// working directory, where it lies in there, otherwise those around it.
func schemaFile(file string, o schema.Options) (*schema.Schema, error) {
	root, inside := ".", filepath.ToSlash(filepath.Clean(file))
	if !filepath.IsLocal(file) {
		dir := filepath.Dir(filepath.Clean(file))
		root = filepath.Dir(dir)
		inside = filepath.ToSlash(filepath.Join(filepath.Base(dir), filepath.Base(file)))
		if filepath.Base(dir) == ".." || filepath.Base(dir) == "." || root == dir {
			root, inside = dir, filepath.Base(file)
		}
	}
	display := func(p string) string { return filepath.ToSlash(filepath.Join(root, filepath.FromSlash(p))) }
	s, problems := schema.NewLibrary(os.DirFS(root), display).Compile(inside, o)
	if len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, p := range problems {
			errs[i] = p
		}
		return nil, fmt.Errorf("the schema cannot be read:\n%w", errors.Join(errs...))
	}
	return s, nil
}
