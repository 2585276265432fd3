package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// ownShape is a table [people.NAME] or [keys.ID] of the configuration file: what
// holds for one person or key where less is set for all.
type ownShape struct {
	Shape string `toml:"shape"`
}

// checkOwnShapes says which of these tables is wrong, and why. Whether there is
// such a person is asked when the home is open.
func (c *config) checkOwnShapes() (where, why string) {
	for kind, tables := range map[string]map[string]ownShape{"people": c.People, "keys": c.Keys} {
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			where = kind + "." + cleanLine(name)
			if m, err := shaper.ParseMode(tables[name].Shape); err != nil || m == shaper.Off || m == shaper.Channel {
				return where, "shape: pad, paced or sealed; it can only hide more than is set for all"
			}
			if kind == "keys" && !tokenIDs.MatchString(name) {
				return where, "it is no token's ID: `abaton keys` lists a person's, 16 digits each"
			}
		}
	}
	return "", ""
}

// shaping is what is set about shapes, for api. check has read the words. A
// person is found once, so that no new name gets anybody out of it.
func (c *config) shaping(known func(nameOrID string) (vault.PersonID, bool)) (shaper.Policy, error) {
	mode := func(word string) shaper.Mode { m, _ := shaper.ParseMode(word); return m }
	p := shaper.Policy{Local: mode(c.Shape), LAN: mode(c.LANShape), Window: time.Duration(c.ShapeWindow), Uploads: c.PaddedUploads,
		People: map[string]shaper.Mode{}, Keys: map[string]shaper.Mode{}}
	for _, name := range slices.Sorted(maps.Keys(c.People)) {
		id, ok := known(name)
		if !ok {
			return p, configError{fmt.Sprintf("people.%s: nobody here has this name or ID: write it as `abaton people` shows it. "+
				"For somebody who has not come in yet, set lan_shape or shape for all, or start without this table until they have", cleanLine(name))}
		}
		p.People[string(id)] = max(p.People[string(id)], mode(c.People[name].Shape))
	}
	for id, own := range c.Keys {
		p.Keys[id] = mode(own.Shape)
	}
	return p, nil
}

// nobodysKeys are the keys of the configuration that open nothing: they were
// revoked or are over, which is no reason to stand still, or never were.
func (c *config) nobodysKeys(good func(id string) bool) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(c.Keys)) {
		if !good(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// keyGood tells whether a key still lets anybody in.
func (h *home) keyGood(id string) bool {
	_, err := h.people.TokenSession(id)
	return err == nil
}

// ownShapes says for how many more is set, and of keys that are nobody's.
func (c *config) ownShapes(nobodys []string) (lines []string) {
	if n, k := len(c.People), len(c.Keys)-len(nobodys); n+k > 0 {
		lines = append(lines, fmt.Sprintf("more is set for people: %d, for keys: %d", n, k))
	}
	if len(nobodys) > 0 {
		lines = append(lines, fmt.Sprintf("in the configuration, but not in use: [keys.%s]; `abaton keys` lists a person's", strings.Join(nobodys, "], [keys.")))
	}
	return lines
}

// shapes is the same, to be shown.
func (c *config) shapes() status {
	s := status{Shape: c.Shape}
	if c.LAN != "" {
		s.LANShape = c.LANShape
	}
	return s
}

// shapeWords says what is hidden from whoever watches the network.
func shapeWords(s status) string {
	words := map[string]string{
		"off":    "off (lengths of words and when they come can be seen)",
		"pad":    "pad (lengths of words are hidden; when they come and how many there are is not)",
		"paced":  "paced (sizes and times are hidden; an answer ends at 8, 16, 32, 64 or 128 s)",
		"sealed": "sealed (sizes, times and, of answers within one window, the end are hidden)",
	}
	if s.LANShape == "" {
		return words[s.Shape]
	}
	return words[s.LANShape] + " to other machines; here " + words[s.Shape]
}
