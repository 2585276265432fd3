package engine

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// With tools that may be called and a schema, an answer is calls, or what the
// schema says, whatever the template knows; where a tool must be called, it is.
func TestToolsBesideASchema(t *testing.T) {
	schema := []byte(`{"type":"object","properties":{"city":{"$ref":"#/$defs/City"},"more":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["city"],"additionalProperties":false,"$defs":{"City":{"enum":["Paris","Rome"]}}}`)
	for name, make := range engines(t) {
		t.Run(name, func(t *testing.T) {
			e, ask := make()
			p := ask("Which city is it?", 120)
			p.Options.Tools, p.Options.JSONSchema, p.Options.OneCall = []Tool{weather}, schema, true
			s, err := hear(t, t.Context(), e, p)
			if err != nil || s.last.Usage.AnswerTokens == 0 {
				t.Fatalf("%+v %v", s, err)
			}
			var v struct{ City string }
			if s.last.Finish == Stopped && (json.Unmarshal([]byte(s.text), &v) != nil || v.City != "Paris" && v.City != "Rome") {
				t.Errorf("neither calls nor the schema: %q", s.text)
			}
			p.Options.JSONSchema, p.Options.JSONObject, p.Options.MaxTokens = nil, true, 16
			if s, err = hear(t, t.Context(), e, p); err != nil {
				t.Errorf("%+v %v", s, err)
			}
			p.Options.JSONSchema, p.Options.ToolChoice, p.Options.MaxTokens = schema, MustCall, 200
			if s, err = hear(t, t.Context(), e, p); err != nil || s.last.Finish != Called || len(s.calls) != 1 {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
}

func TestFormedAnswers(t *testing.T) {
	for _, c := range []struct {
		pieces []string
		text   string
		finish Finish
	}{
		{[]string{`{"resp`, `onse":{"a":"}`, `\"{`, `"}}`}, `{"a":"}\"{"}`, Stopped},
		{[]string{`{"response": `, `[1,{}]`, ` }`}, `[1,{}] `, Stopped},
		{[]string{`{"response":"`, `x}"`, `}`}, `"x}"`, Stopped},
		{[]string{`{"response":4`, `2}`}, `42`, Stopped},
		{[]string{`{"response":null}`, ` `}, `null`, Stopped},
		{[]string{`{"response":{"a":[`}, `{"a":[`, Length},
		{[]string{`{"tool_calls":[{"name":"a","arguments":{}}]}`}, ``, Called},
		{[]string{`{"response":{"a":[`}, ``, ""},
		{[]string{`"response"`}, ``, ""},
	} {
		var events strings.Builder
		for _, p := range c.pieces {
			events.WriteString(event(`{"content":`+strconv.Quote(p)+`}`, "null"))
		}
		why := `"stop"`
		if c.finish == Length {
			why = `"length"`
		}
		events.WriteString(event(`{}`, why) + usage + done)
		g := &generic{from: newStream(iotest.OneByteReader(strings.NewReader(events.String())), 64, Prompt{}), tools: []string{"a"}, formed: true}
		text, finish := "", Finish("")
		for {
			step, err := g.next()
			if err != nil {
				text = ""
				break
			}
			if text += step.piece.Text; step.done {
				finish = step.piece.Finish
				break
			}
		}
		if text != c.text || finish != c.finish {
			t.Errorf("%q: %q %s", c.pieces, text, finish)
		}
	}
}
