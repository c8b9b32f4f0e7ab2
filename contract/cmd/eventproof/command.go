package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// The exit codes. 100 is far from what a shell, a signal or a Go panic uses.
const (
	exitClean    = 0
	exitError    = 1
	exitFindings = 100
)

// errFindings ends a command that did its work and found something.
var errFindings = errors.New("findings")

// run is the whole program; its result is the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.Execute(); {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	default:
		fmt.Fprintf(stderr, "eventproof: %v\n", err)
		return exitError
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "eventproof",
		Short: "Checks events against their contracts",
		Long: `eventproof checks events against their contracts.

A contract is a directory: contract.yaml says what the event is called, its
topic, who publishes and who reads it; v1.schema.json says what it holds.
contracts/ holds one such directory for each event type, in git, beside the code.

    contracts/
      order.placed/
        contract.yaml              event: order.placed
                                   topic: orders.order.placed
        v1.schema.json             a JSON Schema of the event's data
        v1.examples/minimal.json   data that it accepts

Exit codes: 0 nothing to say, 100 findings, 1 the work could not be done.`,
		Example: `  eventproof init                              write a first contract, with a test that passes
  eventproof validate contracts                are the contracts and their examples sound?
  eventproof validate contracts events.jsonl   do these events keep them?`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(validateCommand(), gateCommand(), diffCommand(), sampleCommand(), initCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Prints the version, the Go version and the commit",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return errors.New("version: this binary was built without module information: build it with go install or go build")
			}
			version := info.Main.Version
			if version == "" {
				version = "(devel)"
			}
			fmt.Fprintf(c.OutOrStdout(), "eventproof %s %s", version, info.GoVersion)
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					fmt.Fprintf(c.OutOrStdout(), " %s", s.Value)
				}
				if s.Key == "vcs.modified" && s.Value == "true" {
					fmt.Fprint(c.OutOrStdout(), " (modified)")
				}
			}
			fmt.Fprintln(c.OutOrStdout())
			return nil
		},
	}
}
