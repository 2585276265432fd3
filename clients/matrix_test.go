package clients

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what ran into docs/clients.md")

// oneDoor is for whoever looks for a fault.
var oneDoor = flag.String("door", "", "go in by one door alone: key, address or none; the page is then let be")

// Outcomes of a check. Everything else is why it failed.
const (
	pass    = "pass"
	refused = "refused" // on purpose, with a sentence that says what to do instead
)

// check is one thing that a client did by one door.
type check struct {
	Name    string `json:"check"`
	Outcome string `json:"outcome"`
}

// client is somebody else's program or library.
type client struct {
	name, version string
	dialect       string
	doors         []door
	run           func(t *testing.T, d door) []check
	note          string // for the page
	breaks        bool   // it ends engines, before which the server starts anew
}

var allDoors = []door{byKey, byAddress, byNone}

// matrix runs all clients by all their doors, and holds the part of the page
// that they fill against it.
func matrix(t *testing.T, section string, clients []client) {
	t.Helper()
	seen := table{}
	whole := true
	for i, c := range clients {
		if i > 0 && (clients[i-1].dialect != c.dialect || c.breaks) {
			if err := anew(); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(c.name, func(t *testing.T) {
			for _, d := range c.doors {
				if *oneDoor != "" && d.word() != *oneDoor {
					continue
				}
				for _, one := range c.run(t, d) {
					seen.add(c.title(), one, d)
					if one.Outcome != pass && one.Outcome != refused {
						t.Errorf("%s, %s: %s", d.word(), one.Name, one.Outcome)
					}
				}
			}
		})
		if !seen.has(c.title()) {
			whole = false // -run chose others
		}
	}
	if !whole || *oneDoor != "" || t.Failed() {
		return
	}
	var b strings.Builder
	var dialects []string
	for _, c := range clients {
		if !slices.Contains(dialects, c.dialect) {
			dialects = append(dialects, c.dialect)
		}
	}
	for _, dialect := range dialects {
		fmt.Fprintf(&b, "### %s\n\n", dialect)
		var titles []string
		for _, c := range clients {
			if c.dialect == dialect {
				titles = append(titles, c.title())
			}
		}
		seen.write(&b, titles)
		for _, c := range clients {
			if c.dialect == dialect && c.note != "" {
				fmt.Fprintf(&b, "%s: %s\n", c.name, c.note)
			}
		}
		b.WriteString("\n")
	}
	page(t, section, b.String())
}

func (c client) title() string { return c.name + " " + c.version }

// table keeps what was seen, rows in the order of their first sight.
type table struct {
	rows  []string
	cells map[[2]string][]string
}

func (s *table) add(column string, c check, d door) {
	if s.cells == nil {
		s.cells = map[[2]string][]string{}
	}
	if !slices.Contains(s.rows, c.Name) {
		s.rows = append(s.rows, c.Name)
	}
	at := [2]string{c.Name, column}
	switch {
	case c.Outcome == refused && !slices.Contains(s.cells[at], refused):
		s.cells[at] = append(s.cells[at], refused)
	case c.Outcome == pass:
		s.cells[at] = append(s.cells[at], d.word())
	}
}

func (s *table) has(column string) bool {
	for at := range s.cells {
		if at[1] == column {
			return true
		}
	}
	return false
}

func (s *table) write(b *strings.Builder, columns []string) {
	fmt.Fprintf(b, "| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range s.rows {
		cells := make([]string, len(columns))
		for i, column := range columns {
			cells[i] = strings.Join(s.cells[[2]string{row, column}], ", ")
		}
		if strings.Join(cells, "") != "" {
			fmt.Fprintf(b, "| %s | %s |\n", row, strings.Join(cells, " | "))
		}
	}
	b.WriteString("\n")
}

// page holds one section of docs/clients.md against what ran, or writes it.
func page(t *testing.T, section, text string) {
	t.Helper()
	path := filepath.Join("..", "docs", "clients.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from, to := "<!-- from here: "+section+" -->\n\n", "<!-- to here: "+section+" -->"
	before, rest, ok := strings.Cut(string(b), from)
	old, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for %s", path, section)
	}
	if old == text {
		return
	}
	if !*update {
		t.Errorf("%s differs from what ran: look at it, then run this test with -update. It would say:\n%s", path, text)
		return
	}
	if err := os.WriteFile(path, []byte(before+from+text+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
