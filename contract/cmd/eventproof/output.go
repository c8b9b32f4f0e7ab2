package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/contract/report"
	"github.com/eventproof/eventproof/contract/schema"
)

// output is where a report goes: to the standard output in one format, and to
// a file in each of any number of others.
type output struct {
	format string
	files  []string // FORMAT=FILE
}

const outputHelp = `Formats: text, json, junit (CI's test tab), sarif (code scanning), github
(annotations in a workflow's log), markdown (a comment on a pull request).`

func (o *output) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.format, "format", "text", "how to print: "+strings.Join(report.Formats(), ", "))
	c.Flags().StringArrayVar(&o.files, "output", nil, "write it to a file too, as FORMAT=FILE; can be repeated")
}

// check refuses what cannot be written before any work is done.
func (o *output) check() error {
	if err := report.Known(o.format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	seen := map[string]bool{}
	for _, one := range o.files {
		format, file, ok := strings.Cut(one, "=")
		if !ok || file == "" {
			return fmt.Errorf("--output %s: write FORMAT=FILE, as --output sarif=eventproof.sarif", one)
		}
		if err := report.Known(format); err != nil {
			return fmt.Errorf("--output %s: %w", one, err)
		}
		if seen[file] {
			return fmt.Errorf("--output: two formats go to %s: give each a file of its own", file)
		}
		seen[file] = true
	}
	return nil
}

// write writes the report, and ends the command with findings where it has any.
// A file that cannot be written hides neither the verdict nor the other files;
// its error ends the command.
func (o *output) write(w io.Writer, r report.Report) error {
	var errs []error
	for _, one := range o.files {
		format, file, _ := strings.Cut(one, "=")
		f, err := os.Create(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("--output: %w", err))
			continue
		}
		err = report.Write(f, format, r)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--output %s: %w", one, err))
		}
	}
	if err := report.Write(w, o.format, r); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return errFindings
	}
	return nil
}

// oneOf checks the value of a flag.
func oneOf(flag, value string, known ...string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	remedy := "write one of " + strings.Join(known, ", ")
	if near := schema.Nearest(value, known); near != "" && len(value) > 1 {
		remedy = "write " + near
	}
	return fmt.Errorf("%s %q is not known: %s", flag, value, remedy)
}
