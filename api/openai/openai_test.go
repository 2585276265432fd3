package openai

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/internal/transcript"
)

var outs = []string{"ask.json", "problem.json", "response.json", "response.sse", "stored.json", "items.json"}

func head(id string) Answer {
	return Answer{ID: id, Created: time.Unix(1764000000, 0), System: func(model string) string { return "fp_of_" + model }}
}

// encoders are those of one request: of a stream, or of a whole answer.
type encoders struct {
	frames  func(chat.Event) []byte
	failure func(wire.Problem) []byte
	add     func(chat.Event)
	encode  func() []byte
	stored  func() Stored
}

func TestChatTranscripts(t *testing.T) {
	play(t, "chat", func(body []byte) (any, bool, encoders, error) {
		req, err := DecodeChat(body)
		a := head("chatcmpl-TRANSCRIPT")
		s, w := NewChatStream(a, req), NewChatWhole(a, req)
		return req, req.Stream, encoders{s.Frames, s.Failure, w.Add, w.Encode, nil}, err
	})
}

func TestCompletionTranscripts(t *testing.T) {
	play(t, "completions", func(body []byte) (any, bool, encoders, error) {
		req, err := DecodeCompletion(body)
		a := head("cmpl-TRANSCRIPT")
		s, w := NewCompletionStream(a, req), NewCompletionWhole(a, req)
		return req, req.Stream, encoders{s.Frames, s.Failure, w.Add, w.Encode, nil}, err
	})
}

func TestResponseTranscripts(t *testing.T) {
	play(t, "responses", func(body []byte) (any, bool, encoders, error) {
		req, err := DecodeResponse(body)
		a := head("resp_TRANSCRIPT")
		s, w := NewResponseStream(a, req), NewResponseWhole(a, req)
		e := encoders{frames: s.Frames, failure: s.Failure, add: w.Add, encode: w.Encode}
		if req.Store {
			e.stored = w.Stored
			if req.Stream {
				e.stored = s.Stored
			}
		}
		return req, req.Stream, e, err
	})
}

// line is one of a transcript's events, or a problem in mid-stream.
type line struct {
	Answer          int
	Text, Reasoning string
	Calls           []engine.CallDelta
	Probs           []prob
	Finish          engine.Finish
	In, Out         int
	Problem         string
	Cut             int
	Status          int
}

type prob struct {
	Token string
	Value float64
	Top   []prob
}

func logProbsFrom(list []prob) (out []engine.LogProb) {
	for _, p := range list {
		out = append(out, engine.LogProb{Token: p.Token, Bytes: []byte(p.Token), Value: p.Value, Top: logProbsFrom(p.Top)})
	}
	return out
}

// play runs request.json and, where it decodes, the lines of events.
func play(t *testing.T, endpoint string, decode func([]byte) (req any, stream bool, e encoders, err error)) {
	doc := openAPI(t)
	transcript.Run(t, "testdata/"+endpoint, outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		req, streamed, enc, err := decode(c.In("request.json"))
		if err != nil {
			return refusedAs(t, doc, err)
		}
		out := map[string][]byte{"ask.json": understood(t, req)}
		var stream []byte
		for text := range strings.Lines(string(c.In("events"))) {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			e := chat.Event{Model: "tiny", Answer: l.Answer, Cut: l.Cut, Delta: engine.Delta{
				Text: l.Text, Reasoning: l.Reasoning, Calls: l.Calls, LogProbs: logProbsFrom(l.Probs), Finish: l.Finish,
				Usage: engine.Usage{PromptTokens: l.In, AnswerTokens: l.Out},
			}}
			switch {
			case l.Problem != "":
				stream = append(stream, enc.failure(wire.Problem{Status: max(l.Status, 400), Code: l.Problem, Message: "The engine died. Ask again."})...)
			case streamed:
				stream = append(stream, enc.frames(e)...)
			default:
				enc.add(e)
			}
		}
		if streamed {
			out["response.sse"] = stream
			doc.stream(t, endpoint, stream)
		} else {
			out["response.json"] = enc.encode()
			doc.body(t, endpoint, out["response.json"])
		}
		if enc.stored != nil {
			s := enc.stored()
			out["stored.json"] = s.Encode()
			doc.body(t, "responses", s.Body)
			if out["items.json"], err = s.InputItems(Page{Order: "asc"}); err != nil {
				t.Fatal(err)
			}
			doc.body(t, "items", out["items.json"])
		}
		return out
	})
}

func refusedAs(t testing.TB, doc *document, err error) map[string][]byte {
	t.Helper()
	bad, ok := errors.AsType[*wire.BadRequest](err)
	if !ok {
		t.Fatalf("%T is no *wire.BadRequest", err)
	}
	body := Body(bad.Problem())
	doc.body(t, "error", body)
	return map[string][]byte{"problem.json": body}
}

// understood shows what was understood, without what was left out.
func understood(t testing.TB, req any) []byte {
	b, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if b, err = json.MarshalIndent(pruned(v), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b
}

// unset are the numbers whose 0 says nothing.
var unset = map[string]bool{"MaxTokens": true, "Answers": true, "ContextTokens": true, "LogProbs": true, "Dimensions": true, "Top": true}

func pruned(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = pruned(v[i])
		}
	case map[string]any:
		for name, x := range v {
			switch s, _ := x.(string); {
			case name == "JSONSchema" || name == "Parameters" || name == "Raw":
				raw, _ := base64.StdEncoding.DecodeString(s)
				if v[name] = strings.ToValidUTF8(string(raw), "?"); len(raw) == 0 {
					delete(v, name)
				}
			case x == nil || x == "" || x == false || x == 0.0 && unset[name]:
				delete(v, name)
			default:
				v[name] = pruned(x)
			}
		}
	}
	return v
}

func TestEmbeddingTranscripts(t *testing.T) {
	doc := openAPI(t)
	transcript.Run(t, "testdata/embeddings", outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		req, err := DecodeEmbedding(c.In("request.json"))
		if err != nil {
			return refusedAs(t, doc, err)
		}
		v := engine.Vectors{Tokens: 7}
		for i := range req.Texts {
			v.Of = append(v.Of, []float32{0.6, -0.8, float32(i)})
		}
		body, err := req.Encode("mini", v)
		if err != nil {
			return refusedAs(t, doc, err)
		}
		if !req.Base64 { // the document knows numbers only
			doc.body(t, "embeddings", body)
		}
		return map[string][]byte{"ask.json": understood(t, req), "response.json": body}
	})
}

func TestRerankTranscripts(t *testing.T) {
	doc := openAPI(t)
	transcript.Run(t, "testdata/rerank", outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		req, err := DecodeRerank(c.In("request.json"))
		if err != nil {
			return refusedAs(t, doc, err)
		}
		ranks := engine.Ranks{Of: []float64{-1.5, 3.25, 0.5, 3.25}[:len(req.Texts)], Tokens: 19}
		return map[string][]byte{"ask.json": understood(t, req), "response.json": req.Encode("ranker", ranks)}
	})
}
