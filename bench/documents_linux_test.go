package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"abaton.local/internal/pdfgen"
)

// BenchmarkDrop hands a PDF of 100 full pages to the built program, as its page does,
// and looks until a search finds the last of them. Promise: within 2 seconds.
func BenchmarkDrop(b *testing.B) {
	where := newHome(b)
	p := people(b, where, serveIn(b, where), 1)[0]
	report := pdfgen.Report(100)
	p.drop(b, "first", "report.pdf", report) // compiles what PDF is read by
	var took []float64
	for b.Loop() {
		for i := range rounds(20) {
			library := fmt.Sprint("reports ", len(took), i)
			begin := time.Now()
			p.drop(b, library, "report.pdf", report)
			for !p.finds(b, library, "Section 100: what was agreed", 100) {
			}
			took = append(took, time.Since(begin).Seconds())
		}
	}
	b.Logf("MEASURED from the drop of %d pages (%d KB) to a search that finds the last: %s, at 95 %% %.3g s; at most 2 s", 100, len(report)>>10, spread(took, "s"), quantile(took, 0.95))
	b.ReportMetric(median(took), "s-to-found")
	b.ReportMetric(quantile(took, 0.95), "s-to-found-p95")
}

// BenchmarkEmbedding has documents embedded behind everything else by a real model in
// its worker, nobody asking, and then embeds questions. Promise: 5 passages a second.
func BenchmarkEmbedding(b *testing.B) {
	where := embeddingHome(b)
	p := people(b, where, serveIn(b, where, "--embed", "minilm"), 1)[0]
	var speed, question []float64
	for b.Loop() {
		for i := range rounds(4) {
			library := fmt.Sprint("letters ", len(speed), i)
			passages := p.drop(b, library, "letters.txt", letters(len(speed), max(48, rounds(160))))
			p.embedded(b, library, 1) // the worker is there
			begin, from := time.Now(), p.meanings(b, library)
			p.embedded(b, library, passages)
			speed = append(speed, float64(passages-from)/time.Since(begin).Seconds())
		}
		for i := range rounds(200) {
			begin := time.Now()
			var got struct {
				Data []struct{ Embedding []float32 }
			}
			p.call(b, "/v1/embeddings", map[string]any{"model": "minilm", "input": fmt.Sprintf("What is the notice period of flat %d in the old house?", i)}, &got)
			if i > 0 { // the first starts the worker
				question = append(question, float64(time.Since(begin).Microseconds())/1000)
			}
		}
	}
	b.Logf("MEASURED passages embedded per second, nobody asking: %s; at least 5", spread(speed, "/s"))
	b.Logf("MEASURED a question's vector by a warm worker: %s, at 95 %% %.3g ms", spread(question, "ms"), quantile(question, 0.95))
	b.ReportMetric(median(speed), "passages/s")
	b.ReportMetric(quantile(question, 0.95), "ms-question-p95")
}

// BenchmarkBehind compares how fast somebody's answer comes while documents of another
// person wait to be embedded with how fast it comes while there is nothing to do, in
// turns. Promise: at least 0.90.
func BenchmarkBehind(b *testing.B) {
	tokens := length(160)
	where := embeddingHome(b)
	two := people(b, where, serveIn(b, where, "--embed", "minilm"), 2)
	asks, keeps := two[0], two[1]
	asks.ask(b, "hello", 8) // their worker
	keeps.embedded(b, "warm", keeps.drop(b, "warm", "letters.txt", letters(-1, 8)))
	var beside, alone, first, firstAlone []float64
	for b.Loop() {
		for i := range rounds(12) {
			library := fmt.Sprint("letters ", len(beside), i)
			prompt := fmt.Sprintf("(%d) %s", i, story)
			passages := keeps.drop(b, library, "letters.txt", letters(len(beside), max(32, rounds(64))))
			keeps.embedded(b, library, 1) // it is at work
			with := asks.ask(b, prompt, tokens)
			if n := keeps.meanings(b, library); n >= passages {
				b.Fatalf("all %d passages were embedded while somebody was answered: nothing was waiting", n)
			}
			keeps.embedded(b, library, passages)
			without := asks.ask(b, prompt, tokens)
			beside, alone = append(beside, with.speed()), append(alone, without.speed())
			first, firstAlone = append(first, with.first.Seconds()*1000), append(firstAlone, without.first.Seconds()*1000)
		}
	}
	ratio := ratios(beside, alone)
	b.Logf("MEASURED tokens/s of a chat while documents wait to be embedded, against none: %s; at least 0.90 (%.3g against %.3g)", spread(ratio, ""), median(beside), median(alone))
	b.Logf("MEASURED its first token, later by: %s", spread(less(first, firstAlone), "ms"))
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(median(less(first, firstAlone)), "ms-later")
}

