package valueset

import (
	"regexp"
	"testing"
)

// A widened expression is the same one but for the characters in dispute.
func TestWidened(t *testing.T) {
	others := &Dispute{beyond: []rune{'\v', 'é', '߀', '\u2003'}}
	for _, tt := range []struct {
		expr, reason string
		has          bool
		in, out      []string // by the widened expression
	}{
		{`^\d$`, "digits of all scripts", true, []string{"1", "߀"}, []string{"é", "a", "٤"}},
		{`^\D$`, "all others", true, []string{"é", "a", "٤"}, []string{"1", "߀"}},
		{`^\w$`, "letters and digits", true, []string{"a", "_", "é", "߀"}, []string{"-", "\u2003", "\v"}},
		{`^\W$`, "all others", true, []string{"-", "\u2003", "\v"}, []string{"a", "_", "é", "߀"}},
		{`^\s$`, "space", true, []string{" ", "\t", "\n", "\v", "\f", "\r", "\u2003"}, []string{"a", "\u00a0"}},
		{`^\S$`, "no space", true, []string{"a", "\u00a0"}, []string{" ", "\v", "\u2003"}},
		{`^[x\d]$`, "in a class", true, []string{"x", "1", "߀"}, []string{"é", "\\", "d"}},
		{`^[^\W\d]$`, "in a negated class", true, []string{"a", "é"}, []string{"1", "߀", "-"}},
		{`^[]\d]$`, "a literal bracket first", true, []string{"]", "߀"}, []string{"é"}},
		{`^[^]\d]$`, "and after a caret", true, []string{"é"}, []string{"]", "߀"}},
		{`^[[:alpha:]\d]$`, "a named class", true, []string{"a", "߀"}, []string{"é", ":", "]"}},
		{`^[\]\d]$`, "an escaped bracket", true, []string{"]", "߀"}, []string{"\\"}},
		{`^\[\w\]$`, "brackets that open no class", true, []string{"[é]"}, []string{"é"}},
		{`^\\d$`, "an escaped backslash", false, []string{`\d`}, []string{"1"}},
		{`^\Q\d[\E\d$`, "quoted", true, []string{`\d[߀`}, []string{"1"}},
		{`^\Q\d`, "quoted to the end", false, []string{`\d`}, []string{"1"}},
		{`^\pL\.\x{e9}$`, "other escapes stay", false, []string{"é.é"}, []string{"1.é"}},
	} {
		t.Run(tt.expr, func(t *testing.T) {
			if same, has := widened(tt.expr, nil); same != tt.expr || has != tt.has {
				t.Errorf("without a dispute: %s, %v, want %s, %v", same, has, tt.expr, tt.has)
			}
			wider, _ := widened(tt.expr, others)
			re, err := regexp.Compile(wider)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.in {
				if !re.MatchString(s) {
					t.Errorf("%s does not match %q: %s", wider, s, tt.reason)
				}
			}
			for _, s := range tt.out {
				if re.MatchString(s) {
					t.Errorf("%s matches %q: %s", wider, s, tt.reason)
				}
			}
		})
	}
}

func TestIDNHostname(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		in, sure     bool
	}{
		{"example.com", "ASCII", true, true},
		{"실례.테스트", "letters of a script", true, true},
		{"xn--ihqwcrb4cv8a8dqg056pqjye", "an A-label", true, true},
		{"xn--X", "no A-label", false, true},
		{"-hello", "a hyphen in front", false, true},
		{"a·l", "A.3: only between two l", false, true},
		{"l·l", "A.3", true, true},
		{"α͵S", "A.4: Greek must follow", false, true},
		{"α͵β", "A.4", true, true},
		{"א׳ב", "A.5: after Hebrew", true, true},
		{"׳ב", "A.5", false, true},
		{"def・abc", "A.7: with Japanese in the label", false, true},
		{"・丈", "A.7", true, true},
		{"٠۰", "A.8, A.9: one kind of Arabic digits", false, true},
		{"실〮례", "an exception of section 2.6", false, true},
		{"ßς་〇", "exceptions that are valid", true, true},
		{"", "empty", false, true},
		{"☃", "a symbol: DISALLOWED in RFC 5892, valid for others", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if in, sure := idnHostname(tt.name); in != tt.in || sure != tt.sure {
				t.Errorf("got %v, sure %v, want %v, sure %v: %s", in, sure, tt.in, tt.sure, tt.reason)
			}
		})
	}
}
