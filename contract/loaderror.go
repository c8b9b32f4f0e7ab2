package contract

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/eventproof/eventproof/contract/schema"
)

// LoadError is one thing that is wrong with a contract on disk. [Load] joins
// all that it finds; errors.As finds the first.
type LoadError struct {
	Place  Place
	What   string // what was found
	Remedy string // what to write instead
}

func (e *LoadError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Place, e.What, e.Remedy)
}

// problems collects load errors.
type problems struct{ list []*LoadError }

func (p *problems) add(at Place, remedy, format string, args ...any) {
	p.list = append(p.list, &LoadError{Place: at, What: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (p *problems) schema(found []*schema.Problem) {
	for _, s := range found {
		p.add(Place{s.File, s.Line}, s.Remedy, "%s", s.What)
	}
}

// err joins them, by file and line, each once.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b *LoadError) int {
		return cmp.Or(cmp.Compare(a.Place.File, b.Place.File), cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.What, b.What))
	})
	var errs []error
	for i, e := range p.list {
		if i == 0 || *e != *p.list[i-1] {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// reason is a file system's error without the path, which the place names.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
