package pdf

import (
	"context"
	"fmt"
	"math"

	"abaton.local/library/parse"
)

// A Picture is a page as gray dots, row by row from the top, 255 being white.
type Picture struct {
	Page, Width, Height int
	Gray                []byte
}

// How finely pages are drawn: what recognises text wants 200 dots to an inch or
// more. A large page is drawn coarser.
const (
	Dots     = 240
	MostDots = 8 << 20 // of one page
)

// Pictures draws those pages of a document that are pictures with hardly a
// letter. See [Parse] for the rest.
func Pictures(ctx context.Context, dir string, src parse.Source, lim parse.Limits, take func(Picture) error, alive func() error) error {
	m, err := Open(ctx, dir, Memory(len(src.Data))+MostDots)
	if err != nil {
		return err
	}
	defer m.Close(ctx)
	nothing := parse.Sink{Record: func(parse.Record) error { return nil }, Child: func(parse.Child) error { return nil }}
	_, err = parse.ParsePDF(m.reads(alive, take), src, lim, nothing)
	return err
}

const (
	formatGray = 1
	inGray     = 8 // a flag of rendering
)

// draw makes a picture of a page. One that pdfium has no memory for is left out.
func (r *reading) draw(page uint64, n int) error {
	width, height, err := r.extent(page)
	if err != nil || width*height > MostDots || width*height == 0 {
		return err
	}
	bitmap, err := r.call("FPDFBitmap_CreateEx", uint64(width), uint64(height), formatGray, 0, 0)
	if err != nil || bitmap == 0 {
		return err
	}
	if _, err := r.call("FPDFBitmap_FillRect", bitmap, 0, 0, uint64(width), uint64(height), 0xffffffff); err != nil {
		return err
	}
	if _, err := r.call("FPDF_RenderPageBitmap", bitmap, page, 0, 0, uint64(width), uint64(height), 0, inGray); err != nil {
		return err
	}
	at, err := r.call("FPDFBitmap_GetBuffer", bitmap)
	if err != nil {
		return err
	}
	stride, err := r.call("FPDFBitmap_GetStride", bitmap)
	if err != nil {
		return err
	}
	p := Picture{Page: n + 1, Width: width, Height: height, Gray: make([]byte, 0, width*height)}
	for y := range height {
		row, ok := r.memory.Read(uint32(at)+uint32(stride)*uint32(y), uint32(width))
		if !ok {
			return fmt.Errorf("pdfium has no row %d of a picture", y)
		}
		p.Gray = append(p.Gray, row...)
	}
	if _, err := r.call("FPDFBitmap_Destroy", bitmap); err != nil {
		return err
	}
	return r.take(p)
}

// extent is how many dots a page has.
func (r *reading) extent(page uint64) (width, height int, err error) {
	w, err := r.call("FPDF_GetPageWidthF", page)
	if err != nil {
		return 0, 0, err
	}
	h, err := r.call("FPDF_GetPageHeightF", page)
	if err != nil {
		return 0, 0, err
	}
	x, y := float64(math.Float32frombits(uint32(w))), float64(math.Float32frombits(uint32(h)))
	if !(x > 0 && y > 0 && x < 1e6 && y < 1e6) {
		return 0, 0, nil
	}
	scale := min(Dots/72.0, math.Sqrt(MostDots/(x*y)))
	return int(x * scale), int(y * scale), nil
}
