package leak

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/leak.md and its plot from docs/leak.json")

// TestPage: the page and the plot are those of the report that lies beside them.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../docs/leak.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var r Report
	if err := d.Decode(&r); err != nil || r.Format != ReportFormat {
		t.Fatalf("the report is none of ours (%q): %v", r.Format, err)
	}
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			if m.Mode != "off" && m.Evidence.Choose().Sentence != m.Claim.Sentence {
				t.Errorf("%s, %s: the rules of today choose another sentence", w.Way, m.Mode)
			}
		}
	}
	for path, write := range map[string]func(*bytes.Buffer) error{
		"../docs/leak.md":  func(b *bytes.Buffer) error { return r.WritePage(b) },
		"../docs/leak.svg": func(b *bytes.Buffer) error { return WritePlot(b, r.Best()) },
	} {
		var want bytes.Buffer
		if err := write(&want); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not made of the report, %v; `make leak-page` makes it", path, err)
		}
	}
}
