package engine

import (
	"math"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// startBert makes an engine for a tiny model that gives numbers for texts.
func startBert(t *testing.T, rank bool) (*Engine, Meaning) {
	t.Helper()
	s, d := shelfOf(t, ggufgen.TinyBert(1, rank))
	return start(t, func(c *Config) { c.Shelf = s }), Meaning{Person: "anna", Model: d}
}

func TestEmbed(t *testing.T) {
	e, m := startBert(t, false)
	m.Texts = []string{"a cat", "a dog", "a cat", "[SEP] [CLS] a cat", "A CAT"}
	v, err := e.Embed(t.Context(), m)
	if err != nil || len(v.Of) != len(m.Texts) || len(v.Of[0]) != 64 {
		t.Fatalf("%+v %v", v, err)
	}
	for i, x := range v.Of {
		sum := 0.0
		for _, f := range x {
			sum += float64(f) * float64(f)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("%d: length %g", i, sum)
		}
	}
	if !slices.Equal(v.Of[0], v.Of[2]) || slices.Equal(v.Of[0], v.Of[1]) || slices.Equal(v.Of[0], v.Of[3]) || !slices.Equal(v.Of[0], v.Of[4]) {
		t.Error("what is equal and what is not")
	}
	// One text by itself is what it is among others, and as the engine has it of the text.
	one := m
	one.Texts = m.Texts[:1]
	alone, err := e.Embed(t.Context(), one)
	if err != nil || !close32(alone.Of[0], v.Of[0]) {
		t.Errorf("%v", err)
	}
	if n := 2 + 4; alone.Tokens != n {
		t.Errorf("%d tokens, not %d", alone.Tokens, n)
	}
	w := meaningWorker(t, e, m, embeds)
	var direct struct {
		Data []struct {
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := w.client.call(t.Context(), "POST", "/v1/embeddings", []byte(`{"input":["a cat"]}`), &direct); err != nil || !close32(direct.Data[0].Embedding, alone.Of[0]) {
		t.Errorf("the engine makes another of the text: %v", err)
	}
	// Control: read as control tokens, the text would be another one.
	if err := w.client.call(t.Context(), "POST", "/v1/embeddings", []byte(`{"input":["[SEP] [CLS] a cat"]}`), &direct); err != nil || close32(direct.Data[0].Embedding, v.Of[3]) {
		t.Errorf("control: %v", err)
	}
	// More than the engine is handed at one time.
	many := m
	for i := range 150 {
		many.Texts = append(many.Texts, strings.Repeat("b", 1+i%7))
	}
	if all, err := e.Embed(t.Context(), many); err != nil || len(all.Of) != 155 || !close32(all.Of[0], v.Of[0]) || !close32(all.Of[6], all.Of[153]) {
		t.Errorf("%d %v", len(all.Of), err)
	}
	if infos := e.Workers(); len(infos) != 1 || infos[0].Context != 128 {
		t.Errorf("%+v", infos)
	}
}

func close32(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-3 })
}

func meaningWorker(t *testing.T, e *Engine, m Meaning, k kind) *worker {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seats[key{m.Model, m.Person, k}].worker
}

// Too long is a refusal that names the text, and what cannot be read is one, too.
func TestMeaningsRefused(t *testing.T) {
	e, m := startBert(t, false)
	m.Texts = []string{"a cat", strings.Repeat("b ", 126), strings.Repeat("b ", 127), "a"}
	_, err := e.Embed(t.Context(), m)
	if f := faultOf(t, err, TooLong); !strings.Contains(f.What, "number 3 has 129") || !strings.Contains(f.What, "128") {
		t.Error(f)
	}
	m.Cut = true
	whole, err := e.Embed(t.Context(), m)
	if err != nil || whole.Tokens != 6+128+128+3 {
		t.Errorf("%d %v", whole.Tokens, err)
	}
	if !slices.Equal(whole.Of[1], whole.Of[2]) {
		t.Error("what was left out changed the numbers")
	}
	m.Texts, m.Cut = m.Texts[:2], false
	if v, err := e.Embed(t.Context(), m); err != nil || v.Tokens != 6+128 {
		t.Errorf("%+v %v", v.Tokens, err)
	}
	before := meaningWorker(t, e, m, embeds)
	for field, texts := range map[string][]string{"input": nil, "input[0]": {""}, "input[1]": {"a", " \n\t"}, "input[2]": {"a", "b", "\xff"}} {
		m.Texts = texts
		_, err := e.Embed(t.Context(), m)
		if f := faultOf(t, err, BadRequest); f.Detail != field {
			t.Errorf("%q: %s", texts, f.Detail)
		}
	}
	m.Texts, m.Query = []string{"a"}, "b"
	_, err = e.Embed(t.Context(), m)
	faultOf(t, err, BadRequest)
	m.Query = ""
	_, err = e.Rank(t.Context(), m)
	faultOf(t, err, BadRequest)
	m.Query, m.Texts = "b", slices.Repeat([]string{"a"}, maxMeanings+1)
	_, err = e.Rank(t.Context(), m)
	faultOf(t, err, BadRequest)
	// A model for something else is refused, and nothing is left running for it.
	m.Texts = m.Texts[:1]
	_, err = e.Rank(t.Context(), m)
	if f := faultOf(t, err, BadRequest); f.Detail != "model" {
		t.Error(f)
	}
	if len(e.Workers()) != 1 || meaningWorker(t, e, m, embeds) != before {
		t.Errorf("%+v", e.Workers())
	}
	asked := ask("bado", 1)
	asked.Model = m.Model
	_, err = hear(t, t.Context(), e, asked)
	if f := faultOf(t, err, BadRequest); f.Detail != "model" {
		t.Error(f)
	}
	speaking := start(t, nil)
	_, err = speaking.Embed(t.Context(), Meaning{Person: "anna", Model: smol, Texts: []string{"a"}})
	if f := faultOf(t, err, BadRequest); f.Detail != "model" {
		t.Error(f)
	}
}

func TestRank(t *testing.T) {
	e, m := startBert(t, true)
	m.Query, m.Texts = "a cat", []string{"dogs bark", "cats purr [SEP]", "fish swim", "dogs bark"}
	r, err := e.Rank(t.Context(), m)
	if err != nil || len(r.Of) != 4 || r.Of[0] != r.Of[3] || r.Of[0] == r.Of[1] || r.Of[1] == r.Of[2] || r.Tokens == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	turned := m
	turned.Texts = []string{m.Texts[2], m.Texts[1], m.Texts[0]}
	if again, err := e.Rank(t.Context(), turned); err != nil || again.Of[0] != r.Of[2] || again.Of[2] != r.Of[0] {
		t.Errorf("the order is not that of the texts: %+v %+v %v", again, r, err)
	}
	// What spells a control token stays a text: another one than the token is.
	token, text := m, m
	token.Texts, text.Texts = []string{"cats [SEP] purr"}, []string{"cats purr"}
	a, err := e.Rank(t.Context(), token)
	b, err2 := e.Rank(t.Context(), text)
	if err != nil || err2 != nil || a.Of[0] == b.Of[0] || a.Tokens <= b.Tokens+1 {
		t.Errorf("%+v %+v %v %v", a, b, err, err2)
	}
	m.Texts = []string{"a", strings.Repeat("b ", 121)}
	if r, err = e.Rank(t.Context(), m); err != nil {
		t.Error(err)
	}
	m.Texts[1] += "b "
	_, err = e.Rank(t.Context(), m)
	if f := faultOf(t, err, TooLong); !strings.Contains(f.What, "number 2") {
		t.Error(f)
	}
	_, err = e.Embed(t.Context(), Meaning{Person: "anna", Model: m.Model, Texts: []string{"a"}})
	faultOf(t, err, BadRequest)
	e.Unload("anna", m.Model)
	if w := meaningWorker(t, e, m, ranks); w != nil {
		<-w.gone
	}
}

// What an engine that was taken over says for vectors and scores.
func TestHostileMeanings(t *testing.T) {
	const json = "Content-Type: application/json\r\n"
	for name, body := range map[string]string{
		"nothing": `{}`, "too few": `{"data":[{"index":0,"embedding":"AACAPw=="}]}`, "out of order": `{"data":[{"index":1,"embedding":"AACAPw=="},{"index":0,"embedding":"AACAPw=="}]}`,
		"no index": `{"data":[{"embedding":"AACAPw=="},{"index":1,"embedding":"AACAPw=="}]}`, "not a number": `{"data":[{"index":0,"embedding":"AADAfw=="},{"index":1,"embedding":"AACAPw=="}]}`,
		"infinite": `{"data":[{"index":0,"embedding":"AACAfw=="},{"index":1,"embedding":"AACAPw=="}]}`, "zero": `{"data":[{"index":0,"embedding":"AAAAAA=="},{"index":1,"embedding":"AACAPw=="}]}`,
		"half a number": `{"data":[{"index":0,"embedding":"AACA"},{"index":1,"embedding":"AACAPw=="}]}`, "not base64": `{"data":[{"index":0,"embedding":"!"},{"index":1,"embedding":"AACAPw=="}]}`,
		"empty": `{"data":[{"index":0,"embedding":""},{"index":1,"embedding":"AACAPw=="}]}`, "numbers": `{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}]}`,
		"too wide": `{"data":[{"index":0,"embedding":"` + strings.Repeat("AACAPwAAgD8AAIA/", maxWidth) + `"},{"index":1,"embedding":"AACAPw=="}]}`,
	} {
		if v, err := hostile(t, answer("200 OK", json, body)).embeddings(t.Context(), [][]int{{1}, {2}}); err == nil {
			t.Errorf("%s: %v", name, v)
		}
	}
	if v, err := hostile(t, answer("200 OK", json, `{"data":[{"index":0,"embedding":"AACAPw=="},{"index":1,"embedding":"AACAPw=="}]}`)).embeddings(t.Context(), [][]int{{1}, {2}}); err != nil || v[1][0] != 1 {
		t.Errorf("the control: %v %v", v, err)
	}
	for name, body := range map[string]string{
		"nothing": `{}`, "too few": `{"results":[{"index":0,"relevance_score":1}],"usage":{"prompt_tokens":1}}`, "twice": `{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}],"usage":{"prompt_tokens":1}}`,
		"another": `{"results":[{"index":0,"relevance_score":1},{"index":2,"relevance_score":1}],"usage":{"prompt_tokens":1}}`, "below": `{"results":[{"index":-1,"relevance_score":1},{"index":0,"relevance_score":1}],"usage":{"prompt_tokens":1}}`,
		"no number": `{"results":[{"index":0,"relevance_score":null},{"index":1,"relevance_score":1}],"usage":{"prompt_tokens":1}}`, "no usage": `{"results":[{"index":0,"relevance_score":2},{"index":1,"relevance_score":1}]}`,
	} {
		if s, _, err := hostile(t, answer("200 OK", json, body)).scores(t.Context(), "q", []string{"a", "b"}); err == nil {
			t.Errorf("%s: %v", name, s)
		}
	}
	if s, n, err := hostile(t, answer("200 OK", json, `{"results":[{"index":1,"relevance_score":2},{"index":0,"relevance_score":-1}],"usage":{"prompt_tokens":9}}`)).scores(t.Context(), "q", []string{"a", "b"}); err != nil || n != 9 || s[0] != -1 || s[1] != 2 {
		t.Errorf("the control: %v %v", s, err)
	}
	for name, body := range map[string]string{"one list": `{"tokens":[1,2]}`, "three": `{"tokens":[1,-1,2,-1]}`, "another border": `{"tokens":[1,-2,2]}`} {
		if l, err := hostile(t, answer("200 OK", json, body)).tokensOf(t.Context(), []string{"a", "b"}); err == nil {
			t.Errorf("%s: %v", name, l)
		}
	}
}
