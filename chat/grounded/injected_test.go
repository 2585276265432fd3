package grounded

import (
	"context"
	"os"
	"testing"

	"abaton.local/library/parse"
	"abaton.local/library/pdf"
	"abaton.local/sandbox"
)

// pdfCode holds pdfium compiled, for all tests.
var pdfCode string

func TestMain(m *testing.M) {
	if sandbox.IsChild() { // the engine's jail, see eval_linux_test.go
		sandbox.Child()
	}
	code := m.Run()
	if pdfCode != "" {
		_ = os.RemoveAll(pdfCode)
	}
	os.Exit(code)
}

// readPDF reads a PDF as the jailed child does.
func readPDF(ctx context.Context, t *testing.T, src parse.Source) (d parse.Document) {
	t.Helper()
	if pdfCode == "" {
		dir, err := os.MkdirTemp("", "grounded")
		if err == nil {
			pdfCode, err = dir, pdf.Compile(ctx, dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if d.Result, err = pdf.Parse(ctx, pdfCode, src, parse.Limits{}, d.Collect(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return d
}

// page is one page of a document, as a document.
func page(d parse.Document, n int) parse.Document {
	var one parse.Document
	one.Format = d.Format
	for _, r := range d.Records {
		if r.Page == n {
			one.Records = append(one.Records, r)
			if r.Flags&parse.Hidden != 0 {
				one.Hidden++
			}
		}
	}
	return one
}
