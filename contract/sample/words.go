package sample

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"unicode"
)

// count is a small number for names such as ord-5: the sample's own at the
// first levels, one by chance further down.
func (b *builder) count() int {
	if b.depth <= 2 {
		return b.ordinal + 1
	}
	return 1 + b.random.IntN(999)
}

// formatWords are strings of a format; the first is the usual one.
func formatWords(format string, n int) []string {
	day := fmt.Sprintf("2024-%02d-%02d", 1+n/28%12, 1+n%28)
	clock := fmt.Sprintf("%02d:%02d:00Z", (12+n/60)%24, n%60)
	switch format {
	case "date-time":
		return []string{day + "T" + clock}
	case "date":
		return []string{day}
	case "time":
		return []string{clock}
	case "duration":
		return []string{fmt.Sprintf("PT%dM", 1+n%59), "P1D"}
	case "period":
		return []string{day + "T" + clock + "/P1D"}
	case "email", "idn-email":
		return []string{fmt.Sprintf("user%d@example.com", n), "a@b.de"}
	case "hostname", "idn-hostname":
		return []string{fmt.Sprintf("host%d.example.com", n), "a.b"}
	case "ipv4", "ip-address":
		return []string{fmt.Sprintf("192.0.2.%d", (n-1)%254+1), "1.1.1.1"}
	case "ipv6":
		return []string{fmt.Sprintf("2001:db8::%x", n), "::1"}
	case "uri", "iri", "url":
		return []string{fmt.Sprintf("https://example.com/%d", n), "a:b"}
	case "uri-reference", "uriref", "iri-reference":
		return []string{fmt.Sprintf("/items/%d", n), "a", ""}
	case "uri-template":
		return []string{"https://example.com/{id}", "{a}", ""}
	case "uuid":
		return []string{fmt.Sprintf("00000000-0000-4000-8000-%012x", n)}
	case "json-pointer":
		return []string{fmt.Sprintf("/items/%d", n), ""}
	case "relative-json-pointer":
		return []string{fmt.Sprintf("%d/items", n%9), "0"}
	case "regex":
		return []string{"^[a-z]+$", "a", ""}
	case "byte":
		return []string{"ZXZlbnQ="}
	}
	return nil
}

// wordsIn are the words of a name in lower case: order_id, orderId and
// order-ID are order, id.
func wordsIn(name string) []string {
	var words []string
	start, lower := -1, false // of the word; the letter before is no capital
	end := func(at int) {
		if start >= 0 {
			words = append(words, strings.ToLower(name[start:at]))
		}
		start = -1
	}
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			end(i)
		}
		if start < 0 {
			start = i
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	end(len(name))
	return words
}

// describing is a member's name with what it is a member of, where the name
// alone says little.
func describing(name, of string) string {
	if of != "" && (name == "id" || name == "name" || name == "ID" || name == "Id") {
		return singular(of) + "_" + name
	}
	return name
}

// singular is the name of one of many.
func singular(name string) string {
	switch {
	case strings.HasSuffix(name, "ies") && len(name) > 4:
		return strings.TrimSuffix(name, "ies") + "y"
	case strings.HasSuffix(name, "s") && !strings.HasSuffix(name, "ss") && !strings.HasSuffix(name, "us") && len(name) > 3:
		return strings.TrimSuffix(name, "s")
	}
	return name
}

// lastWord is what a name says it is: of shipping_note a note.
func lastWord(name string) string {
	if words := wordsIn(name); len(words) > 0 {
		return words[len(words)-1]
	}
	return "text"
}

var (
	people     = []string{"Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov", "Donald Knuth"}
	logins     = []string{"ada", "grace", "alan", "edsger", "barbara", "donald"}
	currencies = []string{"EUR", "USD", "GBP", "CHF", "JPY"}
	countries  = []string{"DE", "FR", "GB", "US", "JP"}
	cities     = []string{"Berlin", "Paris", "London", "Boston", "Tokyo"}
	statuses   = []string{"open", "pending", "done", "closed"}
	languages  = []string{"en", "de", "fr", "ja"}
	colors     = []string{"red", "green", "blue", "black"}
)

