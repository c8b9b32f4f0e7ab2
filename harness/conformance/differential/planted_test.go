package differential

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var plantedFlag = flag.Bool("planted", false, "plant each of some defects in the fake, and measure how long it takes to find it")

// planted is a defect: a piece of a file of package fakes, and what is there instead.
type planted struct{ name, file, sound, wrong string }

func defects() []planted {
	return []planted{
		{"404 is dead-lettered", "call.go", `outcome{kind: forgotten, answer: "HTTP 404", code: code}`, `outcome{kind: refused, answer: "HTTP 404", code: code}`},
		{"one retry fewer", "send.go", `attempts > r.MaxRetries)`, `attempts >= r.MaxRetries)`},
		{"DROP is tried again", "call.go", `outcome{kind: refused, answer: journal.Drop}`, `outcome{kind: failed, answer: journal.Drop, code: noCode}`},
		{"an unknown status is success", "call.go", "default: // RETRY, and what daprd does not know\n", "case \"BANANA\":\n\t\treturn outcome{kind: handled, answer: text}\n\tdefault:\n"},
		{"matching is ignored", "delivery.go", `d.outcome.code != noCode && !r.Matches(`, `d.outcome.code == noCode-1 && !r.Matches(`},
		{"what has expired is not dead-lettered", "delivery.go", "d.last = d.record(journal.Entry{Kind: journal.Expired})\n\t\td.deadLetter()\n", "d.last = d.record(journal.Entry{Kind: journal.Expired})\n"},
		{"a rule that fails is passed over", "subscription.go", "if err != nil {\n\t\t\treturn \"\", false, err\n\t\t}\n\t\tmatches", "if err != nil {\n\t\t\tcontinue\n\t\t}\n\t\tmatches"},
		{"numbers lose their text", "envelope.go", "\td.UseNumber()\n", ""},
	}
}

// TestPlantedDefectsAreFound runs TestBothWorldsAgree with one defect in the fake
// at a time: a comparison that overlooks it proves nothing when it finds nothing.
func TestPlantedDefectsAreFound(t *testing.T) {
	if !*plantedFlag {
		t.Skip("it takes minutes; run it with -planted")
	}
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			overlay := d.plant(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			began := time.Now()
			cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-v", "-vet=off", "-run", "^TestBothWorldsAgree$", ".", "-duration=2m", "-seed=1", "-findings=1", "-patience=1ns", fmt.Sprintf("-scenarios=%d", perWorld))
			cmd.Env = append(os.Environ(), "EVENTPROOF_REAL=required")
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			cmd.WaitDelay = 30 * time.Second
			output, err := cmd.StdoutPipe()
			require.NoError(t, err)
			cmd.Stderr = cmd.Stdout
			require.NoError(t, cmd.Start())
			var found time.Duration
			var all strings.Builder
			lines := bufio.NewScanner(io.TeeReader(output, &all))
			lines.Buffer(nil, 16<<20)
			for lines.Scan() {
				if found == 0 && strings.Contains(lines.Text(), confirmed) {
					found = time.Since(began)
				}
			}
			_ = cmd.Wait() // it fails: a difference is found
			require.NotZero(t, found, "nothing was found:\n%s", all.String())
			fmt.Printf("%-40s found after %s, compiling included\n", d.name, found.Round(time.Second))
		})
	}
}

// TestPlantedDefectsApply keeps the table true to package fakes.
func TestPlantedDefectsApply(t *testing.T) {
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) { d.plant(t) })
	}
}

// plant writes the changed file, and the overlay that puts it in place.
func (d planted) plant(t *testing.T) (overlay string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", "..", "fakes", d.file))
	require.NoError(t, err)
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), d.sound), "%s does not have this once, so that the defect cannot be planted; write it anew:\n%s", file, d.sound)
	dir := t.TempDir()
	changed := filepath.Join(dir, d.file)
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(source), d.sound, d.wrong, 1)), 0o644))
	text, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	require.NoError(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, text, 0o644))
	return overlay
}
