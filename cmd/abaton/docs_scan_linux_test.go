package main

import (
	"context"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
	"abaton.local/library/pdf"
)

// scan FILE LINES...: writes a PDF of one page that is a picture of these lines.
func scan(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: scan FILE LINES...")
	}
	code, err := os.MkdirTemp("", "ab")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(code)) })
	var pages []pdfgen.Scan
	take := func(p pdf.Picture) error {
		pages = append(pages, pdfgen.Scan{Width: p.Width, Height: p.Height, Gray: p.Gray})
		return nil
	}
	src := parse.Source{Name: "paper.pdf", Data: pdfgen.Paper(args[1:]...)}
	ts.Check(pdf.Pictures(context.Background(), code, src, parse.Limits{}, take, func() error { return nil }))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pdfgen.Scans(pages...), 0o644))
}
