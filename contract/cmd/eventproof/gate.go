package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/contract/gate"
	"github.com/eventproof/eventproof/contract/report"
)

func gateCommand() *cobra.Command {
	var against, today string
	var with []string
	var out output
	c := &cobra.Command{
		Use:   "gate [DIR]",
		Short: "Says whether a change to contracts may be merged",
		Long: `Holds the contracts in DIR (contracts) against what they were, and against what
consumers read, and proves each comparison either way: what breaks is shown by
an event that one side sends and the other refuses.

--against is what they were: a git revision (main, a tag, HEAD~1), merge-base
(where HEAD forked from the branch that it goes to; merge-base:BRANCH names it),
or a directory. A name that is both is the revision; write ./main for the
directory. Without --against the contracts are judged by themselves.

--with adds the other side, such as the contracts of another repository or what
its apps read of ours: DIR, DIR@REVISION, URL@REVISION or URL//DIR@REVISION. Name
the main branch to learn whether you may merge, the tag that runs to learn
whether you may deploy. Of a repository, its directory contracts is read.

Not judged: a change of topic, pubsub, match, identity, dataContentType or
producers passes. reads is held as a set: to be told that a new version drops an
optional property, a consumer lists it under required in its reads.

Findings:
  GATE_EDITED           a published version accepts other events than it did
  GATE_BACKWARD         a new version cannot read events of one before it
  GATE_FORWARD          a version before it cannot read events of a new one
  GATE_VERSION_REMOVED  a version is gone that a consumer declares
  GATE_TYPE_REMOVED     an event type is gone that a consumer declares
  GATE_READS            a consumer cannot read what may be published
  GATE_EXAMPLE          an example breaks its contract
  GATE_EMPTY            a schema accepts nothing
  GATE_DRAFTS_MIXED     the schemas of a contract are of different drafts
  GATE_DRAFT_PUBLISHED  a producer declares a version that is a draft
  GATE_UNDECIDED        a comparison could not be decided
  GATE_WAIVER_EXPIRED   a waiver's day is over
  GATE_WAIVER_UNUSED    a waiver lets nothing pass

A waiver in contract.yaml lets a finding pass up to a day:
  waivers:
    - {rule: GATE_FORWARD, place: v2.schema.json, reason: no one reads v1, expires: 2026-12-31}

` + outputHelp + `

Exit codes: 0 nothing found, 100 findings, 1 contracts or revisions cannot be read.`,
		Example: `  eventproof gate --against main
  eventproof gate --against merge-base --format github --output sarif=gate.sarif
  eventproof gate --against main --with https://github.com/acme/payments.git@main
  eventproof gate --with ../shop@deployed/prod contracts`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "contracts"
			if len(args) == 1 {
				dir = args[0]
			}
			if err := notEmpty(dir, against, c.Flags().Changed("against"), with); err != nil {
				return err
			}
			if err := out.check(); err != nil {
				return err
			}
			config := gate.Config{Today: time.Now()}
			if today != "" {
				day, err := time.Parse(time.DateOnly, today)
				if err != nil {
					return fmt.Errorf("--today %s: write a day as 2026-12-31", today)
				}
				config.Today = day
			}
			title, err := trees(c.Context(), &config, dir, against, with)
			if err != nil {
				return err
			}
			result, err := gate.Check(c.Context(), config)
			if err != nil {
				return err
			}
			return out.write(c.OutOrStdout(), report.Report{Title: title, Summary: result.Summary(), Findings: result.Findings, Rules: gate.Rules()})
		},
	}
	c.Flags().StringVar(&against, "against", "", "what the contracts were: a git revision, merge-base, or a directory")
	c.Flags().StringArrayVar(&with, "with", nil, "the other side's contracts: DIR, DIR@REVISION, URL@REVISION, URL//DIR@REVISION; can be repeated")
	c.Flags().StringVar(&today, "today", "", "the day for which waivers are judged, as 2026-12-31 (default today)")
	out.flags(c)
	return c
}

// notEmpty refuses a text that a variable which is not set leaves empty: the
// gate would be off, and nobody would know.
func notEmpty(dir, against string, isAgainst bool, with []string) error {
	empty := func(s string) bool { return strings.TrimSpace(s) == "" }
	switch {
	case isAgainst && empty(against):
		return errors.New("--against is empty, perhaps since a variable is not set: name a revision, merge-base or a directory, or leave --against out")
	case slices.ContainsFunc(with, empty):
		return errors.New("--with is empty, perhaps since a variable is not set: name DIR, DIR@REVISION or URL@REVISION, or leave --with out")
	case empty(dir):
		return errors.New("DIR is empty, perhaps since a variable is not set: name the directory of the contracts, or leave it out for contracts")
	}
	return nil
}

// trees opens what is compared, and says it in one line.
func trees(ctx context.Context, config *gate.Config, dir, against string, with []string) (title string, err error) {
	if config.Head, err = gate.Directory(dir); err != nil {
		return "", err
	}
	title = dir
	if against != "" {
		title += " against " + against
		if config.Base, err = baseTree(ctx, dir, against); err != nil {
			return "", fmt.Errorf("--against: %w", err)
		}
	}
	for _, spec := range with {
		t, err := gate.Open(ctx, spec)
		if err != nil {
			return "", fmt.Errorf("--with: %w", err)
		}
		config.With = append(config.With, t)
	}
	if len(with) > 0 {
		title += " with " + strings.Join(with, " and ")
	}
	return title, nil
}

// baseTree reads a revision or a directory. What looks like a path is one.
func baseTree(ctx context.Context, dir, against string) (*gate.Tree, error) {
	info, err := os.Stat(against)
	isDir := err == nil && info.IsDir()
	if isDir && (strings.HasPrefix(against, ".") || strings.HasPrefix(against, "/")) {
		return gate.Directory(against)
	}
	t, err := gate.Revision(ctx, dir, against)
	if err != nil && isDir {
		return gate.Directory(against)
	}
	if err != nil && !isDir && strings.ContainsAny(against, `./\`) {
		return nil, errors.Join(err, fmt.Errorf("and there is no directory %s", against))
	}
	return t, err
}
