package report

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"path"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/eventproof/eventproof/contract"
)

const informationURI = "https://github.com/eventproof/eventproof"

func writeSARIF(w io.Writer, r Report) error {
	run := sarif.NewRunWithInformationURI("eventproof", informationURI)
	run.WithColumnKind("unicodeCodePoints")
	for _, v := range r.Findings {
		rule := run.AddRule(v.Rule)
		if text := r.Rules[v.Rule]; text != "" {
			rule.WithDescription(text)
		}
		result := run.CreateResultForRule(v.Rule).WithLevel("error").WithMessage(sarif.NewTextMessage(v.String()))
		result.WithPartialFingerprints(map[string]string{"eventproof/v1": fingerprint(v)})
		if v.Place.File != "" {
			at := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri(v.Place.File)))
			if v.Place.Line > 0 {
				at.WithRegion(sarif.NewRegion().WithStartLine(v.Place.Line))
			}
			result.AddLocation(sarif.NewLocationWithPhysicalLocation(at))
		}
	}
	document := sarif.NewReport()
	document.AddRun(run)
	if err := document.PrettyWrite(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// fingerprint is the same for a finding that only moved to another line.
func fingerprint(v contract.Violation) string {
	h := sha256.Sum256([]byte(v.Rule + "\x00" + v.Place.File + "\x00" + v.What + "\x00" + v.Pointer))
	return hex.EncodeToString(h[:16])
}

// uri is a file's path as SARIF wants it: relative, or file: where it is absolute.
func uri(file string) string {
	u := url.URL{Path: path.Clean(file)}
	if path.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
