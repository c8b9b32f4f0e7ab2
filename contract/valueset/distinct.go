package valueset

// assign gives each place one of its candidates so that no two get the same.
// It returns the index of the candidate for each place, or false where that is
// impossible.
func assign(candidates [][]string) ([]int, bool) {
	owner := map[string]int{}
	chosen := make([]int, len(candidates))
	var find func(place int, visited map[string]bool) bool
	find = func(place int, visited map[string]bool) bool {
		for i, c := range candidates[place] {
			if visited[c] {
				continue
			}
			visited[c] = true
			other, taken := owner[c]
			if !taken || find(other, visited) {
				owner[c] = place
				chosen[place] = i
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
