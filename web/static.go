package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// files are those that are the same for everybody, by path.
type files map[string]file

type file struct {
	media, tag string
	body       []byte
	packed     []byte // by gzip: they hold no secret, so its size tells none
}

var media = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func openFiles() (files, error) {
	list, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("the page's files: %w", err)
	}
	all := files{}
	for _, entry := range list {
		body, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("the page's files: %w", err)
		}
		sum := sha256.Sum256(body)
		all["/page/static/"+entry.Name()] = file{media[path.Ext(entry.Name())], `"` + hex.EncodeToString(sum[:12]) + `"`, body, packed(body)}
	}
	return all, nil
}

func packed(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(body)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("web: " + err.Error()) // a buffer takes all
	}
	return b.Bytes()
}

// Static serves a file that is the same for everybody. A browser may keep it, and
// asks each time whether it is still the same.
func (p *Pages) Static(w http.ResponseWriter, r *http.Request) bool {
	f, ok := p.files[r.URL.Path]
	if !ok || f.media == "" {
		return false
	}
	h := w.Header()
	harden(h)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Type", f.media)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		w.Write(f.packed)
		return true
	}
	w.Write(f.body)
	return true
}
