package parse

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// workBound is how much work a byte, read or unpacked, may cost. It stands for
// time, which no test on a busy machine can measure.
const workBound = 40

// sound says whether a reading kept its promises, whatever the bytes were: work
// in proportion, budgets held, an end that is either an answer or a reason.
func sound(t *testing.T, m made, r *reading) {
	t.Helper()
	shown := int64(0)
	for _, rec := range r.records {
		shown += int64(len(rec.Raw))
	}
	if bound := workBound * (int64(len(m.data)) + r.Expanded + shown + 4096); r.Steps > bound {
		t.Errorf("%s: %d steps for %d bytes and %d unpacked", m.name, r.Steps, len(m.data), r.Expanded)
	}
	if allowed := max(100*int64(len(m.data)), expandFloor); r.Expanded > allowed+1<<20 && m.name != "token.docx" {
		t.Errorf("%s: %d bytes unpacked from %d", m.name, r.Expanded, len(m.data))
	}
	if r.err != nil {
		if _, refused := errors.AsType[*RefusedError](r.err); !refused {
			t.Errorf("%s: %v is no verdict", m.name, r.err)
		}
		if len(r.records)+len(r.children) > 0 {
			t.Errorf("%s: refused after something was handed on: %v", m.name, r.err)
		}
	} else if len(r.records)+len(r.children)+len(r.Cuts) == 0 {
		t.Errorf("%s: nothing, and no reason", m.name)
	}
	for _, rec := range r.records {
		if rec.Text == "" || len(rec.Raw) > maxText {
			t.Errorf("%s: a record of %d and %d bytes", m.name, len(rec.Text), len(rec.Raw))
		}
	}
}

func has(r *reading, why Reason) bool {
	if refused, ok := errors.AsType[*RefusedError](r.err); ok {
		return refused.Why == why
	}
	for _, c := range r.Cuts {
		if c.Why == why {
			return true
		}
	}
	return false
}

