package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/sample"
)

// sampled is a line of the output that says what the event is for.
type sampled struct {
	Kind    sample.Kind `json:"kind"`
	What    string      `json:"what"`
	Keyword string      `json:"keyword,omitempty"`
	At      string      `json:"at,omitempty"` // file:line of the keyword
	Pointer string      `json:"pointer,omitempty"`
	Event   any         `json:"event,omitempty"`
	Data    any         `json:"data,omitempty"`
}

func sampleCommand() *cobra.Command {
	var n int
	var seed uint64
	var kinds []string
	var dataOnly, explain bool
	c := &cobra.Command{
		Use:   "sample DIR TYPE[@VERSION]",
		Short: "Makes events for tests out of a contract",
		Long: `Makes events of a contract in DIR: CloudEvents in JSON, one a line. TYPE is the
event type; VERSION is one of its versions, by default the last published one.

Kinds:
  valid       the contract accepts it; no two are alike
  boundary    accepted, at a bound of the schema or one inside it: minimum,
              maxLength, each value of an enum, no optional property, all of them
  near-miss   refused, by one keyword alone, just outside it

Each event was shown to the validator and to the contract. The values are the
schema's own examples and defaults first, then words that fit names and formats.
The same seed has the same events on every machine.

A near miss is a line that names the keyword it violates and where that is
written, with the event in it; --explain prints every kind that way:
  {"kind":"near-miss","what":"total is missing","keyword":"required",
   "at":"contracts/order.placed/v1.schema.json:3","pointer":"/data/total","event":{…}}
jq -c .event takes the event out of such a line, --data prints its data alone.
A keyword for which there is no such event is named on the standard error, with
the reason. Once -n events are found, the rest is not looked for.

Exit codes: 0 printed, 1 the contracts cannot be read, or there is no such event.`,
		Example: `  eventproof sample contracts order.placed
  eventproof sample contracts order.placed@2 -n 100 --seed 7 > events.jsonl
  eventproof sample contracts order.placed --kind boundary -n 0 | eventproof validate contracts -
  eventproof sample contracts order.placed --kind near-miss -n 0 --data
  dapr publish --publish-app-id orders --pubsub pubsub --topic orders.order.placed \
    --data "$(eventproof sample contracts order.placed -n 1 --data)"`,
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return errors.New("sample: of which event? Write eventproof sample DIR TYPE, as eventproof sample contracts order.placed")
			case 1:
				return fmt.Errorf("sample: of which event? Write eventproof sample %s TYPE, as eventproof sample %s order.placed", args[0], args[0])
			case 2:
				return nil
			}
			return fmt.Errorf("sample: one event type at a time: %s is too much", strings.Join(args[2:], " "))
		},
		RunE: func(c *cobra.Command, args []string) error {
			if n < 0 {
				return fmt.Errorf("-n %d: write how many events at most, or 0 for all", n)
			}
			var known []string
			for _, k := range sample.Kinds() {
				known = append(known, string(k))
			}
			for _, k := range kinds {
				if err := oneOf("--kind", k, known...); err != nil {
					return err
				}
			}
			catalog, err := contract.Load(os.DirFS(args[0]))
			if err != nil {
				return fmt.Errorf("the contracts in %s cannot be read:\n%w", args[0], err)
			}
			event, version, stated := strings.Cut(args[1], "@")
			if stated && version == "" {
				return fmt.Errorf("%s: write a version after the @, or leave the @ out", args[1])
			}
			for _, k := range kinds {
				made, err := sample.Events(catalog, event, version, sample.Kind(k), sample.Options{Seed: seed, N: n})
				if err != nil {
					return err
				}
				if err := printSamples(c.OutOrStdout(), made.List, dataOnly, explain); err != nil {
					return err
				}
				for _, w := range made.Without {
					fmt.Fprintf(c.ErrOrStderr(), "eventproof: no %s: %s\n", w.Kind, w)
				}
			}
			return nil
		},
	}
	c.Flags().IntVarP(&n, "number", "n", 10, "how many events of each kind at most; 0: all (10 of kind valid)")
	c.Flags().StringSliceVar(&kinds, "kind", []string{"valid"}, "valid, boundary, near-miss; several with commas")
	c.Flags().Uint64Var(&seed, "seed", 0, "other numbers make other events")
	c.Flags().BoolVar(&dataOnly, "data", false, "print the events' data only")
	c.Flags().BoolVar(&explain, "explain", false, "say with each event what it is for")
	return c
}

func printSamples(w io.Writer, list []sample.Sample, dataOnly, explain bool) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, s := range list {
		line := sampled{Kind: s.Kind, What: s.What, Keyword: s.Keyword, Pointer: s.Pointer}
		if s.Keyword != "" {
			line.At = s.At()
		}
		var out any = s.Event
		if dataOnly {
			out = s.Event.Data
		}
		if explain || s.Kind == sample.NearMiss {
			if dataOnly {
				line.Data = out
			} else {
				line.Event = out
			}
			out = line
		}
		if err := e.Encode(out); err != nil {
			return fmt.Errorf("print %s: %w", s.Event.ID, err)
		}
	}
	return nil
}
