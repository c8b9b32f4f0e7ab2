package stringset_test

import (
	"fmt"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

func must(s stringset.Set, err error) stringset.Set {
	if err != nil {
		panic(err)
	}
	return s
}

// May a reader of the new pattern read all that was written under the old one?
func Example() {
	before := must(stringset.Pattern(`^[A-Z]{3}-\d+$`))
	after := stringset.And(must(stringset.Pattern(`^[A-Z]+-\d+$`)), stringset.Length(0, 8))

	broken := stringset.And(before, stringset.Not(after))
	word, ok, err := broken.Example(stringset.NewBudget())
	fmt.Println(word, ok, err)

	empty, err := stringset.And(after, stringset.Not(stringset.Length(0, 10))).Empty(nil)
	fmt.Println(empty, err)
	// Output:
	// AAA-00000 true <nil>
	// true <nil>
}

func ExamplePattern() {
	s, err := stringset.Pattern("b")
	fmt.Println(s.Contains("abc"), err) // unanchored
	_, err = stringset.Pattern("(?=a)")
	fmt.Println(err)
	// Output:
	// true <nil>
	// error parsing regexp: invalid or unsupported Perl syntax: `(?=`
}

func ExampleSet_Examples() {
	plan := stringset.Or(stringset.Of("free", "team"), must(stringset.Pattern(`^x-[a-z]+$`)))
	words, err := plan.Examples(nil, 5, "team", "gold")
	fmt.Println(words, err)
	// Output:
	// [team x-a x-b x-c x-d] <nil>
}

func ExampleLength() {
	s := stringset.And(stringset.Length(2, 3), must(stringset.Pattern(`^[01]*$`)))
	words, err := s.Examples(nil, 4)
	fmt.Println(words, s.Contains("0000"), err)
	// Output:
	// [00 01 10 11] false <nil>
}

func ExampleOf() {
	small, large := stringset.Of("a", "b"), stringset.Of("a", "b", "c")
	word, ok, err := stringset.And(large, stringset.Not(small)).Example(nil)
	fmt.Println(word, ok, err)
	// Output:
	// c true <nil>
}