// TestBombs: small files that are large inside, deep, or in knots. Each ends
// with the reason it should.
func TestBombs(t *testing.T) {
	r := strings.Repeat
	entry := []byte(r("0", 8<<20)) // unpacks to more than its size allows
	deep := docxOf(t, r("<w:x>", 100_000))
	small := Limits{Characters: 100_000, Pages: 50, Parts: 100}
	for _, c := range []struct {
		made
		lim Limits
		why Reason
	}{
		{made{"bomb.zip", zipped(t, "a.txt", string(entry))}, Limits{}, TooMuchExpanded},
		{made{"bomb.gz", gzipped(t, entry)}, Limits{}, TooMuchExpanded},
		{made{"bomb.tgz", gzipped(t, gzipped(t, entry))}, Limits{}, 0},
		{made{"bomb.docx", docxOf(t, "<w:p><w:r><w:t>"+string(entry)+"</w:t></w:r></w:p>")}, Limits{}, TooMuchExpanded},
		{made{"token.docx", docxOf(t, "<w:p><w:r><w:t>"+r("0", maxToken+1)+"</w:t></w:r></w:p>")}, Limits{Ratio: 10_000}, TokenTooLong},
		{made{"many.docx", docxOf(t, r("<w:p/>", 800_000))}, Limits{}, TooMuchExpanded},
		{made{"quoted.zip", overlapping(t, 2000)}, Limits{}, TooMuchExpanded},
		{made{"parts.zip", zipped(t, strings.Split(r("x,y,", 1)+numbered(200), ",")...)}, small, TooManyParts},
		{made{"deep.docx", deep}, Limits{}, TooNested},
		{made{"deep.odt", odfOf(t, "text", r("<text:section>", 1000))}, Limits{}, TooNested},
		{made{"deep.rtf", []byte(`{\rtf1 start` + r("{", 100_000) + "x" + r("}", 100_000) + "}")}, Limits{}, TooNested},
		{made{"deep.html", []byte(r("<div>", 200_000) + "bottom")}, Limits{}, TooNested},
		{made{"deep.eml", nested(30, false)}, Limits{}, TooNested},
		{made{"open.eml", nested(30, true)}, Limits{}, TooNested},
		{made{"parts.eml", []byte("From: x\nSubject: y\nContent-Type: multipart/mixed; boundary=b\n\n" + r("--b\n\nx\n", 10_000))}, Limits{}, TooManyParts},
		{made{"laughs.docx", docxWith(t, `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w:document>&b;</w:document>`)}, Limits{}, Doctype},
		{made{"xxe.docx", docxWith(t, `<!doctype x SYSTEM "file:///etc/passwd"><w:document/>`)}, Limits{}, Doctype},
		{made{"entity.docx", docxOf(t, para("x", "before")+"<w:p><w:r><w:t>&xxe;</w:t></w:r></w:p>")}, Limits{}, Damaged},
		{made{"twice.docx", twice(t)}, Limits{}, Damaged},
		{made{"cells.ods", odfOf(t, "spreadsheet", `<table:table><table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>`+r("x", 10_000)+`</text:p></table:table-cell></table:table-row></table:table>`)}, small, TooManyCharacters},
		{made{"shared.xlsx", sharedBomb(t)}, small, TooManyCharacters},
		{made{"text.txt", []byte(r("words and words ", 20_000))}, small, TooManyCharacters},
		{made{"pages.mbox", []byte(r("From x\nFrom: a\n\nb\n\n", 100))}, small, TooManyPages},
		{made{"pages.rtf", []byte(`{\rtf1 ` + r(`x\page `, 100) + "}")}, small, TooManyPages},
		{made{"sparse.tar", sparse(t)}, Limits{}, TooMuchExpanded},
		{made{"lines.md", []byte("```\n" + r("x\n", 300_000))}, Limits{}, 0},
		{made{"blanks.csv", []byte(`"` + r("a ", 1<<19))}, Limits{}, 0},
		{made{"commas.csv", []byte("a,b\n1,2\n" + r(",", 3<<20))}, Limits{}, TokenTooLong},
		{made{"long.rtf", []byte(`{\rtf1 ` + r("word ", 1<<20) + "}")}, Limits{}, TokenTooLong},
		{made{"pictures.docx", docxOf(t, "<w:p/>", "word/media/image1.png", "x")}, Limits{}, PicturesOnly},
		{made{"locked.odt", odfOf(t, "text", "", "META-INF/manifest.xml", "<m><encryption-data/></m>")}, Limits{}, Encrypted},
		{made{"locked.zip", locked(t)}, Limits{}, LockedEntry},
		{made{"big.txt", make([]byte, 1001)}, Limits{Input: 1000}, TooBig},
		{made{"work.txt", []byte(r("x\n\n", 100_000))}, Limits{Steps: 1000}, TooMuchWork},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parsed(c.name, c.data, c.lim)
			sound(t, c.made, got)
			if c.why != 0 && !has(got, c.why) || c.why == 0 && (got.err != nil || len(got.Cuts) > 0) {
				t.Errorf("want %q; got %v, %d records, cuts %v", c.why, got.err, len(got.records), got.Cuts)
			}
		})
	}
	if r, err := Parse(Source{Name: "a.txt", Data: []byte("x"), Depth: 5}, Limits{}, Sink{}); err == nil || !has(&reading{Result: r, err: err}, TooDeep) {
		t.Errorf("a document in five containers: %v", err)
	}
}

