package leak

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Folder keeps a run as it goes, so that one of hours goes on where it was
// stopped: each trace and each outcome is a line of its own.
type Folder struct{ dir string }

// OtherRunError says that a folder holds another run.
type OtherRunError struct{ Dir string }

func (e *OtherRunError) Error() string {
	return e.Dir + " holds a run of another program, corpus or plan. Name a new folder, or ask for the same again."
}

// OpenFolder makes a folder for a run, or takes up the same run there.
func OpenFolder(dir string, run any) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep the run: %w", err)
	}
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "run.json")
	was, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.WriteFile(path, text, 0o600)
	case err == nil && !bytes.Equal(was, text):
		err = &OtherRunError{dir}
	}
	if err != nil {
		return nil, err
	}
	return &Folder{dir}, nil
}

// Path is that of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Lines is a file of lines that grows.
type Lines struct {
	file *os.File
	mu   sync.Mutex
}

// open gives what a file of lines holds, each line whole, and the file at its end.
// A last line that was cut off is taken away.
func (f *Folder) open(name string) (text []byte, l *Lines, err error) {
	file, err := os.OpenFile(f.Path(name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot keep the run: %w", err)
	}
	text, err = os.ReadFile(f.Path(name))
	if err == nil {
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		err = file.Truncate(int64(len(text)))
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot go on with the run: %w", err), file.Close())
	}
	return text, &Lines{file: file}, nil
}

// Write appends a line.
func (l *Lines) Write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.file.Write(append(text, '\n'))
	return err
}

// Close closes the file once it is on the disk.
func (l *Lines) Close() error { return errors.Join(l.file.Sync(), l.file.Close()) }

// Traces opens a file of traces by its name: those that are there already, and
// where more go.
func (f *Folder) Traces(name string) (there []Trace, more *Lines, err error) {
	text, more, err := f.open("traces-" + name + ".jsonl")
	if err != nil {
		return nil, nil, err
	}
	for t, err := range Read(bytes.NewReader(text)) {
		if err != nil {
			return nil, nil, errors.Join(err, more.Close())
		}
		there = append(there, t)
	}
	return there, more, nil
}

// Outcomes lets a study keep what it found.
type Outcomes struct {
	lines *Lines
	mu    sync.Mutex
	known map[string]json.RawMessage // guarded by mu
}

type keptOutcome struct {
	Key     string          `json:"key"`
	Outcome json.RawMessage `json:"outcome"`
}

// Outcomes opens the file of outcomes.
func (f *Folder) Outcomes() (*Outcomes, error) {
	text, lines, err := f.open("outcomes.jsonl")
	if err != nil {
		return nil, err
	}
	o := &Outcomes{lines: lines, known: make(map[string]json.RawMessage)}
	for line := range bytes.Lines(text) {
		var k keptOutcome
		if err := json.Unmarshal(line, &k); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot go on with the run: %s holds what is no outcome", f.Path("outcomes.jsonl")), lines.Close())
		}
		o.known[k.Key] = k.Outcome
	}
	return o, nil
}

// Kept is for Study.Kept.
func (o *Outcomes) Kept(key string, into any) bool {
	o.mu.Lock()
	text, there := o.known[key]
	o.mu.Unlock()
	return there && json.Unmarshal(text, into) == nil
}

// Keep is for Study.Keep.
func (o *Outcomes) Keep(key string, found any) error {
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.known[key] = text
	o.mu.Unlock()
	return o.lines.Write(keptOutcome{key, text})
}

// Close closes the file.
func (o *Outcomes) Close() error { return o.lines.Close() }

// Labour is what taking traces cost this machine.
type Labour struct {
	Seconds float64 `json:"seconds"` // of processors
	Records int     `json:"records"` // that came down meanwhile
}

// Labour opens a file of labours by its name: their sum, and where more go.
func (f *Folder) Labour(name string) (sum Labour, more *Lines, err error) {
	text, more, err := f.open("labour-" + name + ".jsonl")
	if err != nil {
		return sum, nil, err
	}
	for line := range bytes.Lines(text) {
		var l Labour
		if err := json.Unmarshal(line, &l); err != nil {
			return sum, nil, errors.Join(fmt.Errorf("cannot go on with the run: %s holds what is no labour", f.Path("labour-"+name+".jsonl")), more.Close())
		}
		sum.Seconds, sum.Records = sum.Seconds+l.Seconds, sum.Records+l.Records
	}
	return sum, more, nil
}

// Undone leaves out jobs whose traces are there.
func Undone(jobs []Job, there []Trace) (left []Job) {
	done := make(map[string]bool)
	for _, t := range there {
		done[jobKey(t.Mode, t.PromptID, t.Trial)] = true
	}
	for _, j := range jobs {
		if !done[j.Key()] {
			left = append(left, j)
		}
	}
	return left
}

// Sort puts traces into the order of their prompts and trials.
func Sort(traces []Trace) {
	slices.SortFunc(traces, func(a, b Trace) int {
		return cmp.Or(cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.PromptID, b.PromptID), cmp.Compare(a.Trial, b.Trial))
	})
}
