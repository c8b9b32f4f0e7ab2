package valueset

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// inFormat asks the validator, and for others the formats that it does not know.
func (p *pool) inFormat(name, s string) bool {
	if check, known := formats[name]; known {
		return check(s)
	}
	if strings.HasPrefix(name, contentPrefix) {
		return contentFits(name, s)
	}
	if p.others != nil {
		var in, sure bool
		switch name {
		case "idn-hostname":
			in, sure = idnHostname(s)
		case "idn-email":
			in, sure = idnEmail(s)
		}
		if sure {
			return in
		}
	}
	stopf("format", "nothing checks the format %s", name)
	return false
}

// formatKnown reports whether anything can be said of a format at all.
func (p *pool) formatKnown(name string) bool {
	_, known := formats[name]
	return known || strings.HasPrefix(name, contentPrefix) || p.others != nil && strings.HasPrefix(name, "idn-")
}

// registration has the rules of RFC 5891 section 4 that idna knows.
var registration = idna.New(idna.ValidateForRegistration(), idna.ValidateLabels(true), idna.CheckHyphens(true), idna.CheckJoiners(true), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// idnHostname checks an internationalized host name (RFC 5890 to 5893). sure is
// false where the libraries do not tell.
func idnHostname(s string) (in, sure bool) {
	if _, err := registration.ToASCII(s); err != nil {
		return false, true
	}
	wide, err := registration.ToUnicode(s)
	if err != nil {
		return false, true
	}
	sure = true
	for label := range strings.SplitSeq(wide, ".") {
		fits, known := idnLabel([]rune(label))
		if known && !fits {
			return false, true
		}
		sure = sure && known
	}
	return sure, sure
}

// idnLabel applies the rules of RFC 5892 for single code points: the exceptions
// of section 2.6 and the contextual rules of appendix A.3 to A.9; idna has those
// for joiners. Of others than letters, digits and marks it is not sure.
func idnLabel(label []rune) (in, sure bool) {
	sure = norm.NFKC.IsNormalString(string(label))
	arabic, extended, japanese := false, false, false
	for _, c := range label {
		arabic = arabic || c >= 0x660 && c <= 0x669
		extended = extended || c >= 0x6f0 && c <= 0x6f9
		japanese = japanese || unicode.In(c, unicode.Hiragana, unicode.Katakana, unicode.Han) && c != 0x30fb
	}
	if arabic && extended {
		return false, true
	}
	at := func(i int) rune {
		if i < 0 || i >= len(label) {
			return -1
		}
		return label[i]
	}
	for i, c := range label {
		var fits bool
		switch c {
		case 0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007, '-', 0x200c, 0x200d: // valid, or checked by idna
			continue
		case 0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b:
			fits = false
		case 0xb7:
			fits = at(i-1) == 'l' && at(i+1) == 'l'
		case 0x375:
			fits = unicode.Is(unicode.Greek, max(at(i+1), 0))
		case 0x5f3, 0x5f4:
			fits = unicode.Is(unicode.Hebrew, max(at(i-1), 0))
		case 0x30fb:
			fits = japanese
		default:
			if !unicode.In(c, unicode.Ll, unicode.Lo, unicode.Lm, unicode.Mn, unicode.Mc, unicode.Nd) {
				sure = false
			}
			continue
		}
		if !fits {
			return false, true
		}
	}
	return true, sure
}

var plainLocal = regexp.MustCompile(`^[\pL\pM\p{Nd}!#$%&'*+/=?^_{|}~-]+(\.[\pL\pM\p{Nd}!#$%&'*+/=?^_{|}~-]+)*$`)

// idnEmail checks an internationalized address (RFC 6531) of the plain form;
// of quoted ones and literal domains it is not sure.
func idnEmail(s string) (in, sure bool) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok {
		return false, true
	}
	if len(local) > 64 || !plainLocal.MatchString(local) {
		return false, false
	}
	return idnHostname(domain)
}
