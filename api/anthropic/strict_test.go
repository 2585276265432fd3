package anthropic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/engine"
	"abaton.local/internal/transcript"
)

const canary = "CANARY-7f3a"

// Bodies that no text file can hold, and sizes that no reader wants to see. None
// of what was sent comes back in an error.
func TestHostileBodies(t *testing.T) {
	wrap := func(content string) string {
		return `{"model":"tiny","max_tokens":9,"messages":[{"role":"user","content":` + content + `}]}`
	}
	with := func(field string) string {
		return `{"model":"tiny","max_tokens":9,"messages":[{"role":"user","content":"hi"}],` + field + `}`
	}
	long := strings.Repeat("x", maxSchemaBytes)
	image := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%s"}}`
	for name, body := range map[string]string{
		"invalid UTF-8":     wrap(`"` + canary + "\xff\xfe\""),
		"raw NUL":           wrap(`"` + canary + "\x00\""),
		"half a pair":       wrap(`"` + canary + `\ude00\ud83d"`),
		"a million values":  wrap(`[` + strings.Repeat("0,", 1<<20) + `0]`),
		"a million deep":    wrap(strings.Repeat("[", 1<<20)),
		"huge number":       with(`"top_k":` + strings.Repeat("9", 1<<16)),
		"huge exponent":     with(`"temperature":1e` + strings.Repeat("9", 1<<10)),
		"hexadecimal":       with(`"top_k":0x7`),
		"NaN":               with(`"temperature":NaN`),
		"beyond 2^53":       with(`"top_k":9007199254740993`),
		"byte order mark":   "\ufeff" + wrap(`"hi"`),
		"too many messages": `{"max_tokens":9,"messages":[` + strings.Repeat(`{"role":"user","content":"a"},`, maxMessages) + `{"role":"user","content":"a"}]}`,
		"large tool":        with(`"tools":[{"name":"f","input_schema":{"description":"` + long + `"}}]`),
		"large schema":      with(`"output_config":{"format":{"type":"json_schema","schema":{"description":"` + long + `"}}}`),
		"many tools":        with(`"tools":[` + strings.Repeat(`{"name":"f","input_schema":{}},`, maxTools) + `{"name":"f","input_schema":{}}]`),
		"many pictures":     wrap(`[` + strings.Repeat(fmt.Sprintf(image, "QQ==")+",", maxPictures) + fmt.Sprintf(image, "QQ==") + `]`),
		"rubbish picture":   wrap(`[` + fmt.Sprintf(image, canary+"%") + `]`),
		"unknown role":      `{"max_tokens":9,"messages":[{"role":"` + canary + `","content":"hi"}]}`,
		"unknown block":     wrap(`[{"type":"` + canary + `"}]`),
		"unknown source":    wrap(`[{"type":"image","source":{"type":"url","url":"https://` + canary + `"}}]`),
		"unknown choice":    with(`"tool_choice":{"type":"` + canary + `"}`),
		"unknown thinking":  with(`"thinking":{"type":"` + canary + `"}`),
		"unknown edit":      with(`"context_management":{"edits":[{"type":"` + canary + `"}]}`),
		"bad tool name":     with(`"tools":[{"name":"` + canary + ` ","input_schema":{}}]`),
		"bad call":          wrap(`[{"type":"tool_result","tool_use_id":"` + canary + `"}]`),
		"secret server":     with(`"mcp_servers":[{"url":"https://` + canary + `"}]`),
		"empty block":       wrap(`[{}]`),
		"null block":        wrap(`[null]`),
		"many edits":        with(`"context_management":{"edits":[` + strings.Repeat(`{"type":"clear_thinking_20251015"},`, maxEdits) + `{"type":"clear_thinking_20251015"}]}`),
		"foreign result":    wrap(`[{"type":"` + canary + `_tool_result"}]`),
		"foreign tool":      with(`"tools":[{"type":"` + canary + `"}]`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeMessages([]byte(body))
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("got %v, want a *BadRequest", err)
			}
			if p := bad.Problem(); p.Status != 400 || len(p.Message) > 300 || len(p.Param) > 200 || !utf8.ValidString(p.Message) {
				t.Errorf("%+v", p)
			}
			if strings.Contains(err.Error()+bad.Param, canary) {
				t.Errorf("the error quotes the request: %v", err)
			}
		})
	}
}

