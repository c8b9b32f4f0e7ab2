package gotype_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gotype"
	"github.com/eventproof/eventproof/contract/schema"
)

type (
	scalars struct {
		A bool
		B int8    `json:"b"`
		C uint16  `json:"c"`
		D int64   `json:"d"`
		E uint64  `json:"e"`
		F float32 `json:"f"`
		G float64 `json:"g"`
		H string  `json:"h"`
		I int32   `json:"-"`
		J int32   `json:"-,"`
		K uint8   `json:"bad\"name"` //nolint:staticcheck // a tag that encoding/json does not take
		l string  //nolint:unused // not written
	}
	omitting struct {
		A bool              `json:"a,omitempty"`
		B int16             `json:"b,omitempty"`
		C uint              `json:"c,omitempty"`
		D float64           `json:"d,omitempty"`
		E string            `json:"e,omitempty"`
		F []string          `json:"f,omitempty"`
		G map[string]int    `json:"g,omitempty"`
		H *string           `json:"h,omitempty"`
		I struct{ X int }   `json:"i,omitempty"`
		J time.Time         `json:"j,omitempty"`
		K []byte            `json:"k,omitempty"`
		L any               `json:"l,omitempty"`
		M [2]int            `json:"m,omitempty"`
		N json.RawMessage   `json:"n,omitempty"`
		O *[]string         `json:"o,omitempty"`
		P **int             `json:"p,omitempty"`
		Q map[string]*inner `json:"q,omitempty"`
	}
	zeroing struct {
		A bool           `json:"a,omitzero"`
		B int            `json:"b,omitzero"`
		C string         `json:"c,omitzero"`
		D []int          `json:"d,omitzero"`
		E map[string]int `json:"e,omitzero"`
		F *int           `json:"f,omitzero"`
		G time.Time      `json:"g,omitzero"`
		H inner          `json:"h,omitzero"`
		I *time.Time     `json:"i,omitzero"`
		J even           `json:"j,omitzero"`
		K float64        `json:"k,omitzero"`
		L [2]string      `json:"l,omitzero"`
	}
	inner struct {
		X int     `json:"x"`
		Y *string `json:"y"`
	}
	pointers struct {
		A *int
		B *inner
		C **string
		D []*inner
		E map[string]*int
		F *[]int
		G *map[string]string
		H *time.Time
		I *big.Int
		J *big.Rat
		K *big.Float
	}
	containers struct {
		A []string
		B map[string][]int
		C [3]bool
		D [2]inner
		E []byte
		F [4]byte
		G map[int]string
		H map[uint8]string
		I map[netip.Addr]string
		J map[text]inner
		K [][]float64
		L []json.Number
		M []text
		N map[string]any
		O []code
	}
	quoted struct {
		A int     `json:"a,string"`
		B uint8   `json:"b,string"`
		C float64 `json:"c,string"`
		D bool    `json:"d,string"`
		E string  `json:"e,string"`
		F *int    `json:"f,string"`
		G *int    `json:"g,string,omitempty"`
		H []int   `json:"h,string"` //nolint:staticcheck // where the option does not apply
		I text    `json:"i,string"`
		J level   `json:"j,string"`
	}
	base struct {
		ID    string `json:"id"`
		Shade string
	}
	second struct {
		Shade string
		Kind  string `json:"kind"`
	}
	text  string
	code  uint8
	level int
	even  int
	named struct {
		base
		text        //nolint:unused // not written
		Kind string `json:"kind"`
	}
	ambiguous struct {
		base
		second
	}
	plainShade  struct{ Shade string }
	taggedShade struct {
		Tint int `json:"Shade"`
	}
	tagWins struct {
		plainShade
		taggedShade
		Own string
	}
	left  struct{ base }
	right struct{ base }
	twice struct {
		left
		right
		Own   string
		Count int
	}
	indirect struct {
		*Base2
		Own string
	}
	// Base2 is exported: only such an embedded pointer can be set.
	Base2 struct {
		Deep  string
		Deep2 *string `json:"deep2"`
	}
	renamedBase struct {
		base  `json:"Base"`
		Base2 `json:"base2,omitempty"`
	}
	tree struct {
		Name     string
		Children []tree
		Left     *tree           `json:"left,omitempty"`
		By       map[string]tree `json:",omitempty"`
	}
	list  []list
	times struct {
		A time.Time
		B *time.Time `json:"b,omitempty"`
		C time.Duration
		D []time.Time
		E level
		F *level `json:",omitempty"`
		G netip.Addr
		H *netip.Addr
	}
	opaque struct {
		A price
		B *price
		C any
		D fmt.Stringer
		E json.RawMessage
		F pointerPrice
		G []pointerPrice
	}
	price        struct{ cents int64 }
	pointerPrice struct{ Cents int64 }
)

