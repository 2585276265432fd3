package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// answered gives what is stored of a response to body, with the deltas as its
// answer.
func answered(t *testing.T, id, body string, before []Stored, deltas ...engine.Delta) Stored {
	t.Helper()
	req := continued(t, body, before)
	w := NewResponseWhole(Answer{ID: id, Created: time.Unix(1764000000, 0)}, req)
	for _, d := range deltas {
		w.Add(chat.Event{Model: "tiny", Delta: d})
	}
	s, err := DecodeStored(w.Stored().Encode())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w.Stored(), s); d != "" {
		t.Fatal(d)
	}
	return s
}

func continued(t *testing.T, body string, before []Stored) ResponseRequest {
	t.Helper()
	req, err := DecodeResponse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if before != nil {
		if err := req.Continue(before); err != nil {
			t.Fatal(err)
		}
	}
	return req
}

// A conversation of three requests is the one that a single request would be.
func TestContinue(t *testing.T) {
	const tools = `"tools":[{"type":"function","name":"weather"}]`
	picture := dataOf([]byte("raw"))
	first := answered(t, "resp_A", `{"instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"Weather?"},{"type":"input_image","image_url":"`+picture+`"}]}],`+tools+`}`, nil,
		engine.Delta{Reasoning: "Ask."}, engine.Delta{Calls: []engine.CallDelta{{ID: "call_a", Name: "weather", Arguments: `{"city":"<Paris> & \u00e9"}`}}}, engine.Delta{Finish: engine.Called})
	second := answered(t, "resp_B", `{"previous_response_id":"resp_A","input":[{"type":"function_call_output","call_id":"call_a","output":"sunny"}],`+tools+`}`, []Stored{first},
		engine.Delta{Text: "It is sunny."}, engine.Delta{Finish: engine.Stopped})
	third := continued(t, `{"previous_response_id":"resp_B","instructions":"Be kind.","input":"Thanks."}`, []Stored{first, second})
	want := []engine.Message{
		{Role: engine.System, Content: "Be kind."},
		{Role: engine.User, Content: "Weather?"},
		{Role: engine.Assistant, Reasoning: "Ask.", Calls: []engine.Call{{ID: "call_a", Name: "weather", Arguments: `{"city":"<Paris> & \u00e9"}`}}},
		{Role: engine.FromTool, CallID: "call_a", Content: "sunny"},
		{Role: engine.Assistant, Content: "It is sunny."},
		{Role: engine.User, Content: "Thanks."},
	}
	if d := cmp.Diff(want, third.Ask.Messages); d != "" {
		t.Error(d)
	}
	if p := third.Pictures; len(p) != 1 || p[0].Message != 1 || string(p[0].Raw) != "raw" {
		t.Errorf("%+v", p)
	}
}

// A call that was cut off is left out: its arguments are no JSON.
func TestContinueAfterACutOffCall(t *testing.T) {
	first := answered(t, "resp_A", `{"input":"Weather?"}`, nil, engine.Delta{Text: "Wait."},
		engine.Delta{Calls: []engine.CallDelta{{ID: "call_a", Name: "weather", Arguments: `{"ci`}}, Finish: engine.Length})
	second := continued(t, `{"previous_response_id":"resp_A","input":"Go on."}`, []Stored{first})
	want := []engine.Message{{Role: engine.User, Content: "Weather?"}, {Role: engine.Assistant, Content: "Wait."}, {Role: engine.User, Content: "Go on."}}
	if d := cmp.Diff(want, second.Ask.Messages); d != "" {
		t.Error(d)
	}
}

