package valueset

// assign gives each place one of its candidates so that no two get the same.
// It returns the index of the candidate for each place, or false where that is
// impossible.
func assign(b *budget, candidates [][]string) ([]int, bool) {
	owner := map[string]int{}
	chosen := make([]int, len(candidates))
	var find func(place int, visited map[string]bool) bool
	find = func(place int, visited map[string]bool) bool {
		b.step(1 + len(candidates[place])/16)
		for i, c := range candidates[place] { // a free one needs no search
			if _, taken := owner[c]; !taken {
				owner[c], chosen[place] = place, i
				return true
			}
		}
		for i, c := range candidates[place] {
			if visited[c] {
				continue
			}
			visited[c] = true
			if find(owner[c], visited) {
				owner[c], chosen[place] = place, i
				return true
			}
		}
		return false
	}
	for place := range candidates {
		if !find(place, map[string]bool{}) {
			return nil, false
		}
	}
	return chosen, true
}
