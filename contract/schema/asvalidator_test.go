package schema_test

import (
	"testing"

	"github.com/eventproof/eventproof/contract/schema"
)

// What Parse refuses although the validator takes it, AsValidator takes.
func TestAsValidator(t *testing.T) {
	for _, tt := range []struct{ name, text, reason, accepted string }{
		{"empty enum", `{"enum": []}`, "the validator ignores it", `1`},
		{"dependencies", `{"dependencies": {"a": ["b"]}}`, "the validator enforces it in 2020-12", `{"b": 1}`},
		{"unknown format", `{"format": "idn-hostname"}`, "the validator ignores it", `"x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := schema.Parse("s.json", []byte(tt.text), schema.Options{AssertFormat: true}); err == nil {
				t.Errorf("not refused without AsValidator: %s", tt.reason)
			}
			s := parse(t, tt.text, schema.Options{AssertFormat: true, AsValidator: true})
			if failures := s.Validate(value(t, tt.accepted)); len(failures) > 0 {
				t.Errorf("%v: %s", failures, tt.reason)
			}
		})
	}
}
