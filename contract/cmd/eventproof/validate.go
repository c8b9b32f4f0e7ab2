package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/contract"
)

// finding is a violation and the event, by file and line, in which it was found.
type finding struct {
	Input string `json:"input,omitempty"`
	contract.Violation
}

// result is what --json prints.
type result struct {
	Contracts int       `json:"contracts"`
	Examples  int       `json:"examples"` // checked, without FILEs
	Events    int       `json:"events"`   // checked, with FILEs
	Findings  []finding `json:"findings"`
}

func validateCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "validate DIR [FILE...]",
		Short: "Checks contracts and their examples, or events against them",
		Long: `Reads the contracts in DIR and checks them.

Without FILE, it then checks each example file by its contract. With FILE, it
checks the events in there instead: CloudEvents in the JSON format, as daprd
delivers them; one, an array of them, or one a line. - is the standard input.

Each finding says what is wrong, which rule that breaks and where it is written,
what was wanted (-) and what was found (+):

  events.jsonl:3: order.placed ord-5: /data/total is missing
    rule   EVENT_SCHEMA  (contracts/order.placed/v1.schema.json:3)
    at     /data/total
    (-want +got):
      - present
      + absent

Exit codes: 0 nothing found, 100 findings, 1 contracts or files cannot be read.`,
		Example: `  eventproof validate contracts
  eventproof validate contracts events.json more.jsonl
  redis-cli --raw XREAD STREAMS orders 0 | grep '^{' | eventproof validate contracts -
  eventproof validate --json contracts events.jsonl | jq -r '.findings[].rule' | sort | uniq -c`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("validate: which contracts? Write eventproof validate DIR, as eventproof validate contracts")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			r, err := validate(args[0], args[1:], c.InOrStdin())
			if err != nil {
				return err
			}
			if asJSON {
				err = r.json(c.OutOrStdout())
			} else {
				r.text(c.OutOrStdout())
			}
			if err != nil {
				return err
			}
			if len(r.Findings) > 0 {
				return errFindings
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: contracts, examples, events, findings")
	return c
}

func validate(dir string, files []string, stdin io.Reader) (*result, error) {
	catalog, err := contract.Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("the contracts in %s cannot be read:\n%w", dir, err)
	}
	r := &result{Contracts: len(catalog.Contracts()), Findings: []finding{}}
	if len(files) == 0 {
		for _, k := range catalog.Contracts() {
			for _, v := range k.Versions {
				r.Examples += len(v.Examples)
			}
		}
		r.add("", catalog.CheckExamples())
		return r, nil
	}
	for _, file := range files {
		inputs, err := read(file, stdin)
		if err != nil {
			return nil, err
		}
		for _, in := range inputs {
			r.Events++
			e, err := contract.ParseEvent(in.text)
			var bad *contract.EventError
			switch {
			case errors.As(err, &bad):
				r.add(in.place, []contract.Violation{bad.Violation})
			case err != nil:
				return nil, fmt.Errorf("%s: %w", in.place, err)
			default:
				r.add(in.place, catalog.Check(e))
			}
		}
	}
	return r, nil
}

func (r *result) add(input string, violations []contract.Violation) {
	for _, v := range violations {
		r.Findings = append(r.Findings, finding{input, v})
	}
}

func (r *result) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *result) text(w io.Writer) {
	for _, f := range r.Findings {
		if f.Input != "" {
			fmt.Fprintf(w, "%s: ", f.Input)
		}
		fmt.Fprintf(w, "%s\n\n", f.Violation)
	}
	checked := plural(r.Events, "event")
	if r.Events == 0 {
		checked = plural(r.Examples, "example")
	}
	fmt.Fprintf(w, "%s, %s: %s\n", plural(r.Contracts, "contract"), checked, plural(len(r.Findings), "finding"))
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