func (l level) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "level %d", int(l)), nil }
func (l *level) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "level %d", (*int)(l))
	return err
}
func (e even) IsZero() bool                  { return e%2 == 0 }
func (p price) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%d.%02d", p.cents, 5), nil }
func (p *pointerPrice) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `"%d EUR"`, p.Cents), nil
}

// random fills a value, nil, empty and extreme ones among them.
func random(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(3)*r.Int64N(1e9)).In(time.FixedZone("", 60*(r.IntN(1400)-700)))))
		if r.IntN(4) == 0 {
			v.SetZero()
		}
		return
	case json.Number:
		v.Set(reflect.ValueOf(json.Number([]string{"0", "-1.5e3", "123456789012345678901234567890", "0.1"}[r.IntN(4)])))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage([]string{"null", `{"a":[1]}`, `"x"`}[r.IntN(3)])))
		return
	case *big.Int:
		if r.IntN(3) > 0 {
			v.Set(reflect.ValueOf(new(big.Int).Lsh(big.NewInt(r.Int64()), uint(r.IntN(200)))))
		}
		return
	case *big.Rat:
		if r.IntN(3) > 0 {
			v.Set(reflect.ValueOf(big.NewRat(r.Int64(), 1+r.Int64N(1e9))))
		}
		return
	case *big.Float:
		if r.IntN(3) > 0 {
			v.Set(reflect.ValueOf(big.NewFloat(r.NormFloat64())))
		}
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{byte(r.Uint32())})))
		return
	case price:
		v.Set(reflect.ValueOf(price{r.Int64N(1000)}))
		return
	}
	edge := func(all ...int64) int64 {
		if r.IntN(3) == 0 {
			return int64(r.Uint64())
		}
		return all[r.IntN(len(all))]
	}
	switch k := v.Kind(); k {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := edge(0, 1, -1, math.MinInt64, math.MaxInt64)
		v.SetInt(n >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n := uint64(edge(0, 1, -1, math.MaxInt64))
		v.SetUint(n >> (64 - v.Type().Bits()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, math.Copysign(0, -1), 1, 1e21, -1e-9, r.NormFloat64(), math.MaxFloat32, math.SmallestNonzeroFloat32}[r.IntN(8)])
	case reflect.String:
		v.SetString([]string{"", "a", "<&>\u2028", "\xff\xfe", "ü\x00\"\\", "2024-01-31"}[r.IntN(6)])
	case reflect.Pointer:
		if r.IntN(3) > 0 && depth < 6 {
			p := reflect.New(v.Type().Elem())
			random(r, p.Elem(), depth+1)
			v.Set(p)
		}
	case reflect.Slice:
		if n := r.IntN(4) - 1; n >= 0 && (depth < 6 || n == 0) {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				random(r, v.Index(i), depth+1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			random(r, v.Index(i), depth+1)
		}
	case reflect.Map:
		if n := r.IntN(4) - 1; n >= 0 && (depth < 6 || n == 0) {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				random(r, key, depth+1)
				random(r, value, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				random(r, f, depth+1)
			} else if f.Kind() == reflect.Struct && v.Type().Field(i).Anonymous {
				for j := range f.NumField() {
					if g := f.Field(j); g.CanSet() {
						random(r, g, depth+1)
					}
				}
			}
		}
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf([]any{"x", 1.5, []any{nil}, map[string]any{"k": true}}[r.IntN(4)]))
		}
	}
}

