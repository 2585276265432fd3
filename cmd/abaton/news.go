package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// newsFD is where a chat finds the news of a pull that runs beside it.
const newsFD = 3

// How the news are written: a line of text ends as usual, how far something is
// ends with a carriage return and gives way to what comes next, and the exit
// code of the pull comes last of all.
const (
	endOfLine     = '\n'
	endOfProgress = '\r'
	endOfNews     = '\x00'
)

// longestNews bounds a line, and mostNews how many of them wait to be shown.
const longestNews, mostNews = 4096, 1000

// news is what is heard of a pull that another process runs beside this one.
// It goes one way only: this process has nothing to write to. While questions
// are asked the news wait, so that neither garbles the other. It is safe for
// concurrent use.
type news struct {
	s   *screen
	now func() time.Time

	ended chan struct{} // closed when nothing more comes
	code  int           // the pull's exit code, -1 when that did not come; guarded by ended

	mu    sync.Mutex // guards what follows
	open  bool       // nobody is asked anything: they are shown as they come
	lines []string   // that wait to be shown
	last  string     // how far it is
	drawn bool       // a line of progress is on the screen
	wrote time.Time  // when progress was written last where no line can be redrawn
}

// errNoNews says that nothing is told to this process.
var errNoNews = usageError{"chat", "--beside is for this program's own use."}

// followNews hears of the pull that was started beside this process.
func followNews(s *screen) (*news, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(newsFD, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, errNoNews
	}
	syscall.CloseOnExec(newsFD)
	n := newNews(s)
	go n.follow(os.NewFile(newsFD, "news"))
	return n, nil
}

func newNews(s *screen) *news {
	return &news{s: s, now: time.Now, ended: make(chan struct{}), code: -1}
}

// follow reads until the end.
func (n *news) follow(r io.Reader) {
	defer close(n.ended)
	in, line := bufio.NewReader(r), []byte(nil)
	for {
		b, err := in.ReadByte()
		switch {
		case err != nil:
			if len(line) > 0 {
				n.tell(string(line))
			}
			return
		case b == endOfNews:
			rest, _ := in.ReadString(endOfLine)
			if code, err := strconv.Atoi(strings.TrimSpace(rest)); err == nil && code >= 0 {
				n.code = code
			}
			return
		case b == endOfLine:
			n.tell(string(line))
			line = line[:0]
		case b == endOfProgress:
			n.progress(string(line))
			line = line[:0]
		case len(line) < longestNews:
			line = append(line, b)
		}
	}
}

func (n *news) tell(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lines = append(n.lines, text); len(n.lines) > mostNews {
		n.lines = n.lines[1:]
	}
	n.last = ""
	n.show()
}

func (n *news) progress(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = text
	n.show()
}

// show shows what waits, unless somebody is asked something. mu is held.
func (n *news) show() {
	if !n.open {
		return
	}
	if n.drawn {
		io.WriteString(n.s.errs, "\r\x1b[K")
		n.drawn = false
	}
	for _, line := range n.lines {
		n.s.say(line)
	}
	n.lines = nil
	switch {
	case n.last == "":
	case n.s.moves:
		io.WriteString(n.s.errs, clip(cleanLine(n.last), columns(n.s.errs, 80)-1))
		n.drawn = true
	case n.now().Sub(n.wrote) >= plainEvery:
		n.wrote = n.now()
		n.s.say(n.last)
	}
}

// wait shows all that came and goes on to, until the pull has ended. What it
// did not get is an error with its exit code.
func (n *news) wait(ctx context.Context) error {
	n.mu.Lock()
	n.open = true
	n.show()
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.open, n.last = true, ""
		n.show()
		n.open = false
		n.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return errStopped
	case <-n.ended:
	}
	switch {
	case n.code == done:
		return nil
	case n.code > 0:
		return told{errNotPulled, n.code}
	}
	return told{errors.New("what fetched engine and model ended before it was done: try again"), failed}
}

var errNotPulled = errors.New("`abaton pull` did not get what is missing: see above")

// tellEnd writes the last of the news.
func tellEnd(w io.Writer, code int) error {
	_, err := fmt.Fprintf(w, "%c%d%c", endOfNews, code, endOfLine)
	return err
}
