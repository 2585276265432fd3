package pdf

import (
	"testing"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
)

// BenchmarkPages reads a report of 100 full pages, pdfium's start with compiled code
// included. The rate is in pages.
func BenchmarkPages(b *testing.B) {
	data := pdfgen.Report(100)
	if _, err := codeDir(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if d, err := parsed(b, "report.pdf", data, parse.Limits{}); err != nil || len(d.Cuts) > 0 {
			b.Fatal(err, d.Cuts)
		}
	}
	b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "pages/s")
}

// BenchmarkStart is what one document costs beside its pages.
func BenchmarkStart(b *testing.B) {
	dir, err := codeDir()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m, err := Open(b.Context(), dir, Memory(0))
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
