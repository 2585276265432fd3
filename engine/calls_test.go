package engine

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// callEvent is a piece of a call as the real engine streams it.
func callEvent(index int, name, arguments string) string {
	function := ""
	if name != "" {
		function += `"name":` + strconv.Quote(name) + `,`
	}
	return event(fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":"engine's own","type":"function","function":{%s"arguments":%s}}]}`, index, function, strconv.Quote(arguments)), "null")
}

var callable = Prompt{Options: Options{Tools: []Tool{{Name: "a"}, {Name: "ab"}}}}

// readCalls decodes a whole stream; ids are left out.
func readCalls(s string, p Prompt) (calls []CallDelta, last Delta, err error) {
	r := newStream(strings.NewReader(s), 64, p)
	for {
		step, err := r.next()
		for _, c := range step.piece.Calls {
			if (c.ID == "") != (c.Name == "") || strings.Contains(c.ID, "engine") {
				return nil, last, fmt.Errorf("an id without a name, or the engine's: %+v", c)
			}
			c.ID = ""
			calls = append(calls, c)
		}
		if err != nil || step.done {
			return calls, step.piece, err
		}
	}
}

func TestCallsInStreams(t *testing.T) {
	called := event(`{}`, `"tool_calls"`) + usage + done
	for name, c := range map[string]struct {
		stream string
		want   []CallDelta
	}{
		"in pieces":         {callEvent(0, "a", "") + callEvent(0, "", `{"x`) + callEvent(0, "", `":1}`) + called, []CallDelta{{0, "", "a", ""}, {0, "", "", `{"x`}, {0, "", "", `":1}`}}},
		"at once":           {callEvent(0, "a", "{}") + called, []CallDelta{{0, "", "a", ""}, {0, "", "", "{}"}}},
		"a name that grows": {callEvent(0, "a", "") + callEvent(0, "ab", "") + callEvent(0, "", "{}") + called, []CallDelta{{0, "", "ab", ""}, {0, "", "", "{}"}}},
		"two":               {callEvent(0, "a", "{}") + callEvent(1, "ab", `{"y":2}`) + called, []CallDelta{{0, "", "a", ""}, {0, "", "", "{}"}, {1, "", "ab", ""}, {1, "", "", `{"y":2}`}}},
		"no arguments":      {callEvent(0, "a", "") + callEvent(1, "ab", "") + called, []CallDelta{{0, "", "a", ""}, {0, "", "", "{}"}, {1, "", "ab", ""}, {1, "", "", "{}"}}},
		"cut short":         {callEvent(0, "a", `{"x`) + event(`{}`, `"length"`) + usage + done, []CallDelta{{0, "", "a", ""}, {0, "", "", `{"x`}}},
		"cut in a name":     {callEvent(0, "b", "") + event(`{}`, `"length"`) + usage + done, nil},
		"after text":        {event(`{"reasoning_content":"r"}`, "null") + event(`{"content":"t"}`, "null") + callEvent(0, "a", "{}") + called, []CallDelta{{0, "", "a", ""}, {0, "", "", "{}"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, last, err := readCalls(c.stream, callable); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v %+v %v", got, last, err)
			}
		})
	}
	one := callable
	one.Options.OneCall = true
	got, last, err := readCalls(callEvent(0, "a", "{}")+callEvent(1, "a", "{}")+callEvent(2, "a", "{}")+called, one)
	if err != nil || len(got) != 2 || last.Finish != Called {
		t.Errorf("more than one: %+v %+v %v", got, last, err)
	}
}

// Reasoning, text and calls that came together keep their order.
func TestOrderInDeltas(t *testing.T) {
	r := newStream(strings.NewReader(event(`{"reasoning_content":"r"}`, "null")+event(`{"content":"t"}`, "null")+event(`{"reasoning_content":"s"}`, "null")+callEvent(0, "a", "{}")+event(`{"content":"u"}`, "null")+event(`{}`, `"tool_calls"`)+usage+done), 64, callable)
	var got []string
	for {
		s, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s/%s/%d", s.piece.Reasoning, s.piece.Text, len(s.piece.Calls)))
		if s.done {
			break
		}
	}
	if fmt.Sprint(got) != "[r/t/0 s//0 //2 /u/0 //0]" {
		t.Errorf("%v", got)
	}
}

func TestHostileCalls(t *testing.T) {
	called := event(`{}`, `"tool_calls"`) + usage + done
	var many strings.Builder
	for i := range maxCalls + 1 {
		many.WriteString(callEvent(i, "a", "{}"))
	}
	for name, s := range map[string]string{
		"another tool":          callEvent(0, "rm", "{}") + called,
		"no name":               callEvent(0, "", "{}") + called,
		"half a name":           callEvent(0, "b", "") + called,
		"not an object":         callEvent(0, "a", "[]") + called,
		"not JSON":              callEvent(0, "a", "{") + called,
		"two values":            callEvent(0, "a", "{}{}") + called,
		"first one not JSON":    callEvent(0, "a", "{") + callEvent(1, "a", "{}") + called,
		"too deep":              callEvent(0, "a", strings.Repeat(`{"a":`, 70)+"1"+strings.Repeat("}", 70)) + called,
		"begins at one":         callEvent(1, "a", "{}") + called,
		"goes back":             callEvent(0, "a", "{}") + callEvent(1, "a", "{}") + callEvent(0, "", "{}") + called,
		"leaves one out":        callEvent(0, "a", "{}") + callEvent(2, "a", "{}") + called,
		"below zero":            callEvent(-1, "a", "{}") + called,
		"no index":              event(`{"tool_calls":[{"function":{"name":"a"}}]}`, "null") + called,
		"another name":          callEvent(0, "a", "") + callEvent(0, "x", "") + called,
		"a name that changes":   callEvent(0, "a", "{") + callEvent(0, "ab", "}") + called,
		"calls are an object":   event(`{"tool_calls":{}}`, "null") + called,
		"stopped with a call":   callEvent(0, "a", "{}") + event(`{}`, `"stop"`) + usage + done,
		"called without":        called,
		"too many":              many.String() + called,
		"arguments too long":    callEvent(0, "a", "{") + strings.Repeat(callEvent(0, "", strings.Repeat(" ", 500<<10)), 3),
		"reasoning's type":      event(`{"reasoning_content":1}`, "null"),
		"too much reasoning":    strings.Repeat(event(`{"reasoning_content":"`+strings.Repeat("a", 900<<10)+`"}`, "null"), 20),
		"probabilities unasked": `data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","bytes":[97],"logprob":-1}]}}]}` + "\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readCalls(s, callable)
			if _, ok := errors.AsType[*badReply](err); !ok {
				t.Errorf("%v", err)
			}
		})
	}
	if _, _, err := readCalls(callEvent(0, "a", "{}")+called, Prompt{Options: Options{Tools: callable.Options.Tools, ToolChoice: NoCall}}); err == nil {
		t.Error("a call though none was wanted")
	}
}