// nameWord is a word that fits a property of this name.
func nameWord(name string, n int, random *rand.Rand) string {
	pick := func(list []string) string { return list[(n-1)%len(list)] }
	words := wordsIn(name)
	if len(words) == 0 {
		return fmt.Sprintf("text-%d", n)
	}
	last, before := words[len(words)-1], ""
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	switch last {
	case "id", "key", "number", "no", "ref", "reference", "code", "sku":
		if before == "" {
			before = last
		}
		switch before {
		case "country":
			return pick(countries)
		case "currency":
			return pick(currencies)
		case "postal", "zip", "post":
			return fmt.Sprintf("%05d", 10000+n)
		}
		r := []rune(before)
		return fmt.Sprintf("%s-%d", string(r[:min(3, len(r))]), n)
	case "uuid", "guid":
		return formatWords("uuid", n)[0]
	case "name":
		switch before {
		case "", "full", "user", "customer", "person", "author", "owner", "contact", "display":
			return pick(people)
		case "first", "given":
			return strings.Fields(pick(people))[0]
		case "last", "family":
			return strings.Fields(pick(people))[1]
		case "host":
			return formatWords("hostname", n)[0]
		case "city":
			return pick(cities)
		}
		return fmt.Sprintf("%s-%d", before, n)
	case "login", "username", "user", "author", "owner", "actor", "customer":
		return pick(logins)
	case "email", "mail":
		return formatWords("email", n)[0]
	case "url", "uri", "href", "link", "website", "homepage", "source", "endpoint":
		if before != "" {
			return fmt.Sprintf("https://example.com/%s/%d", before, n)
		}
		return formatWords("uri", n)[0]
	case "at", "time", "timestamp", "created", "updated", "datetime", "until", "since":
		return formatWords("date-time", n)[0]
	case "date", "day", "birthday":
		return formatWords("date", n)[0]
	case "currency":
		return pick(currencies)
	case "country":
		return pick(countries)
	case "city", "town":
		return pick(cities)
	case "street", "address":
		return fmt.Sprintf("%d Main Street", n)
	case "postcode", "zip", "zipcode":
		return fmt.Sprintf("%05d", 10000+n)
	case "phone", "mobile", "telephone":
		return fmt.Sprintf("+1555010%04d", n)
	case "language", "locale", "lang":
		return pick(languages)
	case "status", "state":
		return pick(statuses)
	case "version":
		return fmt.Sprintf("1.%d.0", n)
	case "sha", "hash", "digest", "commit", "checksum":
		return fmt.Sprintf("%016x%016x%08x", random.Uint64(), random.Uint64(), random.Uint32())
	case "ip":
		return formatWords("ipv4", n)[0]
	case "host", "hostname", "domain":
		return formatWords("hostname", n)[0]
	case "path", "file", "filename":
		return fmt.Sprintf("files/%d.txt", n)
	case "branch":
		return "main"
	case "color", "colour":
		return pick(colors)
	case "amount", "price", "total":
		return fmt.Sprintf("%d.50", 10+n)
	case "title", "subject", "label", "headline":
		return fmt.Sprintf("%s %d", strings.ToUpper(last[:1])+last[1:], n)
	case "description", "message", "body", "text", "summary", "comment", "note", "content", "reason", "details":
		return fmt.Sprintf("A short %s, number %d", last, n)
	}
	return fmt.Sprintf("%s-%d", last, n)
}

// numberWord is a number that fits a property of this name.
func numberWord(name string, whole bool, n int, random *rand.Rand) *big.Rat {
	words := wordsIn(name)
	last := ""
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	some := func(from, to int) *big.Rat { return big.NewRat(int64(from+random.IntN(to-from+1)), 1) }
	switch last {
	case "id", "number":
		return big.NewRat(int64(1000+n), 1)
	case "amount", "price", "total", "sum", "cost", "balance", "fee", "tax", "value":
		if whole {
			return some(1, 999)
		}
		return big.NewRat(int64(100+random.IntN(99_900)), 100)
	case "quantity", "count", "size", "length", "attempt", "attempts", "version":
		return some(1, 9)
	case "year":
		return some(2020, 2029)
	case "month":
		return some(1, 12)
	case "day", "hour":
		return some(1, 23)
	case "port":
		return some(8000, 8999)
	case "percent", "percentage":
		return some(1, 100)
	case "rate", "ratio", "score", "probability":
		if !whole {
			return big.NewRat(int64(1+random.IntN(99)), 100)
		}
	case "latitude", "lat":
		return big.NewRat(int64(random.IntN(18000)-9000), 100)
	case "longitude", "lon", "lng":
		return big.NewRat(int64(random.IntN(36000)-18000), 100)
	case "at", "timestamp", "time", "created", "updated":
		return big.NewRat(1_706_704_200+3600*int64(n), 1)
	}
	if whole {
		return some(1, 100)
	}
	return big.NewRat(int64(1+random.IntN(9999)), 100)
}
