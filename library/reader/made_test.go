package reader

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"abaton.local/sandbox"
)

func exitOf(code int) sandbox.Exit { return sandbox.Exit{Code: code} }

// zipped packs names and contents, in turn.
func zipped(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		how := &zip.FileHeader{Name: pairs[i], Method: zip.Deflate}
		if pairs[i] == "mimetype" { // stands there as it is, in every such document
			how.Method = zip.Store
		}
		f, err := w.CreateHeader(how)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// made is a sound document of every format but PDF, small.
func made(t testing.TB) map[string][]byte {
	const body = `<p>First paragraph.</p><table><tr><td>a</td><td>b</td></tr></table>`
	tarred := func(name, text string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}), write(w, text), w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	gzipped := func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if err := errors.Join(write(w, string(b)), w.Close()); err != nil {
			t.Fatal(err)
		}
		return z.Bytes()
	}
	return map[string][]byte{
		"a.txt": []byte("First paragraph\nin two lines.\n\nSecond, caf\xc3\xa9.\n"), "a.md": []byte("# Heading\n\nText *here*.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```go\nx\n```\n"),
		"a.csv": []byte("name;sum\n\"a;b\";1\n"), "a.html": []byte("<!doctype html><html><body><h1>Head</h1>" + body + "<p style=\"display:none\">gone</p></body></html>"),
		"a.rtf":  []byte(`{\rtf1\ansi\pard Caf\'e9 \u8364?5{\v hidden}{\footnote a note}\par\trowd\intbl A\cell B\cell\row}`),
		"a.eml":  []byte("From: a@example.test\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYSxi\r\n--b--\r\n"),
		"a.mbox": []byte("From a Mon\nFrom: a@example.test\nSubject: one\nMessage-ID: 1\n\nbody\n\nFrom b Tue\nFrom: b@example.test\nSubject: two\n\nsecond\n"),
		"a.docx": zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", `<w:document><w:body><w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Head</w:t></w:r></w:p><w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>gone</w:t></w:r><w:r><w:t>seen</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>`),
		"a.xlsx": zipped(t, "[Content_Types].xml", "<Types/>", "xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
			"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Sum</t></is></c><c r="B1"><v>4.5</v></c></row></sheetData></worksheet>`),
		"a.pptx": zipped(t, "[Content_Types].xml", "<Types/>", "ppt/presentation.xml", `<p:presentation xmlns:r="r"><p:sldIdLst><p:sldId id="1" r:id="rId1"/></p:sldIdLst></p:presentation>`,
			"ppt/_rels/presentation.xml.rels", `<Relationships><Relationship Id="rId1" Type="x/slide" Target="slides/slide1.xml"/></Relationships>`,
			"ppt/slides/slide1.xml", `<p:sld><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>Point</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>`),
		"a.odt": zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml", `<office:document-content><office:body><office:text><text:h text:outline-level="1">Head</text:h><text:p>One<text:s/>two</text:p></office:text></office:body></office:document-content>`),
		"a.ods": zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", `<office:document-content><office:body><office:spreadsheet><table:table table:name="S"><table:table-row><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>`),
		"a.epub": zipped(t, "mimetype", "application/epub+zip", "META-INF/container.xml", `<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>`,
			"b.opf", `<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>`, "a.xhtml", "<html><body>"+body+"</body></html>"),
		"a.zip": zipped(t, "x/b.txt", "hello", "../c.txt", "hello"), "a.tar": tarred("b.txt", "hello"), "a.tgz": gzipped(tarred("b.txt", "hello")), "a.txt.gz": gzipped([]byte("a line\n")),
	}
}

func write(w io.Writer, s string) error {
	_, err := io.WriteString(w, s)
	return err
}
