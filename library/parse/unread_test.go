package parse

import (
	"errors"
	"strings"
	"testing"
)

// What people drop and is not read: each is called what it is, with what to do.
func TestWhatIsNotRead(t *testing.T) {
	const ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 x"
	iwa := string(zipped(t, "Index/Document.iwa", "x\x00\x01", "preview.jpg", "\xff\xd8\xff"))
	apple09 := string(zipped(t, "index.apxl", "<x/>"))
	odd := "\x00\x01\x02" + strings.Repeat("\x01", 100)
	for _, c := range []struct{ name, data, says, todo string }{
		{"IMG_1.HEIC", "\x00\x00\x00\x24ftypheic\x00\x00", "HEIC", "save it as JPEG or PNG"},
		{"IMG_2.heic", "\x00\x00\x00\x24ftypmif1\x00\x00", "HEIC", "save it as JPEG or PNG"},
		{"photo", "\x00\x00\x00\x24ftypheix\x00\x00", "HEIC", "tesseract"},
		{"a.avif", "\x00\x00\x00\x24ftypavif\x00\x00", "AVIF", "save it as JPEG or PNG"},
		{"a.gif", "GIF89a" + odd, "picture", "save it as JPEG or PNG"},
		{"a.webp", "RIFF\x00\x00\x00\x00WEBP" + odd, "picture", "save it as JPEG or PNG"},
		{"a.doc", ole, "Word before 2007", "save it as DOCX"},
		{"a.xls", ole, "Excel before 2007", "save it as XLSX"},
		{"a.ppt", ole, "PowerPoint before 2007", "save it as PPTX"},
		{"a.msg", ole, "Outlook", "save it as .eml"},
		{"a", ole, "office program before 2007", "save it as DOCX"},
		{"a.pages", iwa, "Pages", "export it as DOCX"},
		{"a.numbers", iwa, "Numbers", "export it as XLSX"},
		{"a.key", apple09, "Keynote", "export it as PPTX"},
		{"a.mp4", "\x00\x00\x00\x20ftypisom" + odd, "film", "as text"},
		{"a.mov", "\x00\x00\x00\x14ftypqt  " + odd, "film", "as text"},
		{"a.mp3", "\xff\xfb\x90\x64" + odd, "sound", "as text"},
		{"a.m4a", "\x00\x00\x00\x20ftypM4A " + odd, "sound", "as text"},
		{"a.exe", "MZ" + odd, "a program", ""},
		{"a.7z", "7z\xbc\xaf\x27\x1c" + odd, "archive", "unpack it"},
		{"a.rar", "Rar!\x1a\x07" + odd, "archive", "unpack it"},
	} {
		err := parsed(c.name, []byte(c.data), Limits{}).err
		if refused, is := errors.AsType[*RefusedError](err); !is || !strings.Contains(refused.Why.String(), c.says) || !strings.Contains(refused.Why.String(), c.todo) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A private key and a text about music are texts.
	for name, data := range map[string]string{"server.key": "-----BEGIN PRIVATE KEY-----\nx\n", "a.txt": "ID3 is a tag", "b.txt": "#!AMR is how it begins"} {
		if got := parsed(name, []byte(data), Limits{}); got.err != nil || len(got.records) == 0 {
			t.Errorf("%s: %v", name, got.err)
		}
	}
}