// embeddingHome is an installation that has the embedding model of the tests, too.
func embeddingHome(b *testing.B) string {
	b.Helper()
	where := newHome(b)
	model, err := os.ReadFile(filepath.Join(home(b), "cache", "minilm", "minilm.gguf"))
	must(b, err)
	file := filepath.Join(where, "minilm.gguf")
	must(b, os.WriteFile(file, model, 0o644))
	pull(b, where, file)
	return where
}

// letters is a text of so many passages about, another one for each number.
func letters(number, passages int) []byte {
	var text strings.Builder
	for i := range passages {
		fmt.Fprintf(&text, "# Letter %d of bundle %d\n\n", i, number)
		for n := range 8 {
			fmt.Fprintf(&text, "The tenant of house %d wrote that the lamp on floor %d had been repaired, and asked when the court would be swept again. ", (i*7+n)%90, n)
		}
		text.WriteString("\n\n")
	}
	return []byte(text.String())
}

// drop adds a file, in pieces as the page sends it, and gives the number of its
// passages.
func (s *side) drop(b *testing.B, library, name string, data []byte) (passages int) {
	b.Helper()
	const most = 4 << 20
	for at := 0; ; at += most {
		piece := data[at:min(at+most, len(data))]
		r, err := s.post(b.Context(), "/abaton/do/docs/add", map[string]any{"library": library, "path": "/" + library + "/" + name, "name": name, "size": len(data), "upload": library, "at": at, "data": piece})
		must(b, err)
		if r.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
			b.Fatalf("adding: %s: %s", r.Status, text)
		}
		var out *struct {
			Outcome *struct {
				Verdict, Why string
				Document     struct{ Passages int }
			}
		}
		for lines := json.NewDecoder(r.Body); out == nil; {
			line := struct{ Out any }{&out}
			must(b, lines.Decode(&line))
		}
		_ = r.Body.Close()
		switch x := out.Outcome; {
		case x == nil && at+most < len(data):
		case x == nil || x.Verdict != "added":
			b.Fatalf("adding %s: %+v", name, out.Outcome)
		default:
			return x.Document.Passages
		}
	}
}

// finds looks for words in a library, and tells whether they lead to a page.
func (s *side) finds(b *testing.B, library, words string, page int) bool {
	b.Helper()
	var out struct{ Passages []struct{ Page int } }
	s.call(b, "/abaton/do/docs/search", map[string]any{"query": words, "library": library, "most": 5}, &out)
	for _, p := range out.Passages {
		if p.Page == page {
			return true
		}
	}
	return false
}

// meanings is how many passages of a library are embedded.
func (s *side) meanings(b *testing.B, library string) int {
	b.Helper()
	var out struct {
		Libraries []struct {
			Name     string
			Meanings int
		}
	}
	s.call(b, "/abaton/do/docs/list", strconv.Quote(library), &out)
	for _, l := range out.Libraries {
		if l.Name == library {
			return l.Meanings
		}
	}
	return 0
}

// embedded waits until so many are.
func (s *side) embedded(b *testing.B, library string, n int) {
	b.Helper()
	for start := time.Now(); s.meanings(b, library) < n; time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 5*time.Minute {
			b.Fatalf("%d of %d passages are embedded", s.meanings(b, library), n)
		}
	}
}
