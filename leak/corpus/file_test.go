package corpus

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// answers makes recordings as engines give them: text of any kind, times in
// steps, some answers empty.
func answers(n int) (out []Recording) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{" the", "ä", "\n", `"`, "<b>", " 猫", "\u2028", "\x00", "🙂 "}
	for i := range n {
		rec := Recording{Prompt: "p", Seed: uint64(i) << 40, PromptTokens: 30 + i, Truncated: i%3 == 0}
		at := time.Duration(0)
		for range r.IntN(20) {
			at += time.Duration(r.IntN(900)) * Step
			rec.Pieces = append(rec.Pieces, Piece{words[r.IntN(len(words))], at})
		}
		rec.Stopped = at + time.Duration(r.IntN(9))*Step
		out = append(out, rec)
	}
	return out
}

func TestFile(t *testing.T) {
	about := About{Version: "1", Model: "m <&>", Temperature: 0.7, MaxTokens: 160, Note: "n"}
	want := answers(12)
	var packed, lines bytes.Buffer
	if err := Write(&packed, about, want); err != nil {
		t.Fatal(err)
	}
	if err := WriteHead(&lines, about); err != nil {
		t.Fatal(err)
	}
	for _, r := range want {
		if err := WriteRecording(&lines, r); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]*bytes.Buffer{"packed": &packed, "lines": &lines} {
		a, got, err := Read(bytes.NewReader(file.Bytes()))
		if err != nil || a != about || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v and %d answers, %v", name, a, len(got), err)
		}
		// Cut off anywhere, a file never reads as a longer or another one.
		for n := 0; n < file.Len(); n += 7 {
			if a, got, err := Read(bytes.NewReader(file.Bytes()[:n])); err == nil && (a != about || len(got) >= len(want) && file.Bytes()[n] != '\n') {
				t.Fatalf("%s: %d of %d bytes read as %d answers", name, n, file.Len(), len(got))
			}
		}
	}
	// Times are rounded, not cut, and the sum of steps does not drift.
	var b bytes.Buffer
	odd := Recording{Prompt: "p", PromptTokens: 1, Stopped: time.Second}
	for i := range 1000 {
		odd.Pieces = append(odd.Pieces, Piece{"x", time.Duration(i) * 666_666})
	}
	if err := Write(&b, about, []Recording{odd}); err != nil {
		t.Fatal(err)
	}
	_, got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got[0].Pieces {
		if off := (p.At - odd.Pieces[i].At).Abs(); off > Step/2 {
			t.Fatalf("piece %d is off by %v", i, off)
		}
	}
}

func TestUnkeepable(t *testing.T) {
	for name, r := range map[string]Recording{
		"no prompt":      {},
		"time goes back": {Prompt: "p", Pieces: []Piece{{"a", time.Second}, {"b", 0}}, Stopped: time.Minute},
		"stopped early":  {Prompt: "p", Pieces: []Piece{{"a", time.Second}}},
		"empty piece":    {Prompt: "p", Pieces: []Piece{{"", 0}}},
		"half a rune":    {Prompt: "p", Pieces: []Piece{{"\xc3", 0}, {"\xa4", 0}}},
		"for ever":       {Prompt: "p", Stopped: 25 * time.Hour},
		"before it":      {Prompt: "p", Pieces: []Piece{{"a", -time.Second}}},
		"tokens":         {Prompt: "p", PromptTokens: -1},
	} {
		if err := WriteRecording(io.Discard, r); err == nil {
			t.Errorf("%s is kept", name)
		}
	}
}

func TestBadFile(t *testing.T) {
	const top = `{"format":"abaton recordings 1","version":"1","model":"","model_digest":"","engine":"","machine":"","recorded":"","temperature":0,"max_tokens":0}` + "\n"
	const good = `{"prompt":"p","seed":1,"prompt_tokens":3,"text":"ab","bytes":[1,1],"gaps":[5,5],"stopped":11}` + "\n"
	if _, got, err := Read(strings.NewReader(top + good)); err != nil || len(got) != 1 {
		t.Fatalf("%d answers, %v", len(got), err)
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"no head":        good,
		"other format":   strings.Replace(top, "ings 1", "ings 2", 1),
		"unknown field":  top + strings.Replace(good, `"seed"`, `"x":1,"seed"`, 1),
		"unknown above":  strings.Replace(top, `"version"`, `"x":1,"version"`, 1),
		"twice":          top + good + good,
		"two on a line":  top + strings.TrimSpace(good) + good,
		"empty line":     top + "\n" + good,
		"bytes short":    top + strings.Replace(good, "[1,1]", "[1]", 1),
		"bytes of less":  top + strings.Replace(good, "[1,1]", "[1,0]", 1),
		"bytes of more":  top + strings.Replace(good, "[1,1]", "[1,2]", 1),
		"bytes below":    top + strings.Replace(good, "[1,1]", "[3,-1]", 1),
		"text left over": top + strings.Replace(good, `"ab"`, `"abc"`, 1),
		"gap below":      top + strings.Replace(good, "[5,5]", "[5,-5]", 1),
		"gaps overflow":  top + strings.Replace(good, "[5,5]", "[5,9223372036854775807]", 1),
		"stopped early":  top + strings.Replace(good, ":11", ":9", 1),
		"half a rune":    top + strings.Replace(good, `"ab"`, `"ä"`, 1),
		"no UTF-8":       top + strings.Replace(good, `"ab"`, "\"a\xff\"", 1),
		"long line":      top + strings.Repeat(" ", mostLine+1),
		"not packed":     "\x1f\x8bxxxxxxxxxxxxxxxxxx",
	} {
		if a, got, err := Read(strings.NewReader(text)); err == nil || got != nil || a != (About{}) {
			t.Errorf("%s: %d answers, %v", name, len(got), err)
		} else if strings.Contains(err.Error(), "ab") && strings.Contains(err.Error(), `"text"`) {
			t.Errorf("%s: the error tells the text: %v", name, err)
		}
	}
	// A small file that unpacks to more than there may be is not read to its end.
	var bomb bytes.Buffer
	if err := Write(&bomb, About{}, answers(1000)); err != nil {
		t.Fatal(err)
	}
	packed := bomb.Bytes()
	if _, got, err := read(bytes.NewReader(packed), 10<<20); err != nil || len(got) != 1000 {
		t.Errorf("%d answers, %v", len(got), err)
	}
	if e, is := errors.AsType[*FileError](second(read(bytes.NewReader(packed), 1<<16))); !is || !strings.Contains(e.Reason, "too large") && !strings.Contains(e.Reason, "no line") {
		t.Errorf("a file that unpacks to too much: %v", e)
	}
	if _, _, err := Read(iotest{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

func second(_ About, _ []Recording, err error) error { return err }

type iotest struct{}

func (iotest) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzRead: what is read is written and read again as it was.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := WriteHead(&b, About{Version: "1"}); err != nil {
		f.Fatal(err)
	}
	for _, r := range answers(3) {
		if err := WriteRecording(&b, r); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		about, recordings, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, about, recordings); err != nil {
			t.Fatal(err)
		}
		a, r, err := Read(&again)
		if err != nil || a != about || !reflect.DeepEqual(r, recordings) {
			t.Errorf("read again: %v", err)
		}
	})
}