func TestLargestAllowed(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	turns := strings.Repeat(`{"role":"user","content":"a"},{"role":"assistant","content":"b"},`, maxMessages/2-1)
	body := `{"max_tokens":2147483647,"messages":[` + turns + `{"role":"user","content":"a"},{"role":"assistant","content":"` + long + `"}]}`
	if req, err := DecodeMessages([]byte(body)); err != nil || len(req.Ask.Messages) != maxMessages || req.Ask.Messages[maxMessages-1].Content != long {
		t.Error(err)
	}
	picture := strings.Repeat("QUJD", 1<<18)
	body = `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"` + picture + `"}}]}]}`
	if req, err := DecodeMessages([]byte(body)); err != nil || len(req.Pictures) != 1 || len(req.Pictures[0].Raw) != 3<<18 {
		t.Error(err)
	}
}

// TestHints holds that each hint of the list is taken, and changes nothing.
func TestHints(t *testing.T) {
	const tools = `"tools":[{"name":"f","input_schema":{}%s}]`
	const messages = `"messages":[{"role":"user","content":[{"type":"text","text":"hi"%s}]},{"role":"assistant","content":[%s{"type":"thinking","thinking":"t"%s},{"type":"text","text":"a"}]},{"role":"user","content":"b"}]`
	plain := map[string]string{"tools": fmt.Sprintf(tools, ""), "messages": fmt.Sprintf(messages, "", "", ""), "system": `"system":"s"`, "thinking": `"thinking":{"type":"enabled"}`}
	one := func(field, value string) map[string]string { return map[string]string{field: value} }
	hinted := map[string]map[string]string{
		"cache_control":                      one("messages", fmt.Sprintf(messages, `,"cache_control":{"type":"ephemeral","ttl":"5m"}`, "", "")),
		"metadata":                           one("x", `"metadata":{"user_id":"u"}`),
		"service_tier":                       one("x", `"service_tier":"standard_only"`),
		"speed":                              one("x", `"speed":"fast"`),
		"inference_geo":                      one("x", `"inference_geo":"us"`),
		"diagnostics":                        one("x", `"diagnostics":{"previous_message_id":"msg_1"}`),
		"output_config.effort":               one("x", `"output_config":{"effort":"max"}`),
		"thinking.budget_tokens":             one("thinking", `"thinking":{"type":"enabled","budget_tokens":4096}`),
		"tools[].strict":                     one("tools", fmt.Sprintf(tools, `,"strict":true`)),
		"tools[].eager_input_streaming":      one("tools", fmt.Sprintf(tools, `,"eager_input_streaming":true`)),
		"tools[].defer_loading":              one("tools", fmt.Sprintf(tools, `,"defer_loading":true`)),
		"messages[].content[].signature":     one("messages", fmt.Sprintf(messages, "", "", `,"signature":"abaton"`)),
		"redacted_thinking":                  one("messages", fmt.Sprintf(messages, "", `{"type":"redacted_thinking","data":"eA=="},`, "")),
		"system: x-anthropic-billing-header": one("system", `"system":[{"type":"text","text":"x-anthropic-billing-header: v=1;"},{"type":"text","text":"s"}]`),
		"anthropic-beta":                     {}, // no part of the body
	}
	decode := func(changes map[string]string) Request {
		all := []string{`"max_tokens":9`}
		for field, value := range plain {
			if change, ok := changes[field]; ok {
				value = change
			}
			all = append(all, value)
		}
		if more, ok := changes["x"]; ok {
			all = append(all, more)
		}
		req, err := DecodeMessages([]byte("{" + strings.Join(all, ",") + "}"))
		if err != nil {
			t.Fatal(changes, err)
		}
		return req
	}
	for name := range Hints {
		changes, ok := hinted[name]
		if !ok {
			t.Errorf("%s is listed and not tried here", name)
			continue
		}
		if d := cmp.Diff(decode(nil), decode(changes)); d != "" {
			t.Errorf("%s changes the question: %s", name, d)
		}
	}
	for name := range hints {
		if Hints[name] == "" {
			t.Errorf("%s is not listed", name)
		}
	}
	if len(Hints) != len(hinted) {
		t.Errorf("%d hints are listed, %d tried", len(Hints), len(hinted))
	}
}

