package parse

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse is how fast documents of about a megabyte of text are read; the
// rate is that of the text that came out.
func BenchmarkParse(b *testing.B) {
	const n = 4000
	many := func(one string) string { return strings.Repeat(one, n) }
	line := strings.Repeat("The quick brown fox jumps over the café’s lazy dog. ", 5)
	for _, m := range []made{
		{"a.txt", []byte(many(line + "\n\n"))},
		{"ascii.txt", []byte(many(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 6) + "\n\n"))},
		{"a.md", []byte(many("# Heading\n\n" + line + "\n- item\n\n"))},
		{"a.csv", []byte(many(strings.ReplaceAll(line, ". ", ",") + "\n"))},
		{"a.html", []byte("<!doctype html>" + many("<h2>Heading</h2><p class=x>"+line+"<b>bold</b></p>"))},
		{"a.rtf", []byte(`{\rtf1\ansi ` + many(`\pard\b x\b0 `+strings.ReplaceAll(strings.ReplaceAll(line, "é", `\'e9`), "’", `\u8217?`)+`\par`+"\n") + "}")},
		{"a.docx", docxOf(b, many("<w:p>"+run("<w:b/>", line)+"</w:p>"))},
		{"a.odt", odfOf(b, "text", "<office:text>"+many("<text:p>"+line+"</text:p>")+"</office:text>")},
		{"a.xlsx", benchSheet(b, n)},
		{"a.eml", []byte("From: a\nSubject: b\nContent-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\n" + many(strings.ReplaceAll(line, "é", "=C3=A9")+"\n\n"))},
	} {
		b.Run(m.name, func(b *testing.B) {
			var text int64
			for b.Loop() {
				text = 0
				r, err := Parse(Source{Name: m.name, Data: m.data}, Limits{}, Sink{
					Record: func(r Record) error { text += int64(len(r.Text)); return nil },
					Child:  func(Child) error { return nil },
				})
				if err != nil || len(r.Cuts) > 0 {
					b.Fatal(err, r.Cuts)
				}
			}
			b.SetBytes(text)
		})
	}
}

func benchSheet(b *testing.B, rows int) []byte {
	var s strings.Builder
	for i := range rows {
		fmt.Fprintf(&s, `<row r="%d">`, i+1)
		for c := range 20 {
			fmt.Fprintf(&s, `<c r="%c%d"><v>%d.25</v></c>`, 'A'+c, i+1, i*c)
		}
		s.WriteString("</row>")
	}
	return zipped(b, "[Content_Types].xml", types,
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relHead+rel("rId1", "worksheet", "worksheets/sheet1.xml")+`</Relationships>`,
		"xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+s.String()+`</sheetData></worksheet>`)
}
