package gate

import (
	"fmt"
	"path"
	"slices"

	"github.com/eventproof/eventproof/contract"
)

// schemasTaken names the published versions whose schemas schema: none takes
// away: the version then accepts anything, or it is gone.
func (g *gate) schemasTaken(old, k *contract.Contract) {
	if old == nil || old.Schema == "none" || k.Schema != "none" {
		return
	}
	for _, v := range old.Versions {
		if v.Status == "draft" {
			continue
		}
		var apps []string
		told := false // by removedVersions
		for i, c := range slices.Concat(old.Consumers, k.Consumers) {
			if slices.Contains(c.Versions, v.Name) && !slices.Contains(apps, c.App) {
				apps = append(apps, c.App)
			}
			told = told || i < len(old.Consumers) && slices.Contains(c.Versions, v.Name) && path.Base(c.Place.File) == contractFile
		}
		slices.Sort(apps)
		file := "v" + v.Name + ".schema.json"
		switch now := version(k, v.Name); {
		case now != nil && now.Status == "draft": // edited says so
		case now != nil:
			f := contract.Violation{Rule: RuleEdited, Place: k.Place, Want: file, Got: "schema: none", Trace: []string{"put " + file + " back, and delete the line schema: none"},
				What: fmt.Sprintf("%s v%s is published, and its schema was taken away, so that it accepts anything", k.Event, v.Name)}
			if len(apps) > 0 {
				f.What += ": " + declare(apps)
			}
			g.add(k.Event, f)
		case len(apps) > 0 && !told:
			g.add(k.Event, contract.Violation{Rule: RuleVersionRemoved, Place: k.Place, Want: file, Got: "schema: none",
				What:  fmt.Sprintf("%s v%s is removed with all schemas, but %s in %s", k.Event, v.Name, declare(apps), g.config.Base.name),
				Trace: []string{"let each of them stop reading it and delete its declaration, in a change of its own", "then delete the version"}})
		}
	}
}
