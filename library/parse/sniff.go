package parse

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is what a document is.
type Format string

// The formats. Of the last line, nothing but the name is known here.
const (
	Plain, Markdown, SourceCode, CSV, TSV, HTML, RTF Format = "text", "markdown", "source", "csv", "tsv", "html", "rtf"
	DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB            Format = "docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"
	EML, MBOX, Zip, Tar, Gzip, Bzip2                 Format = "eml", "mbox", "zip", "tar", "gzip", "bzip2"
	PDF, Image, OldOffice, Program, Packed, Media    Format = "pdf", "image", "ole", "program", "packed", "media"
	IWork                                            Format = "iwork"
)

var formats = []Format{
	Plain, Markdown, SourceCode, CSV, TSV, HTML, RTF, DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB, EML, MBOX, Zip, Tar, Gzip, Bzip2,
	PDF, Image, OldOffice, Program, Packed, Media, IWork,
}

// known tells whether this is a format, or none.
func known(f Format) bool { return f == "" || slices.Contains(formats, f) }

// readerOf is what reads a format.
func readerOf(f Format) func(*job, []byte) error {
	switch f {
	case Plain:
		return readText
	case Markdown:
		return readMarkdown
	case SourceCode:
		return readSource
	case CSV:
		return readCSV
	case TSV:
		return readTSV
	case HTML:
		return readHTML
	case RTF:
		return readRTF
	case DOCX:
		return readDOCX
	case PPTX:
		return readPPTX
	case XLSX:
		return readXLSX
	case ODT, ODS, ODP:
		return readODF
	case EPUB:
		return readEPUB
	case EML:
		return readMail
	case MBOX:
		return readMbox
	case Zip:
		return readZip
	case Tar:
		return readTar
	case Gzip:
		return readGzip
	case Bzip2:
		return readBzip2
	}
	return func(j *job, b []byte) error { return refuse(unread(f, j.name, b)) }
}

// Sniff says what a document is: what its bytes are, if its name agrees. A name
// without a known extension agrees with everything that can be told by bytes.
func Sniff(name string, b []byte) (Format, error) {
	if len(b) == 0 {
		return "", refuse(Empty)
	}
	ext := strings.ToLower(path.Ext(name))
	named := extensions[ext]
	if named == "" && ext != "" && strings.Contains(sources, " "+ext+" ") {
		named = SourceCode
	}
	is := byBytes(b)
	switch {
	case is == Zip && named.zipped():
		if _, err := openZip(b); err != nil {
			return named, err
		}
		return is, refuse(Mismatch)
	case is == OldOffice && encryptedOffice(b):
		return named, refuse(Encrypted)
	case is == "" && named.text():
		return named, agreed(named, b)
	case is == "" && named != "":
		return "", refuse(Mismatch)
	case is == "":
		return guess(b)
	case named == "", named == is:
	case named == OldOffice && is == RTF: // Word has always written these
	case is == Image && named == Media, is == Media && named == Image:
	default:
		return is, refuse(Mismatch)
	}
	return is, nil
}

func (f Format) text() bool {
	switch f {
	case Plain, Markdown, SourceCode, CSV, TSV, HTML, EML, MBOX:
		return true
	}
	return false
}

// zipped says that documents of this format are ZIP archives.
func (f Format) zipped() bool {
	switch f {
	case DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB:
		return true
	}
	return false
}

// agreed says whether a text may be what its name says.
func agreed(f Format, b []byte) error {
	switch {
	case f == EML && !namedMail(b), f == MBOX && !bytes.HasPrefix(b, []byte("From ")):
		return refuse(Mismatch)
	case f == EML, f == MBOX: // their parts may be in any character set
		return nil
	}
	if _, ok := decodeText(b[:textHead(b)]); !ok {
		return refuse(Mismatch)
	}
	return nil
}

// namedMail says that a file that is called a mail begins like one; some begin with
// the line that parts mails in folders.
func namedMail(b []byte) bool {
	if line, rest, ok := bytes.Cut(b, []byte("\n")); ok && bytes.HasPrefix(line, []byte("From ")) {
		b = rest
	}
	fields, _ := mailFields(b)
	return fields > 0
}

// guess tells texts apart that have no name.
func guess(b []byte) (Format, error) {
	start := bytes.ToLower(bytes.TrimLeft(b[:min(len(b), 1024)], "\ufeff \t\r\n"))
	switch {
	case bytes.HasPrefix(b, []byte("From ")) && mailLike(b[bytes.IndexByte(b, '\n')+1:]):
		return MBOX, nil
	case mailLike(b):
		return EML, nil
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return HTML, nil
	}
	if _, ok := decodeText(b[:textHead(b)]); !ok {
		return "", refuse(Unknown)
	}
	return Plain, nil
}

// textHead is how much of a text is looked at to tell that it is one: all of a
// short one. An even number, and no character is torn.
func textHead(b []byte) int {
	const enough = 64 << 10
	if len(b) <= enough {
		return len(b)
	}
	at := enough
	for at > enough-utf8.UTFMax && !utf8.RuneStart(b[at]) {
		at--
	}
	return at &^ 1
}

// mailLike says that bytes begin like a mail: with fields, one of which every
// mail has.
func mailLike(b []byte) bool {
	fields, known := mailFields(b)
	return known && fields > 1
}

// mailFields counts the fields that bytes begin with, and says whether one of
// them is known from mail.
func mailFields(b []byte) (fields int, known bool) {
	for line := range bytes.Lines(b[:min(len(b), 64<<10)]) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			if fields == 0 {
				return 0, false
			}
			continue
		}
		fields++
		switch string(bytes.ToLower(name)) {
		case "from", "received", "return-path", "message-id", "mime-version", "delivered-to", "x-mozilla-status":
			known = true
		}
	}
	return fields, known
}

// encryptedOffice says that an OLE file holds a protected document of today.
func encryptedOffice(b []byte) bool {
	return bytes.Contains(b, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"))
}
