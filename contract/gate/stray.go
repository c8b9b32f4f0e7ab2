package gate

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/eventproof/eventproof/contract"
)

var (
	versionFile   = regexp.MustCompile(`^v[0-9]+(?:\.[0-9]+)*\.schema\.json$`)
	versionFolder = regexp.MustCompile(`^v[0-9]+(?:\.[0-9]+)*\.examples$`)
)

// stray reports whether a file's name alone shows that contract.Load may refuse
// it: a contract that lies too deep, a name that is not read, examples of no
// version. Load decides; this says where it must look though nothing changed.
func (t *Tree) stray(p string) bool {
	if _, _, reads := consumerFile(p); reads {
		return false
	}
	dir, name := path.Dir(p), path.Base(p)
	switch top, rest, _ := strings.Cut(p, "/"); {
	case t.owns(top):
		return t.strayInEvent(top, rest)
	case name == contractFile || name == "contract.yml" || name == "contract.json":
		return true
	case strings.HasPrefix(p, consumersDir) && strings.Count(p, "/") == 2:
		return isData(name)
	default:
		return dir != "." && !strings.Contains(dir, "/") && versionFile.MatchString(name)
	}
}

// strayInEvent is stray for a file in the directory of an event.
func (t *Tree) strayInEvent(event, rest string) bool {
	dir, name := path.Dir(rest), path.Base(rest)
	switch {
	case rest == contractFile:
		return false
	case name == contractFile || name == "contract.yml" || name == "contract.json":
		return true
	case dir == "." && strings.HasSuffix(name, ".schema.json"):
		return len(name) > 1 && name[0] == 'V' && name[1] >= '0' && name[1] <= '9'
	case dir == ".":
		return isData(name)
	case strings.Contains(dir, "/") || !strings.HasSuffix(dir, ".examples"):
		return false
	}
	schema := event + "/" + strings.TrimSuffix(dir, ".examples") + ".schema.json"
	return !versionFolder.MatchString(dir) || path.Ext(name) != ".json" || t.files[schema] == nil
}

// isData reports whether a file looks as if it were meant to be read.
func isData(name string) bool {
	switch path.Ext(name) {
	case ".json", ".yaml", ".yml":
		return true
	}
	return false
}

// strayEvents are the events in whose directories a file's name is odd.
func (t *Tree) strayEvents() []string {
	seen := map[string]bool{}
	var events []string
	for p := range t.files {
		if e := t.event(p); e != "" && !seen[e] && t.owns(e) && t.stray(p) {
			seen[e] = true
			events = append(events, e)
		}
	}
	return events
}

// unowned loads what belongs to no event, where no event needs to be loaded, so
// that what is misplaced or broken there is refused whatever changed.
func unowned(v *view) error {
	if len(v.kept) == 0 {
		return nil
	}
	if err := prefetch([]*view{v}); err != nil {
		return err
	}
	_, err := contract.Load(v)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		var found *contract.LoadError
		if errors.As(one, &found) && found.Place.Line == 0 && strings.HasPrefix(found.What, "no contract here") {
			continue // the contracts are left out of the view, or the root was emptied
		}
		errs = append(errs, one)
	}
	return errors.Join(errs...)
}
