package parse

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// maxEntries keeps a directory of nothing but entries from becoming gigabytes.
const maxEntries = 60_000

// inZip tells the documents that are ZIP archives from each other.
func inZip(b []byte) Format {
	z, err := openZip(b)
	if err != nil {
		return Zip
	}
	if f := z["mimetype"]; f != nil && f.UncompressedSize64 < 128 && f.Method == zip.Store {
		if r, err := f.Open(); err == nil {
			kind, _ := io.ReadAll(io.LimitReader(r, 128))
			switch strings.TrimSuffix(strings.TrimSpace(string(kind)), "-template") {
			case "application/vnd.oasis.opendocument.text":
				return ODT
			case "application/vnd.oasis.opendocument.spreadsheet":
				return ODS
			case "application/vnd.oasis.opendocument.presentation":
				return ODP
			case "application/epub+zip":
				return EPUB
			}
		}
	}
	switch {
	case z["Index/Document.iwa"] != nil, z["Index.zip"] != nil && z["Metadata/Properties.plist"] != nil, z["index.apxl"] != nil, z["index.xml"] != nil && z["buildVersionHistory.plist"] != nil:
		return IWork
	case z["[Content_Types].xml"] == nil:
	case z["word/document.xml"] != nil:
		return DOCX
	case z["ppt/presentation.xml"] != nil:
		return PPTX
	case z["xl/workbook.xml"] != nil:
		return XLSX
	}
	return Zip
}

// files are an archive's entries by name. Two of one name are refused: programs
// differ in which they show.
type files map[string]*zip.File

func openZip(b []byte) (files, error) {
	z, err := readDirectory(b)
	if err != nil {
		return nil, err
	}
	all := make(files, len(z.File))
	for _, f := range z.File {
		name := strings.TrimPrefix(f.Name, "/")
		if all[name] != nil {
			return nil, refuse(Damaged)
		}
		all[name] = f
	}
	return all, nil
}

func readDirectory(b []byte) (*zip.Reader, error) {
	if bytes.Count(b, []byte("PK\x01\x02")) > maxEntries {
		return nil, refuse(TooManyParts)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never used as paths
		return nil, refuse(Damaged)
	}
	return z, nil
}

// unpack opens a document that is a ZIP archive, and counts its pictures: text
// that is in them only is not read.
func (j *job) unpack(b []byte) (files, error) {
	z, err := openZip(b)
	for name := range z {
		if extensions[strings.ToLower(path.Ext(name))] == Image {
			j.res.Pictures++
		}
	}
	return z, err
}

// open begins to read an entry, counted against the budget; nil if it is not
// there.
func (j *job) open(z files, name string) (io.Reader, error) {
	f := z[name]
	if f == nil {
		return nil, nil
	}
	if f.Flags&1 != 0 {
		return nil, refuse(Encrypted)
	}
	r, err := f.Open()
	if err != nil {
		return nil, refuse(Damaged)
	}
	return j.expand(r), nil
}

// readAll reads a part that has to lie in memory as a whole.
func (j *job) readAll(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case errors.Is(err, errStop):
		return nil, err
	case len(b) > limit:
		return nil, j.stop(TokenTooLong)
	case err != nil:
		return b, refuse(Damaged)
	}
	return b, nil
}
