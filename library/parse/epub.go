package parse

import (
	"encoding/xml"
	"net/url"
	"path"
	"strings"
)

// readEPUB reads a book's chapters in the order of its spine; a chapter is a
// page here.
func readEPUB(j *job, b []byte) error {
	z, err := j.unpack(b)
	if err != nil {
		return err
	}
	main := ""
	if err := j.elements(z, "META-INF/container.xml", func(t xml.StartElement) {
		if t.Name.Local == "rootfile" && main == "" {
			main = attr(t, "full-path")
		}
	}); err != nil {
		return err
	}
	if main == "" || z[main] == nil {
		return refuse(Damaged)
	}
	locked := make(map[string]bool)
	if err := j.elements(z, "META-INF/encryption.xml", func(t xml.StartElement) {
		if t.Name.Local == "CipherReference" {
			locked[attr(t, "URI")] = true
		}
	}); err != nil {
		return err
	}
	items := make(map[string]string)
	var spine []string
	if err := j.elements(z, main, func(t xml.StartElement) {
		switch t.Name.Local {
		case "item":
			if kind := attr(t, "media-type"); kind == "application/xhtml+xml" || kind == "text/html" {
				items[attr(t, "id")] = attr(t, "href")
			}
		case "itemref":
			spine = append(spine, attr(t, "idref"))
		}
	}); err != nil {
		return err
	}
	read := make(map[string]bool)
	for i, id := range spine {
		href, ok := items[id]
		if !ok || read[id] {
			continue
		}
		read[id] = true
		if err := j.turn(i + 1); err != nil {
			return err
		}
		if plain, err := url.PathUnescape(href); err == nil {
			href = plain
		}
		name := strings.TrimPrefix(path.Join("/", path.Dir(main), href), "/")
		if locked[name] {
			return refuse(Encrypted)
		}
		r, err := j.open(z, name)
		if err != nil {
			return err
		}
		if r == nil {
			j.cut(Damaged) // a chapter that is listed and not there
			continue
		}
		chapter, err := j.readAll(r, maxToken)
		if err != nil {
			return err
		}
		if err := j.html(j.htmlText(chapter), Record{}, true); err != nil {
			return err
		}
	}
	return nil
}

// elements shows each element of a part that may be missing.
func (j *job) elements(z files, part string, see func(xml.StartElement)) error {
	r, err := j.open(z, part)
	if r == nil || err != nil {
		return err
	}
	w := j.walk(r)
	for w.next() {
		if t, ok := w.tok.(xml.StartElement); ok {
			see(t)
		}
	}
	return w.err
}