type subject struct {
	name string
	run  func(t *testing.T)
}

// sound checks T's schema by what encoding/json writes for random values, as a value
// and through a pointer.
func sound[T any](t *testing.T) {
	text, err := gotype.Schema[T]()
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Parse("T", text, schema.Options{AssertFormat: true})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]bool{}
	for range 500 {
		var v T
		random(r, reflect.ValueOf(&v).Elem(), 0)
		for _, from := range []any{v, &v} {
			b, err := json.Marshal(from)
			if err != nil {
				t.Fatal(err)
			}
			n, err := schema.ReadJSON(b)
			if err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			for _, f := range s.Validate(n.Value()) {
				t.Fatalf("%s\nwas written, and %s %s (want %s, got %s) by\n%s", b, f.Pointer, f.What, f.Want, f.Got, text)
			}
			shapes[string(b)] = true
		}
	}
	if len(shapes) < 8 {
		t.Errorf("only %d different values: the test shows little", len(shapes))
	}
}

// found are the places at which a T does not agree with a contract that is T's own
// schema.
func found[T any](t *testing.T) (pointers []string) {
	text, err := gotype.Schema[T]()
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Load(fstest.MapFS{
		"a/contract.yaml":  {Data: []byte("event: a\ntopic: t\nformat: assert\n")},
		"a/v1.schema.json": {Data: text},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range gotype.Check[T](c, "a", "1") {
		if v.Rule != gotype.RuleDecode && v.Rule != gotype.RuleRoundTrip {
			t.Errorf("what a type writes is in its own schema:\n%s", v)
		}
		pointers = append(pointers, strings.TrimPrefix(v.Pointer, "/data/"))
	}
	return pointers
}

func TestSchemaAcceptsWhatIsEncoded(t *testing.T) {
	for _, tt := range []subject{
		{"scalars", sound[scalars]}, {"omitting", sound[omitting]}, {"zeroing", sound[zeroing]}, {"pointers", sound[pointers]},
		{"containers", sound[containers]}, {"quoted", sound[quoted]}, {"named", sound[named]}, {"ambiguous", sound[ambiguous]}, {"tag wins", sound[tagWins]}, {"twice", sound[twice]},
		{"indirect", sound[indirect]}, {"renamed base", sound[renamedBase]}, {"tree", sound[tree]}, {"list", sound[list]},
		{"times", sound[times]}, {"opaque", sound[opaque]}, {"pointer", sound[*inner]}, {"slice", sound[[]inner]}, {"map", sound[map[string]scalars]},
	} {
		t.Run(tt.name, tt.run)
	}
}

// Each sample of a type's own schema makes a round trip through the type, so the
// schema says no more than what the type holds; but where no schema can say it.
func TestTypeAgreesWithItsOwnSchema(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		found        func(*testing.T) []string
		want         string
	}{
		{"scalars", "no schema says which numbers a float32 holds", found[scalars], "f"},
		{"omitting", "-0 is written, 0 is not; and a nil behind what is not nil is null", found[omitting], "d l o p"},
		{"zeroing", "a struct, an array and an IsZero may leave out more than a schema says", found[zeroing], "h j k l"},
		{"named", "exact", found[named], ""},
		{"ambiguous", "exact", found[ambiguous], ""},
		{"tag wins", "exact", found[tagWins], ""},
		{"twice", "exact", found[twice], ""},
		{"indirect", "the fields of an embedded pointer come and go together", found[indirect], "Deep deep2"},
		{"renamed base", "exact", found[renamedBase], ""},
		{"tree", "exact, and refers to itself", found[tree], ""},
		{"list", "exact, and refers to itself", found[list], ""},
		{"containers", "the keys are addresses", found[containers], "I"},
		{"pointer", "exact", found[*inner], ""},
		{"slice", "exact", found[[]inner], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(tt.found(t), " "); got != tt.want {
				t.Errorf("found %q, want %q: %s", got, tt.want, tt.reason)
			}
		})
	}
}
