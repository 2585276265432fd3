package learn

import "slices"

// portioned gives labels to prompts by lot so that each label has as many rows as
// before, up to one prompt's. Where prompts of one label have many rows and those of
// another few, labels that are given prompt for prompt would make classes of another
// size than the true ones: what chance finds there spreads wider, and would hide a
// leak. ok is false where a prompt counts as much as any other, or a label has fewer
// rows than one prompt may have: there labels are given prompt for prompt.
func portioned(s Set, seed uint64) (y []int, ok bool) {
	rows := make(map[int]int)
	var groups []int
	want := make([]int, s.Classes)
	for i, g := range s.Group {
		if rows[g]++; rows[g] == 1 {
			groups = append(groups, g)
		}
		want[s.Y[i]]++
	}
	fewest, most := len(s.Group), 0
	for _, n := range rows {
		fewest, most = min(fewest, n), max(most, n)
	}
	if fewest == most || len(groups) == 0 || slices.Min(want) < most {
		return nil, false
	}
	random(seed, 4).Shuffle(len(groups), func(a, b int) { groups[a], groups[b] = groups[b], groups[a] })
	// Prompts in a row, as long as their rows: a label has those whose middle lies in
	// its stretch.
	given := make(map[int]int)
	label, end, before := 0, want[0], 0
	for _, g := range groups {
		for 2*before+rows[g] > 2*end {
			label++
			end += want[label]
		}
		given[g] = label
		before += rows[g]
	}
	y = make([]int, len(s.Group))
	for i, g := range s.Group {
		y[i] = given[g]
	}
	return y, true
}
