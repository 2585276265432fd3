package reader

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"abaton.local/library/parse"
	"abaton.local/sandbox"
)

// tesseract recognises text in pictures. It is a program of the system's, in C++,
// and is given one page at a time in a jail of its own: policy native, no network,
// no file but itself, its libraries and its data, which it may read, the page by
// one pipe and the text by another.
type tesseract struct {
	program   string
	data      string // the folder of what it knows of languages
	languages string // as it wants them: eng+fra
}

// What one page may cost.
const (
	mostWords      = 1 << 20 // bytes of text
	pagePatience   = 4       // times that of a reader
	mostLanguages  = 4
	languageSuffix = ".traineddata"
)

// usualTesseract is where systems have it. It is not looked for elsewhere: what
// stands in a search path may be anybody's.
func usualTesseract() []string { return []string{"/usr/bin/tesseract", "/usr/local/bin/tesseract"} }

func usualData() []string {
	return []string{"/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tesseract/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata"}
}

// findTesseract tells whether it is installed, with a language.
func (r *Reader) findTesseract() (t tesseract, ok bool) {
	for _, p := range r.Tesseract {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			t.program = p
			break
		}
	}
	for _, dir := range usualData() {
		t.data, t.languages = dir, languagesIn(dir)
		if t.languages != "" {
			break
		}
	}
	return t, t.program != "" && t.languages != ""
}

// languagesIn names those of a folder, English and French before others.
func languagesIn(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*"+languageSuffix)) // an error is about the pattern
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), languageSuffix); name != "osd" && name != "equ" {
			names = append(names, name)
		}
	}
	first := []string{"fra", "eng"}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(slices.Index(first, b), slices.Index(first, a)) })
	return strings.Join(names[:min(len(names), mostLanguages)], "+")
}

// page is one that is to be recognised.
type page struct {
	picture []byte
	number  int // in its document; 0 where that has one alone
	of      int // pages that the picture has; 0 where it is this page's
	dots    int // to an inch; 0 where the picture says it, or nobody knows
}

// words gives the text of one page, in so much time. A reason says why there is none;
// an error is not the picture's fault.
func (r *Reader) words(ctx context.Context, t tesseract, x page, within time.Duration) (text string, why parse.Reason, err error) {
	fail := func(err error) (string, parse.Reason, error) {
		return "", 0, fmt.Errorf("tesseract, which recognises text, cannot be started: %w", err)
	}
	if err := r.jailed(); err != nil {
		return fail(err)
	}
	program, libraries, err := sandbox.SystemProgram(t.program)
	if err != nil {
		return fail(err)
	}
	defer program.Opened.Close()
	in, feed, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer in.Close()
	out, give, err := os.Pipe()
	if err != nil {
		_ = feed.Close()
		return fail(err)
	}
	defer out.Close()
	defer give.Close()
	p, err := r.jail.Start(ctx, sandbox.Spec{
		Name: "tesseract", Program: program, Files: append(libraries, sandbox.File{Path: t.data, Inside: tesseractData}), Policy: sandbox.Native, Memory: memory,
		Stdin: in, Stdout: give, Args: t.args(x), Env: []string{"OMP_THREAD_LIMIT=1", "LC_ALL=C"},
	})
	if err != nil {
		_ = feed.Close()
		return fail(err)
	}
	defer p.RunDir().Close()
	_ = give.Close() // so that its end is seen
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSlow)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() })
	defer stop()
	var fed sync.WaitGroup
	fed.Go(func() {
		_, _ = io.Copy(feed, bytes.NewReader(x.picture)) // an error means that it ended, which its exit says
		_ = feed.Close()
	})
	said, err := io.ReadAll(io.LimitReader(out, mostWords+1))
	if len(said) > mostWords {
		_ = p.Kill()
	}
	<-p.Done()
	_ = in.Close() // whoever feeds one that is gone ends, too
	fed.Wait()
	return recognised(ctx, p.Exit(), said, err)
}

// tesseractData is where its data lies in the jail.
const tesseractData = "/tessdata"

func (t tesseract) args(x page) func(func(string) string) []string {
	return func(at func(string) string) []string {
		args := []string{"stdin", "stdout", "--tessdata-dir", at(tesseractData), "-l", t.languages}
		if x.dots > 0 {
			args = append(args, "--dpi", strconv.Itoa(x.dots))
		}
		if x.of > 0 {
			args = append(args, "-c", "tessedit_page_number="+strconv.Itoa(x.number-1))
		}
		return args
	}
}

// recognised says what the reading of one picture came to.
func recognised(ctx context.Context, exit sandbox.Exit, said []byte, err error) (string, parse.Reason, error) {
	switch {
	case exit.PolicyHit:
		return "", parse.Forbidden, nil
	case errors.Is(context.Cause(ctx), errSlow):
		return "", parse.TookTooLong, nil
	case ctx.Err() != nil:
		return "", 0, context.Cause(ctx)
	case len(said) > mostWords:
		return "", parse.TooMuchFound, nil
	case exit != sandbox.Exit{}:
		return "", parse.NoWords, nil
	case err != nil:
		return "", 0, fmt.Errorf("listening to tesseract: %w", err)
	}
	return string(said), 0, nil
}

// recogniseWithin is how long all pages of one document may take, without the time
// that they wait for others'.
const recogniseWithin = 30 * time.Minute
