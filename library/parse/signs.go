package parse

import (
	"bytes"
	"strconv"
	"strings"
)

// magic are the formats that begin with bytes of their own.
var magic = []struct {
	at    int
	bytes string
	is    Format
}{
	{0, "%PDF-", PDF}, {0, "{\\rtf", RTF}, {0, "PK\x03\x04", Zip}, {0, "PK\x05\x06", Zip}, {0, "\x1f\x8b", Gzip}, {0, "BZh", Bzip2},
	{257, "ustar", Tar}, {0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OldOffice},
	{0, "\x89PNG\r\n\x1a\n", Image}, {0, "\xff\xd8\xff", Image}, {0, "GIF8", Image}, {0, "II*\x00", Image}, {0, "MM\x00*", Image},
	{8, "WEBP", Image}, {0, "8BPS", Image}, {4, "ftyp", Media}, {0, "ID3", Media}, {0, "OggS", Media}, {0, "fLaC", Media},
	{0, "\xff\xfb", Media}, {0, "\xff\xf3", Media}, {0, "\xff\xf2", Media}, {0, "\xff\xf1", Media}, {0, "\xff\xf9", Media}, {0, "\x30\x26\xb2\x75", Media}, {0, "#!AMR", Media}, {0, "\x00\x00\x01\xba", Media}, {0, "\x00\x00\x01\xb3", Media},
	{0, "\x1aE\xdf\xa3", Media}, {0, "RIFF", Media}, {0, "\x7fELF", Program}, {0, "MZ", Program}, {0, "\xca\xfe\xba\xbe", Program},
	{0, "\x00asm", Program}, {0, "7z\xbc\xaf\x27\x1c", Packed}, {0, "Rar!\x1a\x07", Packed}, {0, "\xfd7zXZ\x00", Packed}, {0, "\x28\xb5\x2f\xfd", Packed},
}

// extensions are the names a format goes by. Text has no bytes of its own, so
// among texts the name decides.
var extensions = map[string]Format{
	".txt": Plain, ".text": Plain, ".log": Plain, ".asc": Plain, ".srt": Plain, ".vtt": Plain, ".rst": Plain, ".adoc": Plain, ".org": Plain, ".tex": Plain,
	".md": Markdown, ".markdown": Markdown, ".mdown": Markdown, ".csv": CSV, ".tsv": TSV, ".tab": TSV,
	".html": HTML, ".htm": HTML, ".xhtml": HTML, ".rtf": RTF,
	".docx": DOCX, ".docm": DOCX, ".dotx": DOCX, ".pptx": PPTX, ".pptm": PPTX, ".ppsx": PPTX, ".xlsx": XLSX, ".xlsm": XLSX, ".xltx": XLSX,
	".odt": ODT, ".ott": ODT, ".ods": ODS, ".ots": ODS, ".odp": ODP, ".otp": ODP, ".epub": EPUB,
	".eml": EML, ".mbox": MBOX, ".mbx": MBOX, ".zip": Zip, ".tar": Tar, ".gz": Gzip, ".tgz": Gzip, ".bz2": Bzip2, ".tbz2": Bzip2,
	".pdf": PDF, ".doc": OldOffice, ".xls": OldOffice, ".ppt": OldOffice, ".msg": OldOffice,
	".png": Image, ".jpg": Image, ".jpeg": Image, ".gif": Image, ".tif": Image, ".tiff": Image, ".webp": Image, ".heic": Image, ".heif": Image, ".avif": Image, ".psd": Image,
	".exe": Program, ".dll": Program, ".so": Program, ".7z": Packed, ".rar": Packed, ".xz": Packed, ".zst": Packed,
	".mp3": Media, ".mp4": Media, ".wav": Media, ".ogg": Media, ".mkv": Media, ".m4a": Media, ".m4v": Media, ".mov": Media, ".avi": Media, ".webm": Media,
	".flac": Media, ".opus": Media, ".aac": Media, ".wma": Media, ".wmv": Media, ".mpg": Media, ".mpeg": Media, ".3gp": Media, ".amr": Media,
}

const sources = " .go .py .js .mjs .cjs .ts .tsx .jsx .c .h .cc .cpp .hpp .cs .java .kt .kts .rs .rb .php .pl .pm .sh .bash .zsh .fish .ps1 .sql .r .jl .lua " +
	".swift .scala .clj .hs .ml .mli .fs .ex .exs .erl .dart .vb .pas .asm .s .zig .nim .m .mm .f90 .css .scss .less .vue .svelte .json .jsonl .yaml .yml .toml " +
	".ini .cfg .conf .env .xml .xsd .xsl .svg .proto .graphql .tf .cmake .mk .gradle .dockerfile .patch .diff .bat .cmd .awk .sed .el .lisp .scm .v .vhd .sol "

// byBytes is what bytes show by themselves, nothing if they may be text.
func byBytes(b []byte) Format {
	switch f := magicOf(b); {
	case f == Zip:
		return inZip(b)
	case f != "":
		return f
	case latePDF(b):
		return PDF
	case oldTar(b):
		return Tar
	}
	return ""
}

// magicOf is what the first bytes show.
func magicOf(b []byte) Format {
	for _, m := range magic {
		if len(b) >= m.at+len(m.bytes) && string(b[m.at:m.at+len(m.bytes)]) == m.bytes {
			if wordy(m.bytes) && !noText(b[:min(len(b), 4096)]) {
				continue // a text that begins with these letters
			}
			if phonePicture(b) {
				return Image
			}
			return m.is
		}
	}
	return ""
}

// latePDF says that a PDF begins after other bytes, which its programs allow.
func latePDF(b []byte) bool {
	return bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) && noText(b)
}

// oldTar says that a file begins with the header of a tar of old, which has no
// name of its own but a sum.
func oldTar(b []byte) bool {
	if len(b) < 512 || b[0] == 0 {
		return false
	}
	sum, err := strconv.ParseUint(strings.Trim(string(b[148:156]), " \x00"), 8, 32)
	for i, c := range b[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum -= uint64(c)
	}
	return err == nil && sum == 0
}

// wordy says that a text may well begin so.
func wordy(magic string) bool {
	switch magic {
	case "MZ", "BZh", "ID3", "GIF8", "RIFF", "OggS", "fLaC", "ftyp", "WEBP", "8BPS", "#!AMR", "II*\x00", "MM\x00*", "\xff\xfb", "\xff\xf3", "\xff\xf2", "\xff\xf1", "\xff\xf9":
		return true
	}
	return false
}
