package fakes

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/fakes/state"
)

// stateDecoder reads the operations of a transaction from decoded JSON, and
// collects what is wrong in the words of the library that daprd uses: names are
// matched in any case, nothing is converted, null is nothing.
//
// Source: mitchellh/mapstructure v1.5.1 (bf980b35cac4) mapstructure.go, error.go.
type stateDecoder struct{ wrong []string }

func decodeSet(in any) (r state.SetRequest, err error) {
	var d stateDecoder
	fields, err := d.fields("", in)
	if err != nil {
		return r, err // at the top it is not one of a list
	}
	d.text("Key", d.field(fields, "Key"), &r.Key)
	r.Value = d.field(fields, "Value")
	d.optionalText("ETag", d.field(fields, "ETag"), &r.ETag)
	d.texts("Metadata", d.field(fields, "Metadata"), &r.Metadata)
	d.options(d.field(fields, "Options"), &r.Options)
	d.optionalText("ContentType", d.field(fields, "ContentType"), &r.ContentType)
	return r, d.err()
}

func decodeDelete(in any) (r state.DeleteRequest, err error) {
	var d stateDecoder
	fields, err := d.fields("", in)
	if err != nil {
		return r, err
	}
	d.text("Key", d.field(fields, "Key"), &r.Key)
	d.optionalText("ETag", d.field(fields, "ETag"), &r.ETag)
	d.texts("Metadata", d.field(fields, "Metadata"), &r.Metadata)
	d.options(d.field(fields, "Options"), &r.Options)
	return r, d.err()
}

// err is all that is wrong, sorted.
func (d *stateDecoder) err() error {
	if len(d.wrong) == 0 {
		return nil
	}
	slices.Sort(d.wrong)
	return fmt.Errorf("%d error(s) decoding:\n\n* %s", len(d.wrong), strings.Join(d.wrong, "\n* "))
}

func (d *stateDecoder) fields(name string, in any) (map[string]any, error) {
	if in == nil {
		return nil, nil
	}
	if fields, ok := in.(map[string]any); ok {
		return fields, nil
	}
	return nil, fmt.Errorf("'%s' expected a map, got '%s'", name, reflect.TypeOf(in).Kind())
}

// field is what stands under the name, as it is written or else in another case:
// of several daprd takes any, here it is the first in order.
func (d *stateDecoder) field(in map[string]any, name string) any {
	if value, ok := in[name]; ok {
		return value
	}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if strings.EqualFold(key, name) {
			return in[key]
		}
	}
	return nil
}

func (d *stateDecoder) text(name string, in any, to *string) {
	switch value := in.(type) {
	case nil:
	case string:
		*to = value
	default:
		d.wrong = append(d.wrong, fmt.Sprintf("'%s' expected type 'string', got unconvertible type '%T', value: '%v'", name, in, in))
	}
}

func (d *stateDecoder) optionalText(name string, in any, to **string) {
	if in != nil {
		*to = new(string)
		d.text(name, in, *to)
	}
}

func (d *stateDecoder) texts(name string, in any, to *map[string]string) {
	if in == nil {
		return
	}
	values, err := d.fields(name, in)
	if err != nil {
		d.wrong = append(d.wrong, err.Error())
		return
	}
	*to = make(map[string]string, len(values))
	for key, value := range values {
		var text string
		d.text(name+"["+key+"]", value, &text)
		(*to)[key] = text
	}
}

func (d *stateDecoder) options(in any, to *state.SetStateOption) {
	fields, err := d.fields("Options", in)
	if err != nil {
		d.wrong = append(d.wrong, err.Error())
		return
	}
	d.text("Options.Concurrency", d.field(fields, "Concurrency"), &to.Concurrency)
	d.text("Options.Consistency", d.field(fields, "Consistency"), &to.Consistency)
}
