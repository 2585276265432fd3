// Command reads reads what lies in a folder, in the jail, and says what came of it: as
// a program of its own because the jail of policy go takes only programs without
// libraries, which a test is not.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"abaton.local/library/parse"
	"abaton.local/library/reader"
	"abaton.local/sandbox"
)

func main() {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	if reader.IsChild() {
		misbehave()
		reader.Child()
	}
	how := ""
	if len(os.Args) > 4 {
		how = os.Args[4]
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], how); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A reading is one line of output.
type reading struct {
	Name  string
	Error string `json:",omitempty"` // of the reader, no verdict
	Why   parse.Reason
	parse.Document
	Seconds float64
	Later   bool // it was to be read quickly, and cannot be
	Place   int  // among those that were read, from 0
}

// run reads every file of a folder, two at once if nobody wants them all. A name may begin with @N@: then its
// child misbehaves in the way N.
func run(folder, state, patience, how string) (err error) {
	if how == "unjailed" {
		if err := withoutJail(); err != nil {
			return err
		}
	}
	jail, err := sandbox.Open(context.Background(), sandbox.Config{StateDir: state, RuntimeDir: state, AcceptUnjailed: how == "unjailed"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jail.Close()) }()
	r := reader.New(jail)
	if r.Patience, err = time.ParseDuration(patience); err != nil {
		return err
	}
	if how == "without" {
		r.Tesseract = nil // as where it is not installed
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	var out sync.Mutex
	next := make(chan string)
	place, most := 0, 2
	if how == "all" {
		most = len(files)
	}
	for range most {
		group.Go(func() {
			for name := range next {
				got := read(r, folder, name, how == "quick")
				out.Lock()
				got.Place = place
				place++
				b, jerr := json.Marshal(got)
				fmt.Printf("%s\n", b)
				err = errors.Join(err, jerr)
				out.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f.Name()
	}
	close(next)
	group.Wait()
	return err
}

func read(r *reader.Reader, folder, name string, quick bool) reading {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return reading{Name: name, Error: err.Error()}
	}
	src := parse.Source{Name: name, Data: data, Quick: quick}
	if rest, ok := strings.CutPrefix(name, "@"); ok {
		way, _, _ := strings.Cut(rest, "@")
		src.Depth, _ = strconv.Atoi(way)
	}
	begun := time.Now()
	doc, err := r.Parse(context.Background(), src)
	got := reading{Name: name, Document: doc, Seconds: time.Since(begun).Seconds()}
	if refused, ok := errors.AsType[*parse.RefusedError](err); ok {
		got.Why = refused.Why
	} else if errors.Is(err, parse.ErrLater) {
		got.Later = true
	} else if err != nil {
		got.Error = err.Error()
	}
	if len(got.Records) > 10_000 { // nobody compares so many
		got.Records = got.Records[:10_000]
	}
	for i := range got.Records {
		got.Records[i].Raw, got.Records[i].Map = "", nil
	}
	return got
}

// misbehave is what a child does that was taken over, or is broken: the way is the
// depth of the document.
func misbehave() {
	e := parse.NewEncoder(os.Stdout, 1<<30)
	said := parse.Record{Page: 3, Raw: "said before"}
	switch os.Args[2] {
	case "91": // it says something, then nothing any more
		_ = e.Sink().Record(said)
		_ = e.Alive()
		time.Sleep(time.Hour)
	case "92": // it is silent from the start
		time.Sleep(time.Hour)
	case "93": // it writes what is no answer
		for {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte("abaton"), 1000))
		}
	case "94": // it says the same for ever
		for e.Sink().Record(said) == nil {
		}
	case "95": // it tries what it may not
		_ = e.Sink().Record(said)
		_ = e.Alive()
		_, _, _ = unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
		os.Exit(0)
	case "96": // it uses up its memory
		_ = e.Sink().Record(said)
		_ = e.Alive()
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte("x"), 64<<20))
		}
	case "97": // it dies after a word
		_ = e.Sink().Record(said)
		_ = e.Alive()
		panic("at the disk")
	case "98": // it says that all went well, and nothing
		os.Exit(0)
	case "99": // it goes on after its end
		_ = e.Sink().Record(said)
		_ = e.End(parse.Result{Format: parse.Plain}, nil)
		_, _ = os.Stdout.WriteString("and more")
		os.Exit(0)
	}
}
