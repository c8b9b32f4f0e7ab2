package sample

import (
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// itemAt collects what the parts of an array's view say of the item at an index.
func itemAt(v *view, i int) (goal []*jsonschema.Schema, refused bool) {
	evaluated := false
	for _, s := range v.parts {
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			goal, evaluated = append(goal, items), true
		case []*jsonschema.Schema:
			if i < len(items) {
				goal, evaluated = append(goal, items[i]), true
				break
			}
			switch more := s.AdditionalItems.(type) {
			case *jsonschema.Schema:
				goal, evaluated = append(goal, more), true
			case bool:
				evaluated = evaluated || more
				refused = refused || !more
			}
		}
		if i < len(s.PrefixItems) {
			goal, evaluated = append(goal, s.PrefixItems[i]), true
		} else if s.Items2020 != nil {
			goal, evaluated = append(goal, s.Items2020), true
		}
	}
	if !evaluated {
		for _, s := range v.parts {
			if s.UnevaluatedItems != nil {
				goal = append(goal, s.UnevaluatedItems)
			}
		}
	}
	for _, s := range goal {
		refused = refused || s.Always != nil && !*s.Always
	}
	return goal, refused
}

func (b *builder) array(v *view, name string) (any, bool) {
	asked := b.asked(v)
	least, greatest, unique := 0, -1, false
	var contained []*jsonschema.Schema
	for _, s := range v.parts {
		least = max(least, s.MinItems)
		if s.MaxItems >= 0 && (greatest < 0 || s.MaxItems < greatest) {
			greatest = s.MaxItems
		}
		unique = unique || s.UniqueItems
		if s.Contains != nil {
			for range min(s.MinContains, longest) {
				contained = append(contained, s.Contains)
			}
		}
	}
	if asked.repeat {
		least, unique = max(least, 2), false
	}
	size := least
	at := -1
	if len(v.child) > 0 {
		at = v.child[0].index
		size = max(size, at+1)
	}
	size = max(size, len(contained))
	if asked.length != nil {
		least, size, greatest = *asked.length, *asked.length, *asked.length
	} else if b.depth <= deepest && b.left > 0 && len(v.child) == 0 {
		switch b.style {
		case most:
			size = max(size, 1)
		case mixed:
			size += b.random.IntN(3)
		}
	}
	if greatest >= 0 {
		size = min(size, greatest)
	}
	if size > longest || greatest >= 0 && least > greatest {
		return nil, false
	}
	made := make([]any, 0, size)
	seen := map[string]bool{}
	for i := range size {
		item, ok := b.item(v, i, at, contained, name, unique, seen)
		if !ok {
			if i < least || i <= at || i < len(contained) {
				return nil, false
			}
			break
		}
		made = append(made, item)
	}
	if asked.repeat {
		made[len(made)-1] = made[0]
	}
	return made, true
}

// item builds the item at an index, one that is not there yet where they must
// all differ.
func (b *builder) item(v *view, i, at int, contained []*jsonschema.Schema, name string, unique bool, seen map[string]bool) (any, bool) {
	goal, refused := itemAt(v, i)
	var rest []edge
	if i == at {
		goal = append([]*jsonschema.Schema{v.child[0].to}, goal...)
		rest = v.child[1:]
	} else if i < len(contained) {
		goal = append(goal[:len(goal):len(goal)], contained[i])
	}
	if wanted := i == at && len(rest) == 0 && b.ask != nil; refused && !wanted {
		return nil, false
	}
	b.path = append(b.path, strconv.Itoa(i))
	defer func() { b.path = b.path[:len(b.path)-1] }()
	for range 12 {
		item, ok := b.build(goal, rest, i == at, singular(name))
		if !ok {
			return nil, false
		}
		if !unique {
			return item, true
		}
		if key := textOf(item); !seen[key] {
			seen[key] = true
			return item, true
		}
	}
	return nil, false
}
