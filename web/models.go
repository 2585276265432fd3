package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"abaton.local/models"
)

// Weight is what a model would need here.
type Weight struct {
	Need    models.Need
	Context int // tokens of one conversation
	Fits    bool
}

// shelved is what the page of models shows.
type shelved struct {
	List    []volume
	Damaged bool
	Default string
	Budget  int64 // bytes that all engines together may take
	Pulls   []models.Pull
	Others  []other // that could be pulled by name
}

// volume is one model.
type volume struct {
	models.Passport
	Weight
	Known bool // what it would need
	Alias bool // a name that the configuration gives a model of another name
}

// other is a model that is not here.
type other struct {
	models.Entry
	About int64 // bytes of its file, by its name; 0: unknown
	Fits  bool  // with a conversation beside it
}

// beside is how much more memory than its file a model takes, for the shortest of
// conversations. What it really is shows when it is here.
const beside = 1.2

// models shows the shelf. Models are pulled and removed in a terminal: this server
// has no way to fetch anything, and the page says so.
func (p *Pages) models(v visit) {
	x, err := p.framed(v, "models")
	if err != nil {
		p.fail(v, err)
		return
	}
	list, damaged := p.Shelf.List()
	c := shelved{Damaged: damaged != nil, Budget: p.Budget}
	if m, err := p.Shelf.Default(); err == nil {
		c.Default = m.Name
	}
	here := map[models.Digest]bool{}
	for _, m := range list {
		y := volume{Passport: m, Alias: here[m.Digest]}
		here[m.Digest] = true
		if p.Weigh != nil && chats(m) && m.Role != models.Eyes {
			y.Weight, err = p.Weigh(m)
			y.Known = err == nil
		}
		c.List = append(c.List, y)
	}
	if p.Pulls != nil {
		c.Pulls, _ = p.Pulls() // what cannot be read is not shown: its own terminal shows it
	}
	for _, e := range models.Catalogue() {
		if !here[e.Digest] {
			about, _ := e.Estimate()
			c.Others = append(c.Others, other{e, about, beside*float64(about) <= float64(c.Budget)})
		}
	}
	slices.SortFunc(c.Others, func(a, b other) int { return strings.Compare(a.Role+a.Name, b.Role+b.Name) })
	x.Content = c
	p.render(v.w, v.r, http.StatusOK, "models", x)
}

// bytesOf is a size as people read it.
func bytesOf(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// countOf is a number of parameters as models' names have it.
func countOf(n uint64) string {
	switch {
	case n == 0:
		return "unknown"
	case n < 1e9:
		return fmt.Sprintf("%.0f million", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f billion", float64(n)/1e9)
}
