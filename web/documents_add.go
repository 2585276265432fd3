package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"abaton.local/library"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// Bounds of what adds documents.
const (
	mostFile    = 200 << 20     // bytes of a document
	mostPiece   = 4 << 20       // of one piece's data
	mostHead    = 32 << 10      // of what is said of it
	mostField   = 1 << 10       // of a field of the form
	mostFiles   = 100           // sent with one form
	mostWithin  = 50            // that lie in a document are told one by one
	longReading = 2 * time.Hour // pages that are pictures take half an hour, and wait for those of others
)

var (
	errNoFile   = errors.New("no file was chosen: choose one or several, then add them")
	errFiles    = errors.New("these are more than 100 files at once: add fewer, or let this page run its script, which takes any number")
	errForm     = errors.New("the files did not arrive whole: add them again. Without its script this page takes 8 MB at once")
	errHead     = errors.New("this page is of another version than the server: load it anew, then add the file again")
	errUnevenly = errors.New("the size of what was sent tells how long the documents are, and that is refused here: let this page run its script")
)

// addPiece takes a file or a piece of one from the page's script: a line of JSON,
// the bytes, and what fills it up to one of few sizes.
func (p *Pages) addPiece(v visit) {
	if p.Documents == nil {
		p.problem(v, http.StatusNotFound, "There is no such page.")
		return
	}
	piece, err := p.pieceOf(v)
	var got *library.Outcome
	if err == nil {
		defer v.s.Busy()()
		_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(longReading)) // an error is the connection's end
		got, err = p.Documents.Add(v.r.Context(), v.s, piece)
	}
	later := errors.Is(err, library.ErrLater)
	_, busy := errors.AsType[Busy](err)
	switch {
	case later, busy:
	case errors.Is(err, vault.ErrLocked):
		p.problem(v, http.StatusUnauthorized, "Your vault has locked.")
		return
	case err != nil:
		p.fail(v, err)
		return
	}
	harden(v.w.Header())
	v.w.Header().Set("Content-Type", "application/json")
	out := struct {
		Outcome *verdict `json:"outcome,omitempty"`
		Later   bool     `json:"later,omitempty"` // it takes long: to be sent again, behind all others
		Wait    bool     `json:"wait,omitempty"`  // others are in its way: to be sent again once these are read
	}{Later: later, Wait: busy}
	if got != nil {
		out.Outcome = new(verdictOf(piece.Path, *got))
	}
	body, err := json.Marshal(out)
	if err != nil {
		p.fail(v, err)
		return
	}
	if p.hides(v) > shaper.Off { // the size of a verdict tells what was found in a file
		body = shaper.PadTo(body, shaper.Bucket(len(body)))
	}
	_, _ = v.w.Write(body) // an error is the client's hanging up
}

func (p *Pages) pieceOf(v visit) (Piece, error) {
	if p.Shape.Uploads && p.hides(v) > shaper.Off && !shaper.Padded(int(v.r.ContentLength)) {
		return Piece{}, errUnevenly
	}
	r := bufio.NewReaderSize(v.r.Body, mostHead)
	line, err := r.ReadSlice('\n')
	if err != nil {
		return Piece{}, errHead
	}
	var head struct {
		Library  string `json:"library"`
		Path     string `json:"path"`
		Size     int64  `json:"size"`
		Modified int64  `json:"modified"` // milliseconds since 1970
		Upload   string `json:"upload"`
		At       int64  `json:"at"`
		Length   int64  `json:"length"`
		Quick    bool   `json:"quick"`
	}
	d := json.NewDecoder(strings.NewReader(string(line)))
	d.DisallowUnknownFields()
	if d.Decode(&head) != nil || head.Length < 0 || head.Length > mostPiece || head.Size < 0 || head.Size > mostFile || head.At < 0 || head.At > head.Size-head.Length || len(head.Upload) > 64 {
		return Piece{}, errHead
	}
	data := make([]byte, head.Length)
	if _, err := io.ReadFull(r, data); err != nil {
		return Piece{}, errForm
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // what fills it up: a connection with something left in it is closed
		return Piece{}, errForm
	}
	piece := Piece{Library: head.Library, Path: pathOf(head.Path), Size: head.Size, Upload: head.Upload, At: head.At, Quick: head.Quick, Data: data}
	if head.Modified > 0 && head.Modified < 1<<53 {
		piece.Modified = time.UnixMilli(head.Modified).UTC()
	}
	piece.Name = path.Base(piece.Path)
	return piece, nil
}

