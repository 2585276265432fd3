package models

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// UnknownError says that no model has a name, and which names are near.
type UnknownError struct {
	Name  string
	Near  []string // nearest first; may be empty
	Where string   // "this machine" or "the catalogue"
}

func (e *UnknownError) Error() string {
	s := fmt.Sprintf("no model is called %s on %s", shown(e.Name), e.Where)
	if e.Where == "the catalogue" {
		s = fmt.Sprintf("no model is called %s in the catalogue", shown(e.Name))
	}
	if len(e.Near) > 0 {
		s += "; did you mean " + strings.Join(e.Near, " or ") + "?"
	} else {
		s += "; `abaton models` lists those that are"
	}
	return s
}

// nearest gives at most three names that resemble what was typed: those that
// it begins or is part of, and those within a third of its length in edits.
func nearest(typed string, names []string) []string {
	if len(typed) > 128 {
		return nil
	}
	typed = strings.ToLower(typed)
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, n := range names {
		d := distance(typed, strings.ToLower(n))
		part := len(typed) >= 3 && (strings.Contains(n, typed) || strings.Contains(typed, n))
		if part || d <= max(2, len(typed)/3) {
			found = append(found, near{n, d})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, f := range found[:min(3, len(found))] {
		out = append(out, f.name)
	}
	return out
}

// distance counts the letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
