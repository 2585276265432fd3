package main

import (
	"strings"
	"testing"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// Every shape that can be set has words, and nothing is said of other machines
// where none may come in.
func TestShapeWords(t *testing.T) {
	c := defaults()
	if p, err := c.shaping(nil); err != nil || p.Local != shaper.Off || p.LAN != shaper.Pad || p.Window != shaper.DefaultWindow || p.Uploads {
		t.Errorf("%+v", p)
	}
	for m := range shaper.Channel {
		c.Shape, c.LANShape, c.LAN = m.String(), m.String(), ""
		if here := shapeWords(c.shapes()); !strings.HasPrefix(here, m.String()+" (") || strings.Contains(here, "other machines") {
			t.Errorf("%q", here)
		}
		c.LAN = "192.0.2.1:8443"
		if both := shapeWords(c.shapes()); strings.Count(both, m.String()+" (") != 2 {
			t.Errorf("%q", both)
		}
	}
}

// What is set for one person or key goes by who they are and not by a name, and
// somebody who is not there keeps the server from starting.
func TestOwnShapes(t *testing.T) {
	c := defaults()
	c.People = map[string]ownShape{"Ada": {"paced"}, "id-of-ada": {"sealed"}, "bob": {"pad"}}
	c.Keys = map[string]ownShape{"0123456789abcdef": {"sealed"}, "fedcba9876543210": {"pad"}}
	here := map[string]vault.PersonID{"Ada": "id-of-ada", "id-of-ada": "id-of-ada", "bob": "id-of-bob"}
	known := func(name string) (vault.PersonID, bool) { id, ok := here[name]; return id, ok }
	p, err := c.shaping(known)
	if err != nil || len(p.People) != 2 || p.People["id-of-ada"] != shaper.Sealed || p.People["id-of-bob"] != shaper.Pad || p.Keys["0123456789abcdef"] != shaper.Sealed {
		t.Errorf("%+v %v", p, err)
	}
	delete(here, "bob")
	if _, err := c.shaping(known); err == nil || !strings.Contains(err.Error(), "people.bob: nobody here") {
		t.Error(err)
	}
	lines := c.ownShapes(c.nobodysKeys(func(id string) bool { return id[0] == '0' }))
	if len(lines) != 2 || lines[0] != "more is set for people: 3, for keys: 1" || !strings.Contains(lines[1], "[keys.fedcba9876543210]") {
		t.Errorf("%q", lines)
	}
}

// As many requests as are set find a connection, from one machine half of them.
func TestRoomForRequests(t *testing.T) {
	for _, n := range []int{16, 256, 1024, 2000, 20000} {
		if c := connections(n); c < 1024 || c < n || c/4 < n/2 && c > 1024 {
			t.Errorf("%d requests, %d connections", n, c)
		}
	}
	if err := enoughFiles(1 << 40); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Error(err)
	}
}