func TestHostileProbs(t *testing.T) {
	p := Prompt{Options: Options{LogProbs: 2}}
	with := func(content string) string {
		return `data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":` + content + `}}]}` + "\n\n"
	}
	for name, s := range map[string]string{
		"positive": with(`[{"token":"a","bytes":[97],"logprob":1}]`), "none": with(`[{"token":"a","bytes":[97]}]`), "no byte": with(`[{"token":"a","bytes":[256],"logprob":-1}]`),
		"too many": with(`[` + strings.Repeat(`{"token":"a","bytes":[97],"logprob":-1},`, 20) + `{"token":"a","bytes":[97],"logprob":-1}]`), "a text": with(`"x"`),
		"more others": with(`[{"token":"a","bytes":[97],"logprob":-1,"top_logprobs":[{"token":"a","bytes":[97],"logprob":-1},{"token":"b","bytes":[98],"logprob":-2}]}]`),
		"not finite":  with(`[{"token":"a","bytes":[97],"logprob":1e999}]`),
	} {
		if _, _, err := readCalls(s, p); err == nil || errors.Is(err, errLeft) {
			t.Errorf("%s: %v", name, err)
		} else if _, ok := errors.AsType[*badReply](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := newStream(strings.NewReader(with(`[{"token":"\ufffd","bytes":[240],"logprob":-3.4e38,"top_logprobs":[{"token":"a","bytes":[97],"logprob":0.0000001}]}]`)), 64, p)
	s, err := r.next()
	if err != nil || len(s.piece.LogProbs) != 1 || s.piece.LogProbs[0].Value != leastLogProb || s.piece.LogProbs[0].Top[0].Value != 0 {
		t.Errorf("%+v %v", s, err)
	}
}

// Answers held to the schema of fit, and however they come, the same is read.
func TestGenericAnswers(t *testing.T) {
	length := event(`{}`, `"length"`) + usage + done
	for name, c := range map[string]struct {
		pieces []string
		end    string
		cut    bool
		text   string
		calls  int
		finish Finish
		bad    bool
	}{
		"response":            {[]string{`{"resp`, `onse": "He`, `llo"`, `}`}, "", false, "Hello", 0, Stopped, false},
		"escapes":             {[]string{`{"response":"a\`, `n\u00`, `e9\ud8`, `3d\ude00\"q\" \\`, `"}`}, "", false, "a\né😀\"q\" \\", 0, Stopped, false},
		"half a pair":         {[]string{`{"response":"\ud83d x"}`}, "", false, "\ufffd x", 0, Stopped, false},
		"response cut short":  {[]string{`{"response":"Hel`}, length, false, "Hel", 0, Length, false},
		"cut in its middle":   {[]string{`{"response":"Hel`}, "", false, "", 0, "", true},
		"cut by a stop text":  {[]string{`{"response":"Hel`}, "", true, "Hel", 0, Stopped, false},
		"call":                {[]string{` {"tool_calls": [{"name": "a", "argu`, `ments": {"x": 1}}]}`}, "", false, "", 1, Called, false},
		"two calls":           {[]string{`{"tool_calls":[{"name":"a","arguments":{}},{"name":"ab","arguments":{}}]}`}, "", false, "", 2, Called, false},
		"call cut short":      {[]string{`{"tool_calls":[{"name":"a"`}, length, false, "", 0, Length, false},
		"unknown tool":        {[]string{`{"tool_calls":[{"name":"x","arguments":{}}]}`}, "", false, "", 0, "", true},
		"arguments no object": {[]string{`{"tool_calls":[{"name":"a","arguments":[]}]}`}, "", false, "", 0, "", true},
		"no calls":            {[]string{`{"tool_calls":[]}`}, "", false, "", 0, "", true},
		"something else":      {[]string{`Hello there`}, "", false, "", 0, "", true},
		"nothing":             {nil, "", false, "", 0, "", true},
		"a raw line":          {[]string{"{\"response\":\"a\nb\"}"}, "", false, "", 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			var s strings.Builder
			for _, p := range c.pieces {
				s.WriteString(event(`{"content":`+strconv.Quote(p)+`}`, "null"))
			}
			if c.end == "" {
				c.end = event(`{}`, `"stop"`) + usage + done
			}
			for _, slow := range []bool{false, true} {
				r := newStream(strings.NewReader(s.String()+c.end), 64, Prompt{})
				if slow {
					r = newStream(iotest.OneByteReader(strings.NewReader(s.String()+c.end)), 64, Prompt{})
				}
				g := &generic{from: r, tools: []string{"a", "ab"}, cut: c.cut}
				text, calls := "", 0
				var last Delta
				var err error
				for {
					var step step
					if step, err = g.next(); err != nil {
						break
					}
					text, calls = text+step.piece.Text, calls+len(step.piece.Calls)
					if step.done {
						last = step.piece
						break
					}
				}
				if c.bad {
					if _, ok := errors.AsType[*badReply](err); !ok {
						t.Errorf("%q %+v %v", text, last, err)
					}
				} else if err != nil || text != c.text || calls != c.calls || last.Finish != c.finish || last.Usage == (Usage{}) {
					t.Errorf("%q %d %+v %v", text, calls, last, err)
				}
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	for _, s := range []string{`{}`, `[]`, `"a"`, `1`, `null`, `{"b":1,"a":{"z":[1,"x",null,true,{"y":{}}],"q":"<&>\u2028"}}`, `{"a":1e30,"b":12345678901234567890}`} {
		d, err := openJSON([]byte(s))
		if err != nil || string(d.bytes()) != s && !strings.Contains(s, "2028") {
			t.Errorf("%s: %s %v", s, d.bytes(), err)
		}
	}
	for _, s := range []string{``, `{`, `}`, `{}{}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1 2]`, `{1:2}`, strings.Repeat("[", 65) + strings.Repeat("]", 65), `nul`, `{"a":"b" "c":1}`} {
		if _, err := openJSON([]byte(s)); err == nil {
			t.Errorf("taken: %.40s", s)
		}
	}
}

// Whatever comes, calls that ended as such are objects of offered tools.
func FuzzCalls(f *testing.F) {
	f.Add(callEvent(0, "a", `{"x":1}`) + callEvent(1, "ab", "{}") + event(`{}`, `"tool_calls"`) + usage + done)
	f.Add(callEvent(0, "a", "") + callEvent(0, "ab", "") + event(`{}`, `"length"`) + usage + done)
	f.Add(event(`{"content":"{\"tool_calls\":[{\"name\":\"a\",\"arguments\":{}}]}"}`, `"stop"`) + usage + done)
	f.Fuzz(func(t *testing.T, s string) {
		calls, last, err := readCalls(s, callable)
		whole := map[int]string{}
		for _, c := range calls {
			if c.Name != "" && c.Name != "a" && c.Name != "ab" {
				t.Errorf("%q: a call of %q", s, c.Name)
			}
			whole[c.Index] += c.Arguments
		}
		if err == nil && (last.Finish == Called) != (len(whole) > 0) && last.Finish != Length {
			t.Errorf("%q: %+v %+v", s, calls, last)
		}
		for _, arguments := range whole {
			if d, jerr := openJSON([]byte(arguments)); err == nil && last.Finish == Called && (jerr != nil || !d.isObject()) {
				t.Errorf("%q: %q", s, arguments)
			}
		}
		g := &generic{from: newStream(strings.NewReader(s), 64, Prompt{}), tools: []string{"a"}}
		for range 10000 {
			step, err := g.next()
			if err != nil || step.done {
				return
			}
		}
		t.Errorf("%q has no end", s)
	})
}
