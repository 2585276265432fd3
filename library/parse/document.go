package parse

import "slices"

// Document is all that was found in one, held in memory.
type Document struct {
	Result
	Records  []Record
	Children []Child
}

// Collect is a sink that keeps everything in d.
func (d *Document) Collect() Sink {
	return Sink{
		Record: func(r Record) error { d.Records = append(d.Records, r); return nil },
		Child:  func(c Child) error { d.Children = append(d.Children, c); return nil },
	}
}

// Torn makes a verdict of a reading that broke off: what was found stands, and the
// reason among its cuts; where nothing was found the document is refused for it.
func (d Document) Torn(why Reason) (Document, error) {
	if len(d.Records)+len(d.Children) == 0 {
		return Document{}, refuse(why)
	}
	page := 0
	if k := len(d.Records); k > 0 {
		page = d.Records[k-1].Page
	}
	d.Cuts = append(slices.Clone(d.Cuts), Cut{Why: why, Page: page, Count: 1})
	return d, nil
}

// IsPDF tells whether bytes are those of a PDF. It looks at little of them and
// trusts none, so that it may be asked outside a jail.
func IsPDF(b []byte) bool {
	f := magicOf(b)
	return f == PDF || f == "" && latePDF(b)
}

// Pages is what a reader of PDF tells: it lies in a package of its own, for it
// brings much with it.
type Pages struct{ j *job }

// ParsePDF is as Parse, and reads PDF by read.
func ParsePDF(read func(*Pages, []byte) error, src Source, lim Limits, sink Sink) (Result, error) {
	return parse(&job{lim: lim.orDefault(), sink: sink, pdf: read}, src)
}

// Turn begins a page, from 1. An error ends the reading and is to be returned.
func (p *Pages) Turn(page int) error { return p.j.turn(page) }

// Emit hands on a record, which gets the page that was turned to.
func (p *Pages) Emit(r Record) error { return p.j.emit(r) }

// Cut notes that something was left out.
func (p *Pages) Cut(why Reason) { p.j.cut(why) }

// Stop ends the reading for a reason, with an error that is to be returned.
func (p *Pages) Stop(why Reason) error { return p.j.stop(why) }

// Picture counts one whose words are not read.
func (p *Pages) Picture() { p.j.res.Pictures++ }

// Records is how many were handed on.
func (p *Pages) Records() int { return p.j.res.Records }

// Has tells whether this was cut already.
func (p *Pages) Has(why Reason) bool {
	return slices.ContainsFunc(p.j.res.Cuts, func(c Cut) bool { return c.Why == why })
}

// Limits are those of this reading.
func (p *Pages) Limits() Limits { return p.j.lim }

// Refuse makes the error that nothing of a document was read.
func Refuse(why Reason) error { return refuse(why) }

// CutAt notes that something was left out of a page.
func (p *Pages) CutAt(why Reason, page int) {
	now := p.j.page
	p.j.page = page
	p.j.cut(why)
	p.j.page = now
}
