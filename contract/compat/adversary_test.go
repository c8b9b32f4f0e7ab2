package compat_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eventproof/eventproof/contract/compat"
)

// listOf joins what each number below n gives with commas.
func listOf(n int, one func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return strings.Join(all, ",")
}

// tower nests a schema n times; each level is built from the one below.
func tower(n int, base string, level func(below string, i int) string) string {
	for i := range n {
		base = level(base, i)
	}
	return base
}

// primes are the first n.
func primes(n int) []int {
	var all []int
	for k := 2; len(all) < n; k++ {
		prime := true
		for _, p := range all {
			prime = prime && k%p != 0
		}
		if prime {
			all = append(all, k)
		}
	}
	return all
}

const digits40 = "1234567890123456789012345678901234567890"

// adversaries are pairs that are built to take all the time and memory there is.
var adversaries = []struct {
	name, reason, old, new string
}{
	{"product of anyOf over members", "3 to the power of 40", anyOfs(40, `{"type":"integer"}`), anyOfs(40, `{"type":"number"}`)},
	{"product of anyOf over shared members", "each combination has to be looked at",
		`{"type":"object","allOf":[` + listOf(30, func(i int) string {
			return fmt.Sprintf(`{"anyOf":[{"required":["p%d"]},{"required":["p%d"]},{"required":["p%d"]}]}`, i, (i*7+3)%30, (i*11+5)%30)
		}) + `],"maxProperties":9}`, `{"required":["p0"]}`},
	{"satisfiability of 3-literal clauses", "60 names, 250 clauses: near the threshold",
		`{"type":"object","allOf":[` + listOf(250, func(i int) string {
			literal := func(k int) string {
				name := fmt.Sprintf("v%d", (i*i*31+k*k*17+i*k*7+k*13+i)%60)
				if (i*5+k*3)%7 < 3 {
					return fmt.Sprintf(`{"properties":{%q:false}}`, name)
				}
				return fmt.Sprintf(`{"required":[%q]}`, name)
			}
			return fmt.Sprintf(`{"anyOf":[%s,%s,%s]}`, literal(1), literal(2), literal(3))
		}) + `]}`, `{"required":["none"]}`},
	{"pigeonholes", "11 items in 10 places, each another value", `{"type":"array","minItems":11,"uniqueItems":true,"items":{"enum":[0,1,2,3,4,5,6,7,8,9]}}`, `false`},
	{"pigeonholes by clauses", "9 into 8", `{"type":"object","allOf":[` + listOf(9, func(i int) string {
		return `{"anyOf":[` + listOf(8, func(j int) string { return fmt.Sprintf(`{"required":["p%dh%d"]}`, i, j) }) + `]}`
	}) + `,` + listOf(8*36, func(k int) string {
		j, n := k%8, k/8
		a, b := 0, 1
		for range n {
			if b++; b == 9 {
				a, b = a+1, a+2
			}
		}
		return fmt.Sprintf(`{"not":{"required":["p%dh%d","p%dh%d"]}}`, a, j, b, j)
	}) + `]}`, `false`},
	{"automaton of 2^30 states", "the pattern remembers 30 letters", `{"pattern":"^(a|b)*a(a|b){30}$"}`, `{"pattern":"^(a|b)*b(a|b){30}$"}`},
	{"product of automata", "20 patterns of coprime lengths", `{"allOf":[` + listOf(20, func(i int) string { return fmt.Sprintf(`{"pattern":"^(a{%d})*$"}`, primes(20)[i]) }) + `]}`, `{"maxLength":10}`},
	{"not and products of automata", "of both sides", `{"allOf":[` + listOf(12, func(i int) string { return fmt.Sprintf(`{"pattern":"a.{%d}b"}`, i+5) }) + `]}`,
		`{"anyOf":[` + listOf(12, func(i int) string { return fmt.Sprintf(`{"pattern":"b.{%d}a"}`, i+5) }) + `]}`},
	{"a billion letters", "only the number is large", `{"type":"string","minLength":1000000000,"pattern":"^(ab)*$"}`, `{"type":"string","minLength":999999999,"pattern":"^a?b?(ab)*$"}`},
	{"a billion letters at most", "and a pattern that has no end", `{"type":"string","maxLength":1000000000,"pattern":"^(a|bb)*$"}`, `{"maxLength":999999999}`},
	{"a billion items", "the witness cannot be written", `{"type":"array","minItems":1000000000,"items":{"const":1}}`, `{"type":"array","minItems":1000000001}`},
	{"a billion unique items", "there are only as many as the enum", `{"type":"array","minItems":1000000000,"uniqueItems":true}`, `false`},
	{"a billion members", "their names are two letters", `{"type":"object","minProperties":1000000000,"propertyNames":{"pattern":"^[ab]{2}$"}}`, `false`},
	{"4,000 unique items", "each must differ", `{"type":"array","minItems":4000,"uniqueItems":true,"items":{"type":"integer"}}`, `false`},
	{"700 unique items of a small enum", "one too many", `{"type":"array","minItems":701,"uniqueItems":true,"items":{"enum":[` + listOf(700, func(i int) string { return fmt.Sprint(i) }) + `]}}`, `false`},
	{"unique items and contains", "eight kinds that overlap", `{"type":"array","uniqueItems":true,"minItems":20,"maxItems":24,"items":{"type":"integer","minimum":0,"maximum":21},"allOf":[` +
		listOf(8, func(i int) string { return fmt.Sprintf(`{"contains":{"multipleOf":%d},"minContains":3}`, i+2) }) + `]}`, `{"contains":{"const":22}}`},
	{"contains, ten of them", "each with bounds", `{"type":"array","allOf":[` + listOf(10, func(i int) string {
		return fmt.Sprintf(`{"contains":{"multipleOf":%d},"minContains":%d,"maxContains":%d}`, primes(10)[i], i%3+1, i%3+3)
	}) + `]}`, `{"maxItems":3}`},
	{"contains, thirty of them", "more than can meet", `{"type":"array","allOf":[` + listOf(30, func(i int) string { return fmt.Sprintf(`{"contains":{"multipleOf":%d},"minContains":2}`, i+2) }) + `]}`, `{"maxItems":3}`},
	{"contains, counted to a thousand", "two bounds a thousand wide", `{"type":"array","minItems":1500,"items":{"type":"integer"},"allOf":[{"contains":{"minimum":5},"minContains":700,"maxContains":800},{"contains":{"maximum":7},"minContains":700,"maxContains":800}]}`, `false`},
	{"multipleOf of 40 digits", "all primes apart", `{"multipleOf":` + digits40 + `}`, `{"multipleOf":` + strings.Replace(digits40, "1234", "1235", 1) + `}`},
	{"least common multiple of 60 primes", "some 300 digits", `{"type":"integer","allOf":[` + listOf(60, func(i int) string { return fmt.Sprintf(`{"multipleOf":%d}`, primes(300)[i+200]) }) + `]}`, `{"maximum":5}`},
	{"multiples and not multiples", "a sieve", `{"type":"integer","minimum":2,"maximum":1000000000,"allOf":[` + listOf(200, func(i int) string { return fmt.Sprintf(`{"not":{"multipleOf":%d}}`, primes(200)[i]) }) + `]}`, `{"maximum":1300}`},
	{"a sieve that leaves nothing", "all primes below 50, up to 50", `{"type":"integer","minimum":2,"maximum":2500,"allOf":[` + listOf(15, func(i int) string { return fmt.Sprintf(`{"not":{"multipleOf":%d}}`, primes(15)[i]) }) + `]}`, `false`},
	{"multiples of huge and tiny", "exponents of 400", `{"multipleOf":1e-400,"not":{"multipleOf":1e-399}}`, `{"minimum":1e400}`},
	{"numbers with exponents", "400 places", `{"type":"integer","minimum":1e400}`, `{"multipleOf":3}`},
	{"a tower of not", "240 levels", tower(240, `{"type":"integer"}`, func(b string, _ int) string { return `{"not":` + b + `}` }), `{"type":"number"}`},
	{"a tower of allOf and anyOf", "10 levels that say the level twice: the validator takes 2 to the power of that", `{"$defs":{` + listOf(10, func(i int) string {
		return fmt.Sprintf(`"d%d":{"%s":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"},{"required":["p%d"]}]}`, i, []string{"allOf", "anyOf"}[i%2], i+1, i+1, i)
	}) + `,"d10":{"type":"object","properties":{"a":{"type":"integer"}}}},"$ref":"#/$defs/d0"}`, `{"properties":{"a":{"type":"string"}}}`},
	{"a tower of oneOf", "40 levels that say the level twice", `{"$defs":{` + listOf(40, func(i int) string {
		return fmt.Sprintf(`"d%d":{"oneOf":[{"$ref":"#/$defs/d%d"},{"properties":{"p%d":{"$ref":"#/$defs/d%d"}},"required":["p%d"]}]}`, i, i+1, i, i+1, i)
	}) + `,"d40":{"type":"object","required":["z"]}},"$ref":"#/$defs/d0"}`, `{"required":["z"]}`},
	{"oneOf of 300 that overlap", "45,000 pairs", `{"oneOf":[` + listOf(300, func(i int) string {
		return fmt.Sprintf(`{"properties":{"a%d":{"type":"integer"}},"required":["b%d"]}`, i, i)
	}) + `]}`, `{"oneOf":[` + listOf(300, func(i int) string {
		return fmt.Sprintf(`{"properties":{"a%d":{"type":"number"}},"required":["b%d"]}`, i, i)
	}) + `]}`},
	{"if, then and else, 60 of them", "2 to the power of 60", `{"type":"object","allOf":[` + listOf(60, func(i int) string {
		return fmt.Sprintf(`{"if":{"required":["p%d"]},"then":{"properties":{"q%d":{"type":"string"}}},"else":{"properties":{"q%d":{"type":"integer"}}}}`, i, i, (i+1)%60)
	}) + `]}`, `{"properties":{"q0":{"type":"boolean"}}}`},
	{"dependentSchemas, 200 in a ring", "each asks for the next", `{"type":"object","required":["p0"],"dependentSchemas":{` + listOf(200, func(i int) string {
		return fmt.Sprintf(`"p%d":{"required":["p%d"],"properties":{"q%d":{"type":"integer"}}}`, i, (i+1)%200, i)
	}) + `}}`, `{"required":["p199"]}`},
	{"dependentSchemas that choose", "40 times 2", `{"type":"object","minProperties":20,"dependentSchemas":{` + listOf(40, func(i int) string {
		return fmt.Sprintf(`"p%d":{"anyOf":[{"required":["p%d"]},{"required":["p%d"]}]}`, i, (i*3+1)%40, (i*7+2)%40)
	}) + `}}`, `{"maxProperties":12}`},
	{"propertyNames and patternProperties", "2 to the power of 12 cells", `{"type":"object","propertyNames":{"pattern":"^[a-z]+$"},"patternProperties":{` + listOf(12, func(i int) string { return fmt.Sprintf(`"%c.*%c":{"minimum":%d}`, 'a'+i, 'a'+i+1, i) }) + `},"minProperties":30}`,
		`{"patternProperties":{` + listOf(12, func(i int) string { return fmt.Sprintf(`"%c.*%c":{"minimum":%d}`, 'a'+i, 'a'+i+1, i+1) }) + `}}`},
	{"patternProperties, 60 of them", "that all meet", `{"type":"object","patternProperties":{` + listOf(60, func(i int) string { return fmt.Sprintf(`"x.{%d}y":{"minimum":%d}`, i, i) }) + `}}`, `{"patternProperties":{"x":{"type":"number","maximum":3}},"minProperties":2}`},
	{"unevaluatedProperties through anyOf", "3 to the power of 9 ways", `{"type":"object","unevaluatedProperties":false,"allOf":[` + listOf(9, func(i int) string {
		return fmt.Sprintf(`{"anyOf":[{"properties":{"a%d":{}}},{"properties":{"b%d":{}},"required":["b%d"]}]}`, i, i, i)
	}) + `]}`, `{"maxProperties":5}`},
	{"unevaluatedProperties 40 levels deep", "through anyOf and $ref", `{"$defs":{` + listOf(40, func(i int) string {
		return fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"properties":{"p%d":{}},"required":["p%d"]}]}`, i, i+1, i, i)
	}) + `,"d40":{"properties":{"z":{}}}},"$ref":"#/$defs/d0","unevaluatedProperties":false}`, `{"unevaluatedProperties":false,"properties":{"z":{}}}`},
	{"unevaluatedItems through contains", "ways of items", `{"type":"array","unevaluatedItems":false,"allOf":[` + listOf(8, func(i int) string { return fmt.Sprintf(`{"contains":{"multipleOf":%d},"minContains":0}`, primes(8)[i]) }) + `],"minItems":4}`,
		`{"contains":{"multipleOf":2}}`},
	{"undeclared properties through anyOf", "closed, for the writer", `{"type":"object","allOf":[` + listOf(9, func(i int) string {
		return fmt.Sprintf(`{"anyOf":[{"properties":{"a%d":{"type":"integer"}}},{"properties":{"b%d":{"type":"string"}},"required":["b%d"]}]}`, i, i, i)
	}) + `]}`, `{"additionalProperties":{"type":"string"}}`},
	{"a dense web of references", "18 definitions, each to all others", `{"$ref":"#/$defs/d0","$defs":{` + listOf(18, func(i int) string {
		return fmt.Sprintf(`"d%d":{"type":"object","properties":{%s}}`, i, listOf(18, func(j int) string { return fmt.Sprintf(`"p%d":{"$ref":"#/$defs/d%d"}`, j, (i+j)%18) }))
	}) + `}}`, `{"$ref":"#/$defs/e0","$defs":{` + listOf(19, func(i int) string {
		return fmt.Sprintf(`"e%d":{"type":"object","properties":{%s}}`, i, listOf(18, func(j int) string { return fmt.Sprintf(`"p%d":{"$ref":"#/$defs/e%d"}`, j, (i+2*j)%19) }))
	}) + `}}`},
	{"two cycles of coprime lengths", "997 states to go through", `{"$ref":"#/$defs/d0","$defs":{` + listOf(29, func(i int) string {
		return fmt.Sprintf(`"d%d":{"properties":{"n":{"$ref":"#/$defs/d%d"},"v":{"type":"integer"}}}`, i, (i+1)%29)
	}) + `}}`, `{"$ref":"#/$defs/e0","$defs":{` + listOf(31, func(i int) string {
		return fmt.Sprintf(`"e%d":{"properties":{"n":{"$ref":"#/$defs/e%d"},"v":{"type":"%s"}}}`, i, (i+1)%31, []string{"number", "integer"}[i%2])
	}) + `}}`},
	{"sets of states", "a recursive anyOf that remembers 25 levels", `{"$defs":{"any":{"properties":{"n":{"$ref":"#/$defs/any"}}},` + listOf(25, func(i int) string {
		return fmt.Sprintf(`"d%d":{"required":["n"],"properties":{"n":{"$ref":"#/$defs/d%d"}}}`, i, i+1)
	}) + `,"d25":{"not":{"required":["n"]}},"s":{"anyOf":[{"required":["n","a"],"properties":{"n":{"$ref":"#/$defs/d0"}}},{"required":["n"],"properties":{"n":{"$ref":"#/$defs/s"}}}]}},"$ref":"#/$defs/s"}`,
		`{"$defs":{` + listOf(25, func(i int) string {
			return fmt.Sprintf(`"d%d":{"required":["n"],"properties":{"n":{"$ref":"#/$defs/d%d"}}}`, i, i+1)
		}) + `,"d25":{"not":{"required":["n"]}},"s":{"anyOf":[{"required":["n","b"],"properties":{"n":{"$ref":"#/$defs/d0"}}},{"required":["n"],"properties":{"n":{"$ref":"#/$defs/s"}}}]}},"$ref":"#/$defs/s"}`},
	{"50,000 words against 50,000 others", "of which one is new", enumeration(50000), `{"enum":["y",` + enumeration(50000)[len(`{"enum":["x",`):]},
	{"50,000 numbers, not of 50,000 others", "one by one", `{"enum":[` + listOf(50000, func(i int) string { return fmt.Sprint(i) }) + `]}`, `{"not":{"enum":[` + listOf(50000, func(i int) string { return fmt.Sprint(i + 50000) }) + `]}}`},
	{"20,000 objects in an enum", "by their members", `{"enum":[` + listOf(20000, func(i int) string { return fmt.Sprintf(`{"a":%d,"b":"x%d"}`, i, i) }) + `]}`, `{"enum":[` + listOf(19999, func(i int) string { return fmt.Sprintf(`{"a":%d,"b":"x%d"}`, i, i) }) + `]}`},
	{"outside 300 objects", "the negation of each member", `{"type":"object","required":["a","b"]}`, `{"enum":[` + listOf(300, func(i int) string { return fmt.Sprintf(`{"a":%d,"b":"x%d"}`, i, i) }) + `]}`},
	{"members that are all but listed objects", "with closed names", `{"type":"object","additionalProperties":false,"properties":{"a":{"enum":[0,1,2,3,4,5,6,7,8,9,10,11]},"b":{"enum":[0,1,2,3,4,5,6,7,8,9,10,11]}},"required":["a","b"]}`,
		`{"enum":[` + listOf(144, func(i int) string { return fmt.Sprintf(`{"a":%d,"b":%d}`, i/12, i%12) }) + `]}`},
	{"3,000 words with a common pattern", "each word against the automaton", `{"pattern":"^(some|any|no)-word-[0-9]+$"}`, `{"not":{"enum":[` + listOf(3000, func(i int) string { return fmt.Sprintf(`"some-word-%d"`, i) }) + `]}}`},
	{"120 levels", "nested as deep as is read", deep(120, `{"type":"integer"}`), deep(120, `{"type":"number"}`)},
	{"a fork 30 levels deep", "2 to the power of 30 leaves in a value", `{"$ref":"#/$defs/d0","$defs":{` + listOf(30, func(i int) string {
		return fmt.Sprintf(`"d%d":{"type":"object","required":["l","r"],"properties":{"l":{"$ref":"#/$defs/d%d"},"r":{"$ref":"#/$defs/d%d"}}}`, i, i+1, i+1)
	}) + `,"d30":{"type":"integer"}}}`, `{"required":["m"]}`},
}

const (
	adversaryEnv = "EVENTPROOF_TEST_ADVERSARY" // of the process that compares one pair
	mostMemory   = 1 << 30
)

// judgement is what the process that compares one pair found.
type judgement struct {
	Backward, Forward, Closed string
	Memory                    uint64 // bytes that Go has ever taken from the system
	Took                      time.Duration
	Steps                     int
}

// Each pair is compared, both ways and with undeclared properties absent, in a
// process of its own, so that the memory is the pair's own: runtime.MemStats.Sys
// never falls. The steps of the budget bound the time. What is asked is an
// answer of any kind, below 1 GiB.
func TestAdversaries(t *testing.T) {
	if name := os.Getenv(adversaryEnv); name != "" {
		for _, tt := range adversaries {
			if tt.name == name {
				answer(t, tt.old, marked(tt.new))
			}
		}
		return
	}
	for _, tt := range adversaries {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if slowed && !full() {
				t.Skip("too slow with the race detector, which takes memory of its own: run without it, or with EVENTPROOF_FULL=1")
			}
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAdversaries$", "-test.v")
			command.Env = append(os.Environ(), adversaryEnv+"="+tt.name)
			out, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %.3000s", err, out)
			}
			_, text, _ := strings.Cut(string(out), "judgement ")
			var j judgement
			if err := json.NewDecoder(strings.NewReader(text)).Decode(&j); err != nil {
				t.Fatalf("%v in %.3000s", err, out)
			}
			t.Logf("backward %s; forward %s; closed %s; %d MiB, %v, %d steps", j.Backward, j.Forward, j.Closed, j.Memory>>20, j.Took.Round(time.Millisecond), j.Steps)
			if j.Memory > mostMemory {
				t.Errorf("%d MiB were taken, want at most %d: %s", j.Memory>>20, mostMemory>>20, tt.reason)
			}
		})
	}
}

func answer(t *testing.T, old, new string) {
	t.Helper()
	start := time.Now()
	a, b := load(t, old), load(t, new)
	r := compat.Compare(a, b, compat.Policy{})
	closed := compat.Contained(a, b, compat.Policy{Undeclared: compat.Absent})
	say := func(a compat.Answer) string {
		if a.Verdict == compat.Undecided {
			return fmt.Sprintf("undecided (%v)", a.Reason)
		}
		return string(a.Verdict)
	}
	j := judgement{Backward: say(r.Backward), Forward: say(r.Forward), Closed: say(closed), Took: time.Since(start), Steps: r.Backward.Steps + r.Forward.Steps + closed.Steps}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	j.Memory = stats.Sys
	fmt.Println("judgement", string(encoded(j)))
}
