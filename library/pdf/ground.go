package pdf

import (
	"encoding/binary"
	"math"
)

// box is a rectangle of a page, in points, up being more.
type box struct{ left, bottom, right, top float32 }

func (b box) height() float32 { return b.top - b.bottom }
func (b box) width() float32  { return b.right - b.left }

// meets tells whether two have a point in common.
func (b box) meets(o box) bool {
	return b.left <= o.right && o.left <= b.right && b.bottom <= o.top && o.bottom <= b.top
}

// holds tells whether the middle of o lies in b.
func (b box) holds(o box) bool {
	x, y := (o.left+o.right)/2, (o.bottom+o.top)/2
	return b.left <= x && x <= b.right && b.bottom <= y && y <= b.top
}

// ground is what lies on a page beside its letters: it decides what is seen of them.
type ground struct {
	shown    box     // what is shown of the page
	area     float32 // of it
	pictured float32 // of the largest picture
	coloured []box   // what is not white for sure
}

// Kinds of a page's objects, and how many are looked at.
const (
	objectPath    = 2
	objectImage   = 3
	objectShading = 4
	objectForm    = 5

	maxObjects = 20_000
)

func (r *reading) ground(page uint64) (ground, error) {
	var g ground
	if _, err := r.call("FPDF_GetPageBoundingBox", page, uint64(r.scratch)); err != nil {
		return g, err
	}
	f := r.floats(4)
	g.shown = box{left: f[0], top: f[1], right: f[2], bottom: f[3]}
	g.area = g.shown.width() * g.shown.height()
	count, err := r.call("FPDFPage_CountObjects", page)
	if err != nil {
		return g, err
	}
	for i := range min(int(int32(count)), maxObjects) {
		object, err := r.call("FPDFPage_GetObject", page, uint64(i))
		if err != nil {
			return g, err
		}
		if err := r.under(&g, object); err != nil {
			return g, err
		}
	}
	return g, nil
}

// under adds an object to the ground.
func (r *reading) under(g *ground, object uint64) error {
	kind, err := r.call("FPDFPageObj_GetType", object)
	if err != nil {
		return err
	}
	switch kind {
	case objectImage, objectShading, objectForm:
	case objectPath:
		if white, err := r.white("FPDFPageObj_GetFillColor", object); err != nil || white {
			return err
		}
	default:
		return nil
	}
	at := uint64(r.scratch)
	ok, err := r.call("FPDFPageObj_GetBounds", object, at, at+4, at+8, at+12)
	if err != nil || ok == 0 {
		return err
	}
	f := r.floats(4)
	b := box{f[0], f[1], f[2], f[3]}
	g.coloured = append(g.coloured, b)
	if kind == objectImage {
		g.pictured = max(g.pictured, b.width()*b.height())
	}
	return nil
}

// white tells whether what is drawn with a colour cannot be told from paper. Where
// pdfium knows no colour it can.
func (r *reading) white(call string, object uint64) (bool, error) {
	at := uint64(r.scratch)
	ok, err := r.call(call, object, at, at+4, at+8, at+12)
	if err != nil || ok == 0 {
		return false, err
	}
	b, _ := r.memory.Read(r.scratch, 16)
	red, green, blue, alpha := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	return alpha < 16 || min(red, green, blue) >= 246, nil
}

// onColour tells whether a letter stands on something that is not white.
func (g *ground) onColour(letter box) bool {
	for _, b := range g.coloured {
		if b.holds(letter) {
			return true
		}
	}
	return false
}

// floats are the numbers that pdfium left in the scratch.
func (m *Machine) floats(n int) (f [8]float32) {
	b, ok := m.memory.Read(m.scratch, uint32(4*n))
	if !ok {
		return f
	}
	for i := range n {
		f[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return f
}
