package differential

import (
	"testing"
)

func TestTheFakeDoesNotDifferFromItself(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed += 20 {
		st := NewStage(drawnFrom(seed, 20))
		first, _ := onTheFake(t, st)
		second, _ := onTheFake(t, st)
		for i, a := range st.Acts {
			for _, d := range a.compare(first[i], second[i]) {
				t.Errorf("seed %d: %s", a.Seed, d.text("first", "second"))
			}
		}
	}
}