// TestLinear: shapes that make careless readers quadratic cost no more work for
// each byte when there are more of them.
func TestLinear(t *testing.T) {
	r := strings.Repeat
	const n = 1 << 18
	for name, unit := range map[string]string{
		"comments.md": "<!-- a --> b ", "stars.md": "*a_ ", "pipes.md": "|a|b\n|-|-\n", "lists.md": "- - - a\n", "ends.md": "a\n=\n",
		"open.html": "<b>", "close.html": "</b>", "cells.html": "<table><td>a", "attrs.html": "<a a=b ", "p.html": "<p>a<div>", "css.html": "<style>/**/.a{display:none}</style>",
		"lt.html": "<", "comment.html": "<!--", "script.html": "<script>", "notes.rtf": `{\footnote a}b`, "uni.rtf": `\u10?`, "hex.rtf": `\'e9`, "cells.rtf": `\cell `,
		"quotes.csv": `"a,`, "crlf.txt": "\r\n", "marks.txt": "\u0301", "zero.txt": "\u200b", "from.mbox": "\nFrom ", "qp.eml": "=\n", "boundary.eml": "--b\n", "folded.eml": " x\n",
	} {
		t.Run(name, func(t *testing.T) {
			head := map[string]string{".rtf": `{\rtf1 `, ".mbox": "From x\n", ".eml": "From: a\nSubject: b\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: quoted-printable\nX: "}[name[strings.LastIndexByte(name, '.'):]]
			m := made{name, []byte(head + r(unit, n/len(unit)))}
			sound(t, m, parsed(m.name, m.data, Limits{}))
		})
	}
}

// numbered are so many names and contents, each of two letters.
func numbered(n int) string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprintf("f%d", i), "x")
	}
	return strings.Join(s, ",")
}

// nested is a mail of mails; open ones never say where they end.
func nested(n int, open bool) []byte {
	var head, tail strings.Builder
	head.WriteString("From: x\nSubject: y\n")
	for i := range n {
		fmt.Fprintf(&head, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	head.WriteString("\nthe bottom\n")
	if !open {
		for i := n - 1; i >= 0; i-- {
			fmt.Fprintf(&tail, "--b%d--\n", i)
		}
	}
	return []byte(head.String() + tail.String())
}

func docxWith(t *testing.T, document string) []byte {
	return zipped(t, "[Content_Types].xml", types, "word/document.xml", document)
}

// twice has two bodies of one name: which one is shown depends on the program.
func twice(t *testing.T) []byte {
	return zipped(t, "[Content_Types].xml", types, "word/document.xml", "<a/>", "word/document.xml", "<b/>")
}

// sharedBomb is a row of cells that all show one long text.
func sharedBomb(t *testing.T) []byte {
	return zipped(t, "[Content_Types].xml", types,
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relHead+rel("rId1", "worksheet", "worksheets/sheet1.xml")+`</Relationships>`,
		"xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("long ", 6000)+`</t></si></sst>`,
		"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row>`+strings.Repeat(`<c t="s"><v>0</v></c>`, 50_000)+`</row></sheetData></worksheet>`)
}

// sparse is a tar of one file that says it is a gigabyte of nothing.
func sparse(t *testing.T) []byte {
	b := tarred(t, "hole", "x")
	copy(b[257:], "ustar  \x00")
	b[156] = 'S'
	copy(b[386:], "00000000000\x0000000000001\x00")
	copy(b[483:], "10000000000\x00")
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// locked is a ZIP whose entry says that it needs a password.
func locked(t *testing.T) []byte {
	b := zipped(t, "a.txt", "x")
	b[6] |= 1
	b[bytes.Index(b, []byte("PK\x01\x02"))+8] |= 1
	return b
}

// overlapping is a ZIP whose entries are all the same bytes.
func overlapping(t *testing.T, n int) []byte {
	one := zipped(t, "f0000", strings.Repeat("0", 2<<20))
	dir := bytes.Index(one, []byte("PK\x01\x02"))
	end := bytes.Index(one, []byte("PK\x05\x06"))
	out := bytes.Clone(one[:dir])
	for i := range n {
		e := bytes.Clone(one[dir:end])
		copy(e[46:], fmt.Sprintf("f%04d", i))
		out = append(out, e...)
	}
	tail := bytes.Clone(one[end:])
	tail[8], tail[9], tail[10], tail[11] = byte(n), byte(n>>8), byte(n), byte(n>>8)
	size := len(out) - dir
	for i := range 4 {
		tail[12+i] = byte(size >> (8 * i))
		tail[16+i] = byte(dir >> (8 * i))
	}
	return append(out, tail...)
}
