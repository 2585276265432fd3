package parse

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// IsPicture tells whether bytes are those of a picture that text recognition
// reads: PNG, JPEG, TIFF. As with [IsPDF], little is looked at.
func IsPicture(b []byte) bool {
	for _, m := range []string{"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "II*\x00", "MM\x00*"} {
		if strings.HasPrefix(string(b[:min(len(b), 8)]), m) {
			return true
		}
	}
	return false
}

// ErrLater says that a document can be read, but not quickly: it has pages that are
// pictures.
var ErrLater = errors.New("reading this document takes long, for pictures are to be recognised")

// ScannedPages is how many pages are pictures, of which nothing was read.
func (d *Document) ScannedPages() int {
	for _, c := range d.Cuts {
		if c.Why == ScannedPage {
			return c.Count
		}
	}
	return 0
}

// Recognise puts the text of a page that is a picture in its place, and tells
// whether there were words in it. The text is what a program said that read what
// nobody had checked: it is normalised here like all else, and what it takes in memory
// is counted as what a reader sends is. Where that is more than most, nothing of it is
// put there: who says single letters and empty lines alone makes a record of each.
func (d *Document) Recognise(page int, text string, most int) (cost int, words bool) {
	var found []Record
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\f", "\n\n"), "\n\n") {
		for raw := strings.TrimSpace(part); raw != ""; {
			piece := head(raw)
			raw = raw[len(piece):]
			r := Record{Page: page, Kind: Para, Raw: strings.ToValidUTF8(piece, "\ufffd")}
			var gone Stripped
			r.Text, r.Map, gone = Normalise(r.Raw)
			d.Stripped.add(gone)
			if strings.TrimSpace(r.Text) == "" {
				continue
			}
			if cost += r.cost(); cost > most {
				return cost, false
			}
			found = append(found, r)
		}
	}
	letters := 0
	for _, r := range found {
		letters += utf8.RuneCountInString(strings.TrimSpace(r.Text))
	}
	if letters < fewestLetters {
		return 0, false
	}
	at, _ := slices.BinarySearchFunc(d.Records, page+1, func(r Record, page int) int { return r.Page - page })
	d.Records = slices.Insert(d.Records, at, found...)
	d.Result.Records += len(found)
	return cost, true
}

// fewestLetters is how many make words: of a picture without any, tesseract says
// two or three.
const fewestLetters = 4

// Drop takes a reason from the cuts, Note adds one.
func (d *Document) Drop(why Reason) {
	d.Cuts = slices.DeleteFunc(slices.Clone(d.Cuts), func(c Cut) bool { return c.Why == why })
}

// Note adds a reason to the cuts, with the page where it holds.
func (d *Document) Note(why Reason, page int) {
	for i := range d.Cuts {
		if d.Cuts[i].Why == why {
			d.Cuts[i].Count++
			return
		}
	}
	d.Cuts = append(d.Cuts, Cut{Why: why, Page: page, Count: 1})
}
