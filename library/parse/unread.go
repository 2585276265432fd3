package parse

import (
	"path"
	"strings"
)

// unread says why a document is not read whose format is known, and what to do with
// one of its kind.
func unread(f Format, name string, b []byte) Reason {
	ext := strings.ToLower(path.Ext(name))
	switch f {
	case Image:
		switch {
		case IsPicture(b): // which is for text recognition
			return Unsupported
		case phonePicture(b):
			return PhonePicture
		}
		return OtherPicture
	case OldOffice:
		switch ext {
		case ".doc", ".dot":
			return OldText
		case ".xls", ".xlt":
			return OldSheet
		case ".ppt", ".pps", ".pot":
			return OldSlides
		case ".msg":
			return OutlookMail
		}
		return OldOther
	case IWork:
		switch ext {
		case ".numbers":
			return AppleSheet
		case ".key":
			return AppleSlides
		}
		return AppleText
	case Media:
		return SoundOrFilm
	case Program:
		return NoDocument
	case Packed:
		return OtherArchive
	}
	return Unsupported
}

// phonePicture tells whether bytes are those of a picture of the kind that telephones
// take: HEIC and its like.
func phonePicture(b []byte) bool {
	if len(b) < 12 || string(b[4:8]) != "ftyp" {
		return false
	}
	switch string(b[8:12]) {
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis":
		return true
	}
	return false
}