func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzDecode/*")
	if err != nil || len(seeds) < 25 {
		f.Fatalf("only %d seeds are here: %v", len(seeds), err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := DecodeMessages(body)
		if err != nil {
			if _, ok := errors.AsType[*wire.BadRequest](err); !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			return
		}
		if !utf8.Valid(body) || !json.Valid(body) {
			t.Fatal("took what is not JSON in UTF-8")
		}
		sound(t, req)
		again, err := DecodeMessages(encodeRequest(req))
		if err != nil {
			t.Fatalf("what we decoded does not decode again: %v\n%s", err, encodeRequest(req))
		}
		req.Forged = false
		if d := cmp.Diff(req, again); d != "" {
			t.Fatal(d)
		}
	})
}

// sound holds what others rely on in every request.
func sound(t *testing.T, req Request) {
	waiting := map[string]bool{}
	var last engine.Role
	for i, m := range req.Ask.Messages {
		for _, text := range []string{m.Content, m.Reasoning, m.CallID} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				t.Fatal("a message holds a NUL or is not UTF-8")
			}
		}
		pictured := slices.ContainsFunc(req.Pictures, func(p wire.Picture) bool { return p.Message == i })
		switch m.Role {
		case engine.FromTool:
			if !waiting[m.CallID] {
				t.Fatal("a result without a call")
			}
			delete(waiting, m.CallID)
		case engine.Assistant, engine.User, engine.System:
			if m.Role == last || m.Role == engine.System && i > 0 || m.CallID != "" || m.Role != engine.Assistant && (m.Reasoning != "" || m.Calls != nil) {
				t.Fatalf("message %d: %+v", i, m)
			}
			if m.Content == "" && len(m.Calls) == 0 && !pictured {
				t.Fatalf("message %d is empty", i)
			}
			if len(waiting) > 0 {
				t.Fatal("a call without a result")
			}
		default:
			t.Fatalf("role %q", m.Role)
		}
		if pictured && m.Role != engine.User {
			t.Fatal("a picture that is not the person's")
		}
		for _, c := range m.Calls {
			if waiting[c.ID] = true; !json.Valid([]byte(c.Arguments)) || c.Arguments[0] != '{' {
				t.Fatal("arguments are no object")
			}
		}
		last = m.Role
	}
	if len(waiting) > 0 || last == "" || last == engine.System && len(req.Ask.Messages) == 1 {
		t.Fatal("the end is open")
	}
	o := req.Ask.Options
	for _, schema := range append([][]byte{o.JSONSchema}, schemas(o.Tools)...) {
		if schema != nil && (!json.Valid(schema) || len(schema) > maxSchemaBytes) {
			t.Fatal("a schema is not JSON, or too large")
		}
	}
	if o.MaxTokens < 1 || len(o.Tools) > maxTools || len(o.Stop) > maxStops || len(req.Pictures) > maxPictures {
		t.Fatal("beyond a cap")
	}
}

func schemas(tools []engine.Tool) (all [][]byte) {
	for _, t := range tools {
		all = append(all, t.Parameters)
	}
	return all
}

// encodeRequest writes a request as a client would. Schemas and arguments are
// put in as they are: json.Marshal would take out their spaces.
func encodeRequest(req Request) []byte {
	o := req.Ask.Options
	quote := func(s string) string { return string(wire.Encode(s)) }
	fields := []string{`"model":` + quote(req.Ask.Model), fmt.Sprintf(`"max_tokens":%d`, o.MaxTokens), fmt.Sprintf(`"stream":%t`, req.Stream)}
	set := func(present bool, format string, args ...any) {
		if present {
			fields = append(fields, fmt.Sprintf(format, args...))
		}
	}
	list := func(of []string) string { return "[" + strings.Join(of, ",") + "]" }
	var messages []string
	for i, m := range req.Ask.Messages {
		role, blocks := m.Role, []string(nil)
		if m.Role == engine.FromTool {
			role = engine.User
			blocks = append(blocks, fmt.Sprintf(`{"type":"tool_result","tool_use_id":%s,"content":%s}`, quote(m.CallID), quote(m.Content)))
			m.Content = ""
		}
		for _, p := range req.Pictures {
			if p.Message == i {
				blocks = append(blocks, `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"`+base64.StdEncoding.EncodeToString(p.Raw)+`"}}`)
			}
		}
		if m.Reasoning != "" {
			blocks = append(blocks, `{"type":"thinking","signature":"","thinking":`+quote(m.Reasoning)+`}`)
		}
		if m.Content != "" {
			blocks = append(blocks, `{"type":"text","text":`+quote(m.Content)+`}`)
		}
		for _, c := range m.Calls {
			blocks = append(blocks, fmt.Sprintf(`{"type":"tool_use","id":%s,"name":%s,"input":%s}`, quote(c.ID), quote(c.Name), c.Arguments))
		}
		messages = append(messages, fmt.Sprintf(`{"role":%s,"content":%s}`, quote(string(role)), list(blocks)))
	}
	set(true, `"messages":%s`, list(messages))
	var tools []string
	for _, t := range o.Tools {
		tools = append(tools, fmt.Sprintf(`{"name":%s,"description":%s,"input_schema":%s}`, quote(t.Name), quote(t.Description), t.Parameters))
	}
	set(tools != nil, `"tools":%s`, list(tools))
	choice, single := "auto", fmt.Sprintf(`,"disable_parallel_tool_use":%t`, o.OneCall)
	switch {
	case o.ToolChoice == engine.NoCall:
		choice, single = "none", ""
	case o.OnlyTool != "":
		choice, single = "tool", single+`,"name":`+quote(o.OnlyTool)
	case o.ToolChoice == engine.MustCall:
		choice = "any"
	}
	set(true, `"tool_choice":{"type":"%s"%s}`, choice, single)
	thinking := map[Thoughts]string{NoThoughts: `{"type":"disabled"}`, ShownThoughts: `{"type":"adaptive"}`, OmittedThoughts: `{"type":"adaptive","display":"omitted"}`}[req.Thoughts]
	if o.Think != nil && *o.Think {
		thinking = strings.Replace(thinking, "adaptive", "enabled", 1)
	}
	set(true, `"thinking":%s`, thinking)
	number := func(name string, v *float64) {
		if v != nil {
			set(true, `"%s":%s`, name, wire.Encode(*v))
		}
	}
	number("temperature", o.Temperature)
	number("top_p", o.TopP)
	if o.TopK != nil {
		set(true, `"top_k":%d`, *o.TopK)
	}
	set(o.Stop != nil, `"stop_sequences":%s`, wire.Encode(o.Stop))
	set(o.JSONSchema != nil, `"output_config":{"format":{"type":"json_schema","schema":%s}}`, o.JSONSchema)
	return []byte("{" + strings.Join(fields, ",") + "}")
}

// TestDocumentation keeps the list in docs/anthropic.md as the table is.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| parameter | why |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(Hints)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, Hints[name])
	}
	transcript.Page(t, "../../docs/anthropic.md", "<!-- made by go test -update ./api/anthropic -->\n", b.String())
}
