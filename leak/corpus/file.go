package corpus

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// A file of recordings is lines of JSON, compressed or not: what made them, and
// then one answer a line. So a recorder may append for hours, be cut off, and go
// on. Pieces of text are joined, and times are kept as steps from one piece to
// the next: that packs to a third.

// format is the first thing in a file, and changes with every field.
const format = "abaton recordings 1"

// Step is how finely times are kept.
const Step = 100 * time.Microsecond

// What a file may hold at most. Ours hold far less; another's may be anything.
const (
	mostBytes      = 256 << 20 // unpacked
	mostLine       = 4 << 20
	mostRecordings = 100_000
	mostPieces     = 1 << 17
	mostTime       = 24 * time.Hour
)

type head struct {
	Format string `json:"format"`
	About
}

type line struct {
	Prompt       string  `json:"prompt"`
	Seed         uint64  `json:"seed"`
	PromptTokens int     `json:"prompt_tokens"`
	Text         string  `json:"text"`
	Bytes        []int   `json:"bytes"` // of each piece
	Gaps         []int64 `json:"gaps"`  // before each piece, in steps
	Stopped      int64   `json:"stopped"`
	Truncated    bool    `json:"truncated,omitempty"`
}

// FileError names the line of a file that cannot be used, and why.
type FileError struct {
	Line   int // from 1
	Reason string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("line %d of the recordings cannot be used: %s", e.Line, e.Reason)
}

// WriteHead begins a file.
func WriteHead(w io.Writer, a About) error { return writeLine(w, head{format, a}) }

// WriteRecording appends an answer.
func WriteRecording(w io.Writer, r Recording) error {
	l := line{Prompt: r.Prompt, Seed: r.Seed, PromptTokens: r.PromptTokens, Bytes: []int{}, Gaps: []int64{}, Truncated: r.Truncated}
	at, text := int64(0), []byte(nil)
	for _, p := range r.Pieces {
		now := int64((p.At + Step/2) / Step)
		l.Bytes, l.Gaps = append(l.Bytes, len(p.Text)), append(l.Gaps, now-at)
		text = append(text, p.Text...)
		at = now
	}
	l.Text, l.Stopped = string(text), int64((r.Stopped+Step/2)/Step)
	if _, reason := l.recording(); reason != "" {
		return fmt.Errorf("the answer to %s cannot be kept: %s", r.Prompt, reason)
	}
	return writeLine(w, l)
}

func writeLine(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes()) // at once: a line is there or not
	return err
}

// Write writes a whole file, compressed.
func Write(w io.Writer, a About, recordings []Recording) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := WriteHead(z, a); err != nil {
		return err
	}
	for _, r := range recordings {
		if err := WriteRecording(z, r); err != nil {
			return err
		}
	}
	return z.Close()
}

// Read reads a whole file, compressed or not. Every line must hold what it
// should and nothing else; no answer may be there twice.
func Read(r io.Reader) (About, []Recording, error) { return read(r, mostBytes) }

func read(r io.Reader, most int64) (About, []Recording, error) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return About{}, nil, fmt.Errorf("cannot unpack the recordings: %w", err)
		}
		r = z
	} else {
		r = buffered
	}
	limited := &io.LimitedReader{R: r, N: most + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, mostLine)
	if !lines.Scan() {
		return About{}, nil, ended(lines, limited, 1)
	}
	var h head
	if err := strict(lines.Bytes(), &h); err != nil {
		return About{}, nil, &FileError{1, err.Error()}
	}
	if h.Format != format {
		return About{}, nil, &FileError{1, fmt.Sprintf("its format is %.40q; this program reads %q", h.Format, format)}
	}
	type answer struct {
		prompt string
		seed   uint64
	}
	seen := make(map[answer]bool)
	var out []Recording
	n := 1
	for lines.Scan() {
		n++
		var l line
		if err := strict(lines.Bytes(), &l); err != nil {
			return About{}, nil, &FileError{n, err.Error()}
		}
		rec, reason := l.recording()
		if reason != "" {
			return About{}, nil, &FileError{n, reason}
		}
		if id := (answer{rec.Prompt, rec.Seed}); seen[id] {
			return About{}, nil, &FileError{n, "the answer is there twice"}
		} else if len(seen) == mostRecordings {
			return About{}, nil, &FileError{n, "there are too many answers"}
		} else {
			seen[id] = true
		}
		out = append(out, rec)
	}
	if err := lines.Err(); err != nil || limited.N <= 0 {
		return About{}, nil, ended(lines, limited, n+1)
	}
	return h.About, out, nil
}

// ended says why there was no line.
func ended(lines *bufio.Scanner, limited *io.LimitedReader, n int) error {
	err := lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return &FileError{n, "it is too long"}
	case err != nil:
		return fmt.Errorf("cannot read the recordings: %w", err)
	case limited.N <= 0:
		return &FileError{n, "the file is too large"}
	}
	return &FileError{n, "the file ends here"}
}

func strict(text []byte, v any) error {
	if !utf8.Valid(text) {
		return errors.New("it is no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New("it is no line of this format") // the decoder would quote it
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind it")
	}
	return nil
}

// recording is what a line says, or why it says nothing.
func (l line) recording() (r Recording, reason string) {
	most := int64(mostTime / Step)
	switch {
	case l.Prompt == "":
		return r, "it names no prompt"
	case l.PromptTokens < 0, len(l.Bytes) != len(l.Gaps), len(l.Bytes) > mostPieces:
		return r, "its numbers cannot be"
	}
	r = Recording{Prompt: l.Prompt, Seed: l.Seed, PromptTokens: l.PromptTokens, Truncated: l.Truncated}
	at, rest := int64(0), l.Text
	for i, n := range l.Bytes {
		if n < 1 || n > len(rest) || !utf8.ValidString(rest[:n]) {
			return r, "its pieces are not those of its text"
		}
		if l.Gaps[i] < 0 || l.Gaps[i] > most || at+l.Gaps[i] > most {
			return r, "its times cannot be"
		}
		at += l.Gaps[i]
		r.Pieces = append(r.Pieces, Piece{rest[:n], time.Duration(at) * Step})
		rest = rest[n:]
	}
	if rest != "" {
		return r, "its pieces are not those of its text"
	}
	if l.Stopped < at || l.Stopped > most {
		return r, "its times cannot be"
	}
	r.Stopped = time.Duration(l.Stopped) * Step
	return r, ""
}
