package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// toolTemplate is one that knows tools, as those of a wide-spread family do.
const toolTemplate = "{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n<tools>' }}{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}{{- '\\n</tools><|im_end|>\\n' }}{%- endif %}" +
	"{%- for message in messages %}{%- if message.role == 'assistant' and message.tool_calls %}{{- '<|im_start|>assistant' }}{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}" +
	"{%- for tool_call in message.tool_calls %}{%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}" +
	"{{- '\\n<tool_call>\\n{\"name\": \"' }}{{- tool_call.name }}{{- '\", \"arguments\": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\\n' }}" +
	"{%- elif message.role == 'tool' %}{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}" +
	"{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}" +
	"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"

// withToolTemplate gives a tiny model that template, and the wish to call: its
// word for that is a token that it prefers to all others. Its vocabulary puts no
// blank in front of a text, else the engine cannot hold its own prompt against
// its grammar.
func withToolTemplate(f *ggufgen.File) {
	f.Set("tokenizer.chat_template", toolTemplate)
	f.Set("tokenizer.ggml.add_space_prefix", false)
	tokens, types := f.Value("tokenizer.ggml.tokens").([]string), f.Value("tokenizer.ggml.token_type").([]int32)
	output := f.Tensor("output.weight")
	for i, word := range []string{"<tool_call>\n{\"name\": \"", "<tool_call>", "</tool_call>"} {
		at := len(tokens) - 1 - i
		tokens[at], types[at] = word, 4 // user defined
	}
	prefer := func(token int, half uint16) {
		binary.LittleEndian.PutUint16(output.Data[2*token*int(output.Shape[0]):], half)
	}
	prefer(len(tokens)-1, 0x4000)             // 2, where words have 1
	prefer(4, 0x3e00)                         // the end: 1.5
	prefer(slices.Index(tokens, "▁"), 0xc000) // blanks, which the grammar allows without end: -2
}

var weather = Tool{Name: "get_weather", Description: "The weather of a city", Parameters: []byte(
	`{"type":"object","properties":{"city":{"type":"string","enum":["Paris","Rome"]},"unit":{"type":"string","enum":["C","F"]}},"required":["city","unit"],"additionalProperties":false}`)}

var clock = Tool{Name: "clock", Parameters: []byte(`{"type":"object","properties":{"zone":{"type":"integer","minimum":0,"maximum":9}},"required":["zone"]}`)}

// said is a whole answer put together.
type said struct {
	text, reasoning string
	calls           []Call
	probs           []LogProb
	last            Delta
}

// hear puts an answer together, and holds it against what engine.Delta promises.
func hear(t testing.TB, ctx context.Context, e *Engine, p Prompt) (s said, err error) {
	t.Helper()
	for d, err := range e.Generate(ctx, p) {
		if err != nil {
			return s, err
		}
		s.text, s.reasoning, s.probs = s.text+d.Text, s.reasoning+d.Reasoning, append(s.probs, d.LogProbs...)
		for _, c := range d.Calls {
			switch {
			case c.Index == len(s.calls) && c.ID != "" && c.Name != "":
				s.calls = append(s.calls, Call{ID: c.ID, Name: c.Name})
			case c.Index != len(s.calls)-1 || c.ID != "" || c.Name != "":
				t.Fatalf("%+v after %d calls", c, len(s.calls))
			}
			s.calls[c.Index].Arguments += c.Arguments
		}
		if d.Finish != "" {
			s.last = d
		}
	}
	if s.last.Finish == Called {
		for _, c := range s.calls {
			var v map[string]any
			if json.Unmarshal([]byte(c.Arguments), &v) != nil || v == nil {
				t.Errorf("%s: no object: %q", c.Name, c.Arguments)
			}
		}
	}
	return s, nil
}

// engines are one whose template knows tools and one whose does not.
func engines(t *testing.T) map[string]func() (*Engine, func(string, int) Prompt) {
	return map[string]func() (*Engine, func(string, int) Prompt){
		"its template knows tools": func() (*Engine, func(string, int) Prompt) {
			return startTiny(t, withToolTemplate, func(c *Config) { c.ContextTokens = 2048 })
		},
		"its template does not": func() (*Engine, func(string, int) Prompt) { return start(t, nil), ask },
	}
}

func TestToolsAreCalled(t *testing.T) {
	for name, make := range engines(t) {
		t.Run(name, func(t *testing.T) {
			e, ask := make()
			p := ask("What is the weather in Paris?", 200)
			p.Options.Tools, p.Options.ToolChoice, p.Options.OneCall = []Tool{weather, clock}, MustCall, true
			s, err := hear(t, t.Context(), e, p)
			if err != nil || s.last.Finish != Called || len(s.calls) != 1 {
				t.Fatalf("%+v %v", s, err)
			}
			for _, only := range []Tool{weather, clock} {
				p.Options.OnlyTool = only.Name
				s, err = hear(t, t.Context(), e, p)
				if err != nil || s.last.Finish != Called || len(s.calls) != 1 || s.calls[0].Name != only.Name || len(s.calls[0].ID) != callIDLength {
					t.Fatalf("%s: %+v %v", only.Name, s, err)
				}
			}
			p.Options.OnlyTool = weather.Name
			if s, err = hear(t, t.Context(), e, p); err != nil || !strings.Contains(s.calls[0].Arguments, `"city"`) {
				t.Fatalf("%+v %v", s, err)
			}

			// Sent back with what the tool gave, the conversation goes on.
			p.Messages = append(p.Messages, Message{Role: Assistant, Reasoning: "It needs the weather.", Calls: []Call{s.calls[0], {ID: "call-of a program", Name: "clock", Arguments: `{"zone": 1}`}}},
				Message{Role: FromTool, CallID: s.calls[0].ID, Content: "Sunny, 21 degrees."}, Message{Role: FromTool, CallID: "call-of a program", Content: "noon"})
			p.Options.ToolChoice, p.Options.OnlyTool, p.Options.MaxTokens = NoCall, "", 12
			if s, err = hear(t, t.Context(), e, p); err != nil || len(s.calls) > 0 || s.last.Usage.PromptTokens == 0 {
				t.Errorf("%+v %v", s, err)
			}
			p.Options.Tools = nil
			if s, err = hear(t, t.Context(), e, p); err != nil || s.last.Usage.AnswerTokens == 0 {
				t.Errorf("%+v %v", s, err)
			}
			// A call that does not come to its end is no call that could be run.
			p = ask("What is the weather in Paris?", 6)
			p.Options.Tools, p.Options.ToolChoice = []Tool{weather}, MustCall
			if s, err = hear(t, t.Context(), e, p); err != nil || s.last.Finish != Length {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
}

// The model is free to speak or to call.
func TestToolsMayBeCalled(t *testing.T) {
	for name, make := range engines(t) {
		t.Run(name, func(t *testing.T) {
			e, ask := make()
			p := ask("Say hello.", 60)
			p.Options.Tools = []Tool{weather}
			s, err := hear(t, t.Context(), e, p)
			if err != nil || s.last.Usage.AnswerTokens == 0 {
				t.Fatalf("%+v %v", s, err)
			}
		})
	}
}
