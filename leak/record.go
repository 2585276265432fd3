package leak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"abaton.local/engine"
	"abaton.local/leak/corpus"
)

// Answerer is what answers prompts. *engine.Engine is one.
type Answerer interface {
	Generate(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error]
}

// Recorder asks a real engine the prompts of a corpus, one at a time, and keeps
// what came when.
type Recorder struct {
	Engine Answerer
	Prompt engine.Prompt // who asks which model; the rest is filled in
	About  corpus.About  // its Temperature and MaxTokens are asked for
	Rounds int           // how often each prompt is asked; 0: once
	Told   func(done, all int)
}

// FileOfOthersError says that a file holds recordings that were made otherwise.
type FileOfOthersError struct{ Path string }

func (e *FileOfOthersError) Error() string {
	return e.Path + " holds answers that were made otherwise: by another model, engine or machine, or of another length. Name a new file."
}

// Record appends the answers that the file does not hold yet, so that a
// recording of hours goes on where it was cut off. Prompts are asked in an order
// drawn by lot: neither the machine's mood nor what the engine has just read
// goes with a label.
func (r Recorder) Record(ctx context.Context, path string, prompts []corpus.Prompt) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("cannot keep recordings: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	there, err := r.resume(f, path)
	if err != nil {
		return err
	}
	todo := r.questions(prompts)
	done := 0
	warm := false
	for _, q := range todo {
		if there[q.key()] {
			done++
			continue
		}
		if !warm {
			// The first answer of a worker is slower than those behind it, and one
			// that was just asked the same is faster.
			if _, err := r.ask(ctx, question{prompt: corpus.Prompt{ID: "to warm up", System: q.prompt.System, Text: "Good morning."}}); err != nil {
				return err
			}
			warm = true
		}
		answer, err := r.ask(ctx, q)
		if err != nil {
			return err
		}
		if err := corpus.WriteRecording(f, answer); err != nil {
			return fmt.Errorf("cannot keep recordings: %w", err)
		}
		if done++; r.Told != nil {
			r.Told(done, len(todo))
		}
	}
	return f.Sync()
}

// resume reads what a file holds and leaves it at its end. A last line that was
// cut off is taken away.
func (r Recorder) resume(f *os.File, path string) (map[question]bool, error) {
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read recordings: %w", err)
	}
	there := make(map[question]bool)
	if len(text) == 0 {
		return there, corpus.WriteHead(f, r.About)
	}
	// Nothing is changed before it is known to be ours.
	whole := bytes.LastIndexByte(text, '\n') + 1
	about, recordings, err := corpus.Read(bytes.NewReader(text[:whole]))
	if err != nil {
		return nil, err
	}
	about.Recorded, about.Note = r.About.Recorded, r.About.Note
	if !reflect.DeepEqual(about, r.About) {
		return nil, &FileOfOthersError{path}
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return nil, fmt.Errorf("cannot keep recordings: %w", err)
	}
	if _, err := f.Seek(int64(whole), io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot keep recordings: %w", err)
	}
	for _, a := range recordings {
		there[question{prompt: corpus.Prompt{ID: a.Prompt}, seed: a.Seed}] = true
	}
	return there, nil
}

// question is a prompt and the seed that its answer is drawn with.
type question struct {
	prompt corpus.Prompt
	seed   uint64
}

// key is what the file knows a question by.
func (q question) key() question { return question{corpus.Prompt{ID: q.prompt.ID}, q.seed} }

// questions are all rounds, each in its own order. Each prompt has seeds of its
// own: with one for all, answers would begin alike.
func (r Recorder) questions(prompts []corpus.Prompt) (out []question) {
	for round := range max(1, r.Rounds) {
		for _, i := range rand.New(rand.NewPCG(uint64(round), 13)).Perm(len(prompts)) {
			h := fnv.New32a()
			fmt.Fprintf(h, "%s/%d", prompts[i].ID, round)
			out = append(out, question{prompts[i], uint64(h.Sum32())})
		}
	}
	return out
}

func (r Recorder) ask(ctx context.Context, q question) (a corpus.Recording, err error) {
	a = corpus.Recording{Prompt: q.prompt.ID, Seed: q.seed}
	p := r.Prompt
	p.Messages, p.Text = nil, ""
	if q.prompt.System != "" {
		p.Messages = append(p.Messages, engine.Message{Role: engine.System, Content: q.prompt.System})
	}
	p.Messages = append(p.Messages, engine.Message{Role: engine.User, Content: q.prompt.Text})
	p.Options.MaxTokens, p.Options.Temperature, p.Options.Seed = r.About.MaxTokens, &r.About.Temperature, new(int64(q.seed))
	p.Options.LogProbs = 1 // they tell where one token ends and the next begins
	began, last := time.Now(), time.Duration(0)
	for d, err := range r.Engine.Generate(ctx, p) {
		if err != nil {
			return a, fmt.Errorf("prompt %s was not answered: %w", q.prompt.ID, err)
		}
		at := time.Since(began)
		if d.Text != "" {
			a.Pieces = append(a.Pieces, tokens(d, last, at)...)
			last = at
		}
		if d.Finish != "" {
			a.PromptTokens, a.Stopped, a.Truncated = d.Usage.PromptTokens, at, d.Finish == engine.Length
		}
	}
	if a.PromptTokens == 0 {
		return a, fmt.Errorf("prompt %s was not answered to its end", q.prompt.ID)
	}
	return a, nil
}

// tokens divides what came at one moment into the tokens that it is of. An engine
// that is fast sends several at once, one that is slow each by itself: there an
// observer sees most, so that is what is kept. They came since the last piece;
// when exactly is not known, so they are spread evenly over that time.
func tokens(d engine.Delta, last, at time.Duration) []corpus.Piece {
	var out []corpus.Piece
	rest := d.Text
	for _, l := range d.LogProbs {
		n := len(l.Bytes)
		if n == 0 || !strings.HasPrefix(rest, string(l.Bytes)) || !utf8.ValidString(rest[:n]) {
			// Of a character in several tokens only the last one is listed.
			if _, n = utf8.DecodeRuneInString(rest); len(l.Bytes) == 0 || !strings.HasSuffix(rest[:n], string(l.Bytes)) {
				break
			}
		}
		out, rest = append(out, corpus.Piece{Text: rest[:n]}), rest[n:]
	}
	if rest != "" {
		out = append(out, corpus.Piece{Text: rest})
	}
	if last == 0 { // what came before the first piece is the time that the prompt took
		last = at
	}
	for i := range out {
		out[i].At = last + (at-last)*time.Duration(i+1)/time.Duration(len(out))
	}
	return out
}
