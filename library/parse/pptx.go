package parse

import (
	"encoding/xml"
	"path"
	"strings"
)

// relations are what one part of an OOXML package refers to, by its name for it.
type relations map[string]relation

type relation struct{ kind, target string }

// relationsOf reads where a part's references lead, within the package only.
func (j *job) relationsOf(z files, part string) (relations, error) {
	dir, file := path.Split(part)
	r, err := j.open(z, dir+"_rels/"+file+".rels")
	if r == nil || err != nil {
		return nil, err
	}
	all := make(relations)
	w := j.walk(r)
	for w.next() {
		t, ok := w.tok.(xml.StartElement)
		if !ok || t.Name.Local != "Relationship" || attr(t, "TargetMode") == "External" {
			continue
		}
		target := attr(t, "Target")
		if !strings.HasPrefix(target, "/") {
			target = "/" + dir + target
		}
		all[attr(t, "Id")] = relation{path.Base(attr(t, "Type")), strings.TrimPrefix(path.Clean(target), "/")}
	}
	return all, w.err
}

// listed are the parts that a package's main part lists, in its order, with
// what it says of each.
func (j *job) listed(z files, main, element string) ([]listing, bool, error) {
	rels, err := j.relationsOf(z, main)
	if err != nil {
		return nil, false, err
	}
	r, err := j.open(z, main)
	if err != nil {
		return nil, false, err
	}
	if r == nil {
		return nil, false, refuse(Damaged)
	}
	var parts []listing
	old := false
	w := j.walk(r)
	for w.next() {
		t, ok := w.tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch t.Name.Local {
		case element:
			for _, a := range t.Attr {
				if to, ok := rels[a.Value]; ok && a.Name.Local == "id" && a.Name.Space != "" {
					state := attr(t, "state")
					parts = append(parts, listing{attr(t, "name"), to.target, state != "" && state != "visible"})
				}
			}
		case "workbookPr":
			old = attr(t, "date1904") == "1" || attr(t, "date1904") == "true"
		}
	}
	return parts, old, w.err
}

type listing struct {
	name, part string
	hidden     bool
}

// readPPTX reads slides in the order they are shown in, each with its notes.
func readPPTX(j *job, b []byte) error {
	z, err := j.unpack(b)
	if err != nil {
		return err
	}
	slides, _, err := j.listed(z, "ppt/presentation.xml", "sldId")
	if err != nil {
		return err
	}
	for i, s := range slides {
		if err := j.turn(i + 1); err != nil {
			return err
		}
		hidden, err := j.slide(z, s.part, 0)
		if err != nil {
			return err
		}
		rels, err := j.relationsOf(z, s.part)
		if err != nil {
			return err
		}
		for _, r := range rels {
			if r.kind == "notesSlide" {
				if _, err := j.slide(z, r.target, Note|hidden); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// slide reads one slide; a slide that is not shown is hidden as a whole.
func (j *job) slide(z files, part string, flags Flags) (Flags, error) {
	r, err := j.open(z, part)
	if r == nil || err != nil {
		if r == nil && err == nil {
			j.cut(Damaged) // a slide that is listed and not there
		}
		return 0, err
	}
	w := j.walk(r)
	hidden := flags & Hidden
	var text builder
	var shape struct {
		depth   int
		kind    string
		flags   Flags
		skipped bool
	}
	var rows *grid
	var row []string
	var cell builder
	level := 0
	for w.next() {
		switch t := w.tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "sld":
				if s := attr(t, "show"); s == "0" || s == "false" {
					hidden = Hidden
				}
			case "sp", "graphicFrame":
				shape.depth, shape.kind, shape.flags, shape.skipped = len(w.open), "", 0, false
			case "cNvPr":
				if h := attr(t, "hidden"); h == "1" || h == "true" {
					shape.flags = Hidden
				}
			case "ph":
				shape.kind = attr(t, "type")
				switch shape.kind {
				case "sldNum", "dt", "ftr", "hdr", "sldImg":
					shape.skipped = true
				}
			case "Fallback":
				w.skip()
			case "p":
				text.Reset()
				level = 0
			case "pPr":
				level = number(attr(t, "lvl"), 8)
			case "br":
				text.WriteString("\n")
			case "t":
				text.WriteString(w.text())
			case "tbl":
				rows = &grid{j: j, as: Record{Flags: flags | hidden | shape.flags}}
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "p":
				switch {
				case rows != nil:
					cell.WriteString(j.take(&text) + "\n")
				case !shape.skipped:
					r := Record{Flags: flags | hidden | shape.flags, Raw: j.take(&text)}
					if flags&Note == 0 && (shape.kind == "title" || shape.kind == "ctrTitle") {
						r.Kind, r.Level = Heading, 1
					} else if level > 0 {
						r.Flags |= List
						r.Level = level
					}
					err = j.emit(r)
				}
				text.Reset()
			case "tc":
				row = append(row, j.take(&cell))
			case "tr":
				if rows != nil {
					err = rows.add(row, 0)
				}
				row = nil
			case "tbl":
				if rows != nil {
					err = rows.flush()
				}
				rows = nil
			case "sp", "graphicFrame":
				shape.kind, shape.flags, shape.skipped = "", 0, false
			}
			if err != nil {
				return hidden, err
			}
		}
	}
	return hidden, w.err
}