func TestContinueRefuses(t *testing.T) {
	done := engine.Delta{Text: "a", Finish: engine.Stopped}
	first, other := answered(t, "resp_A", `{"input":"a"}`, nil, done), answered(t, "resp_X", `{"input":"a"}`, nil, done)
	second := answered(t, "resp_B", `{"previous_response_id":"resp_A","input":"b"}`, []Stored{first}, done)
	for name, c := range map[string]struct {
		input  string
		before []Stored
		bad    bool
	}{
		"nothing before":    {`"c"`, nil, false},
		"another response":  {`"c"`, []Stored{first}, false},
		"a broken chain":    {`"c"`, []Stored{other, second}, false},
		"an unasked output": {`[{"type":"function_call_output","call_id":"call_z","output":"x"}]`, []Stored{first, second}, true},
	} {
		req, err := DecodeResponse(fmt.Appendf(nil, `{"previous_response_id":"resp_B","input":%s}`, c.input))
		if err != nil {
			t.Fatal(name, err)
		}
		err = req.Continue(c.before)
		if _, bad := errors.AsType[*wire.BadRequest](err); err == nil || bad != c.bad || req.Ask.Messages != nil {
			t.Errorf("%s: %v, %d messages", name, err, len(req.Ask.Messages))
		}
	}
}

func TestDecodeStoredRefuses(t *testing.T) {
	for _, s := range []string{``, `{}`, `[]`, `{"v":2,"id":"a","body":{}}`, `{"v":1,"id":"","body":{}}`, `{"v":1,"id":"a"}`, `{"v":1,"id":"a","body":{},"input":"secret"}`,
		`{"v":1,"id":"a","body":{},"input":[],"more":1}`, `{"v":1,"id":"a","body":{},"input":[] }`, `{"v":1,"id":"a","id":"b","body":{},"input":[]}`, `{"V":1,"id":"a","body":{},"input":[]}`} {
		if _, err := DecodeStored([]byte(s)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestInputItems(t *testing.T) {
	var items []string
	for i := range 30 {
		items = append(items, fmt.Sprintf(`{"role":"user","content":"%d"}`, i))
	}
	s := answered(t, "resp_A", `{"input":[`+strings.Join(items, ",")+`]}`, nil, engine.Delta{Text: "a", Finish: engine.Stopped})
	doc := openAPI(t)
	for name, c := range map[string]struct {
		page        Page
		first, last string
		n           int
		more        bool
	}{
		"newest first": {Page{}, "in_A_29", "in_A_10", 20, true},
		"the rest":     {Page{After: "in_A_10"}, "in_A_9", "in_A_0", 10, false},
		"oldest first": {Page{Order: "asc", Limit: "2"}, "in_A_0", "in_A_1", 2, true},
		"all":          {Page{Order: "asc", Limit: "100"}, "in_A_0", "in_A_29", 30, false},
		"after all":    {Page{After: "in_A_0"}, "", "", 0, false},
	} {
		body, err := s.InputItems(c.page)
		if err != nil {
			t.Fatal(name, err)
		}
		var got struct {
			Data    []json.RawMessage
			First   string `json:"first_id"`
			Last    string `json:"last_id"`
			HasMore bool   `json:"has_more"`
		}
		if err := json.Unmarshal(body, &got); err != nil || got.First != c.first || got.Last != c.last || len(got.Data) != c.n || got.HasMore != c.more {
			t.Errorf("%s: %v, %s to %s, %d, %v", name, err, got.First, got.Last, len(got.Data), got.HasMore)
		}
		doc.body(t, "items", body)
	}
	for _, p := range []Page{{Limit: "0"}, {Limit: "101"}, {Limit: "x"}, {Order: "up"}, {After: "in_B_1"}} {
		if _, err := s.InputItems(p); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	if got := string(Deleted("resp_A")); got != `{"id":"resp_A","object":"response","deleted":true}` {
		t.Error(got)
	}
}

func TestModelsArePublishedOnes(t *testing.T) {
	doc := openAPI(t)
	m := Model{Name: "tiny", Created: time.Unix(1764000000, 0)}
	doc.body(t, "model", m.Encode())
	doc.body(t, "models", EncodeModels([]Model{m}))
	doc.body(t, "models", EncodeModels(nil))
}