// pathOf is what a file is known by that came from a page: its name, or its path
// below the folder that was dropped. No file of this machine is called so, for
// their paths begin with "/".
func pathOf(name string) string {
	return strings.TrimLeft(strings.ToValidUTF8(name, "\ufffd"), "/")
}

// added says that the page's script has added all it wanted.
func (p *Pages) added(v visit) {
	if p.Documents == nil {
		p.problem(v, http.StatusNotFound, "There is no such page.")
		return
	}
	if err := p.Documents.Added(v.s); err != nil {
		p.fail(v, err)
		return
	}
	harden(v.w.Header())
	v.w.WriteHeader(http.StatusNoContent)
}

// addForm takes the files of a form: for browsers without scripts. All of them
// are as large as one request may be.
func (p *Pages) addForm(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	if p.NoAdding != nil {
		p.fail(v, p.NoAdding)
		return
	}
	if p.Shape.Uploads && p.hides(v) > shaper.Off && !shaper.Padded(int(v.r.ContentLength)) {
		p.fail(v, errUnevenly)
		return
	}
	name, files, err := filesOf(v.r)
	if err != nil {
		p.fail(v, err)
		return
	}
	defer v.s.Busy()()
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(longReading)) // an error is the connection's end
	done := verdicts{Back: "/page/documents"}
	for _, f := range files {
		f.Library = name
		got, err := p.Documents.Add(v.r.Context(), v.s, f)
		if err != nil {
			done.Words = p.Words(err)
			break
		}
		done.List = append(done.List, verdictOf(f.Path, *got))
	}
	if err := p.Documents.Added(v.s); err != nil && done.Words == "" {
		done.Words = p.Words(err)
	}
	if x, err := l.Library(name); err == nil {
		done.Back = "/page/library/" + x.ID.String()
	}
	p.lead(v, "/page/documents/added/"+p.parcels.put(v.s, done, p.Now()))
}

// filesOf reads a form with files.
func filesOf(r *http.Request) (name string, files []Piece, err error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return "", nil, errForm
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return "", nil, errForm
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, errForm
		}
		switch part.FormName() {
		case "library":
			b, err := io.ReadAll(io.LimitReader(part, mostField))
			if err != nil || !utf8.Valid(b) {
				return "", nil, errForm
			}
			name = string(b)
		case "file":
			if part.FileName() == "" {
				continue // none was chosen
			}
			if len(files) == mostFiles {
				return "", nil, errFiles
			}
			b, err := io.ReadAll(part) // the door bounds the whole of it
			if err != nil {
				return "", nil, errForm
			}
			at := pathOf(part.FileName())
			files = append(files, Piece{Path: at, Name: path.Base(at), Size: int64(len(b)), Data: b})
		default:
			return "", nil, errForm
		}
	}
	if len(files) == 0 {
		return "", nil, errNoFile
	}
	return name, files, nil
}

// addedForm shows what became of the files of a form.
func (p *Pages) addedForm(v visit) {
	done, ok := p.parcels.take(v.s, v.rest, false, p.Now()).(verdicts)
	if !ok {
		p.lead(v, "/page/documents")
		return
	}
	x, err := p.framed(v, "documents")
	if err != nil {
		p.fail(v, err)
		return
	}
	x.Content = done
	p.render(v.w, v.r, http.StatusOK, "added", x)
}
