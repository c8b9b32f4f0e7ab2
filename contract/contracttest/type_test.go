package contracttest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract/contracttest"
	"github.com/eventproof/eventproof/contract/gotype"
)

func TestCheckType(t *testing.T) {
	c := contracttest.Load(t, fstest.MapFS{
		"a/contract.yaml":  {Data: []byte("event: a\ntopic: t\n")},
		"a/v1.schema.json": {Data: []byte(`{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}`)},
	})
	type right struct {
		N int64 `json:"n"`
	}
	type wrong struct {
		N *int32 `json:"n"`
	}
	contracttest.CheckType[right](t, c, "a", "1")
	for _, tt := range []struct {
		name, reason string
		option       []gotype.Option
		want         []string
	}{
		{"both", "what it reads, then what it writes", nil, []string{"TYPE_DECODE", "TYPE_ENCODES"}},
		{"reader", "options are passed on", []gotype.Option{gotype.Reader}, []string{"TYPE_DECODE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{}
			contracttest.CheckType[wrong](r, c, "a", "1", tt.option...)
			if len(r.said) != len(tt.want) {
				t.Fatalf("said %q, want %q: %s", r.said, tt.want, tt.reason)
			}
			for i, want := range tt.want {
				if !strings.Contains(r.said[i], want) {
					t.Errorf("said %q, want %q: %s", r.said[i], want, tt.reason)
				}
			}
		})
	}
}
