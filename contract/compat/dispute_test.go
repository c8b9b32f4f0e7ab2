package compat_test

import (
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// What other validators take otherwise is decided only where they agree.
func TestDispute(t *testing.T) {
	for _, tt := range []struct {
		name, reason, writer, reader string
		options                      schema.Options
		want                         compat.Verdict
		why                          string // in the reason of undecided
	}{
		{"no such text", "nothing that \\d must judge lies beyond ASCII", `{"pattern":"^\\d+$","type":"string"}`, `{"pattern":"^[0-9]+$"}`, schema.Options{}, compat.Compatible, ""},
		{"space", "ECMA-262 has the no-break space in \\s, RE2 has not", `{"const":"\u00a0"}`, `{"pattern":"^\\s$"}`, schema.Options{}, compat.Undecided, "RE2"},
		{"vertical tab", "in ECMA-262's \\s, though ASCII", `{"const":"\u000b"}`, `{"pattern":"^[\\s]$"}`, schema.Options{}, compat.Undecided, "RE2"},
		{"no space", "the complement", `{"const":"\u2003"}`, `{"pattern":"^\\S$"}`, schema.Options{}, compat.Undecided, "RE2"},
		{"no space in a class", "the complement within one", `{"const":"\u2003"}`, `{"pattern":"^[\\S]$"}`, schema.Options{}, compat.Undecided, "RE2"},
		{"a letter", "for many validators é is a letter", `{"const":"caf\u00e9"}`, `{"pattern":"^\\w+$"}`, schema.Options{}, compat.Undecided, "RE2"},
		{"a letter in an enum", "values are looked at wherever they stand", `{"enum":["a",{"b":["caf\u00e9"]}]}`, `{"anyOf":[{"const":"a"},{"properties":{"b":{"items":{"pattern":"^\\w+$"}}}}]}`, schema.Options{}, compat.Undecided, "RE2"},
		{"a digit of another script", "a name is text, too", `{"properties":{"\u09ea":{}},"required":["\u09ea"],"type":"object"}`, `{"patternProperties":{"^\\d$":true},"additionalProperties":false,"maxProperties":1}`, schema.Options{}, compat.Incompatible, ""},
		{"a digit as the only name", "whether it is a digit decides", `{"const":{"\u09ea":1}}`, `{"patternProperties":{"^\\d$":true},"additionalProperties":false}`, schema.Options{}, compat.Undecided, "RE2"},
		{"it does not matter", "é is no digit for anyone", `{"const":"caf\u00e9"}`, `{"pattern":"^\\d+$"}`, schema.Options{}, compat.Incompatible, ""},
		{"written otherwise", "an escaped backslash is no class", `{"const":"\u00e9"}`, `{"pattern":"\\\\w"}`, schema.Options{}, compat.Incompatible, ""},
		{"content of draft 7", "an annotation here, for some an assertion", `{"const":"{:}"}`, `{"contentMediaType":"application/json"}`, schema.Options{Draft: "7"}, compat.Undecided, "contentMediaType"},
		{"content that fits", "it is accepted either way", `{"const":"{}"}`, `{"contentMediaType":"application/json"}`, schema.Options{Draft: "7"}, compat.Compatible, ""},
		{"the same content", "whatever it means", `{"contentEncoding":"base64"}`, `{"contentEncoding":"base64"}`, schema.Options{Draft: "7"}, compat.Compatible, ""},
		{"content as the validator has it", "it asserts it in draft 7", `{"const":"{:}"}`, `{"contentMediaType":"application/json"}`, schema.Options{Draft: "7", AsValidator: true}, compat.Incompatible, ""},
		{"content after draft 7", "an annotation for everyone", `{"const":"{:}"}`, `{"contentMediaType":"application/json"}`, schema.Options{}, compat.Compatible, ""},
		{"a format that the validator does not know", "others check it", `{"const":"-hello"}`, `{"format":"idn-hostname"}`, schema.Options{AsValidator: true, AssertFormat: true}, compat.Undecided, "idn-hostname"},
		{"a value of that format", "accepted either way", `{"const":"\u30fb\u3041"}`, `{"format":"idn-hostname"}`, schema.Options{AsValidator: true, AssertFormat: true}, compat.Compatible, ""},
		{"an address", "accepted either way", `{"const":"\uc2e4\ub840@\uc2e4\ub840.\ud14c\uc2a4\ud2b8"}`, `{"format":"idn-email"}`, schema.Options{AsValidator: true, AssertFormat: true}, compat.Compatible, ""},
		{"no address", "nobody would accept it but ours", `{"const":"2962"}`, `{"format":"idn-email"}`, schema.Options{AsValidator: true, AssertFormat: true}, compat.Undecided, "idn-email"},
		{"a format of one's own", "nobody knows what it means", `{"const":"x"}`, `{"format":"mine"}`, schema.Options{AsValidator: true, AssertFormat: true}, compat.Undecided, "mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writer, err := schema.Parse("writer", []byte(tt.writer), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := schema.Parse("reader", []byte(tt.reader), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			got := compat.Contained(writer, reader, compat.Policy{})
			if got.Verdict != tt.want || !strings.Contains(got.Reason.String(), tt.why) {
				t.Errorf("%s (%v, %v), want %s (%s): %s", got.Verdict, got.Witness, got.Reason, tt.want, tt.why, tt.reason)
			}
		})
	}
}
