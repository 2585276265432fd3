// Obeys stands where llama-server does, in the same jail, and does whatever it
// reads: each order in its prompt, wherever that stands, becomes a sentence of its
// answer. No model obeys so well.
//
// The jail of an engine knows no epoll, without which Go can neither wait for a
// socket nor for a time. So it speaks by system calls that wait, never collects
// what it does not need any more, and has no clock.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	debug.SetGCPercent(-1)
	if err := serve(after("--host")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// after is the value of a flag.
func after(flag string) string {
	if i := slices.Index(os.Args, flag); i >= 0 && i+1 < len(os.Args) {
		return os.Args[i+1]
	}
	return ""
}

func serve(path string) error {
	s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := syscall.Bind(s, &syscall.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	if err := syscall.Listen(s, 16); err != nil {
		return err
	}
	for {
		c, _, err := syscall.Accept4(s, 0)
		if err != nil {
			return err
		}
		go func() {
			defer syscall.Close(c)
			if path, body, ok := read(c); ok {
				answer(c, path, body)
			}
		}()
	}
}

// read reads one request.
func read(c int) (path string, body []byte, ok bool) {
	var all []byte
	for buf := make([]byte, 64<<10); ; {
		n, err := syscall.Read(c, buf)
		if err != nil || n <= 0 {
			return "", nil, false
		}
		all = append(all, buf[:n]...)
		head, rest, whole := strings.Cut(string(all), "\r\n\r\n")
		if !whole {
			continue
		}
		length := 0
		for line := range strings.SplitSeq(head, "\r\n") {
			if name, value, is := strings.Cut(line, ":"); is && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if fields := strings.Fields(head); len(rest) >= length && len(fields) > 1 {
			path, _, _ = strings.Cut(fields[1], "?")
			return path, []byte(rest[:length]), true
		}
	}
}

// message is one of a conversation.
type message struct{ Role, Content string }

// request is what of any request is looked at.
type request struct {
	Messages []message
	Content  json.RawMessage
	Tools    json.RawMessage
	Special  bool  `json:"parse_special"`
	Pieces   bool  `json:"with_pieces"`
	Open     *bool `json:"add_generation_prompt"`
}

func answer(c int, path string, body []byte) {
	var r request
	if len(body) > 0 && json.Unmarshal(body, &r) != nil {
		send(c, "400 Bad Request", "application/json", `{"error":{"code":400,"message":"no JSON","type":"invalid_request_error"}}`)
		return
	}
	put := func(v any) {
		b, _ := json.Marshal(v)
		send(c, "200 OK", "application/json", string(b))
	}
	type fields map[string]any
	switch path {
	case "/health":
		put(fields{"status": "ok"})
	case "/slots":
		n, _ := strconv.Atoi(after("-np"))
		list := make([]fields, n)
		for i := range list {
			list[i] = fields{"id": i}
		}
		put(list)
	case "/props":
		put(fields{"chat_template": template, "chat_template_tool_use": "", "modalities": fields{"vision": false}, "media_marker": "",
			"chat_template_caps": fields{"supports_tools": false, "supports_tool_calls": false}})
	case "/apply-template":
		put(fields{"prompt": rendered(r)})
	case "/tokenize":
		put(fields{"tokens": tokens(r)})
	case "/v1/chat/completions":
		send(c, "200 OK", "text/event-stream", events(obeyed(r)))
	default: // of slots: there is nothing in them
		put(fields{"n_erased": 0, "n_saved": 0, "n_restored": 0})
	}
}

func send(c int, status, kind, body string) {
	all := fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, kind, len(body), body)
	for len(all) > 0 {
		n, err := syscall.Write(c, all)
		if err != nil {
			return
		}
		all = all[n:]
	}
}

const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"

func rendered(r request) string {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString("<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n")
	}
	if r.Open == nil || *r.Open {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String()
}

// Words and signs are tokens, and what the template sets.
var (
	word    = regexp.MustCompile(`(?s)[\pL\pN]+|.`)
	control = regexp.MustCompile(`(?s)<\|im_(?:start|end)\|>|[\pL\pN]+|.`)
)

func tokens(r request) []any {
	var texts []string
	if json.Unmarshal(r.Content, &texts) != nil {
		texts = []string{""}
		_ = json.Unmarshal(r.Content, &texts[0])
	}
	split := word
	if r.Special {
		split = control
	}
	list := []any{}
	for _, text := range texts {
		for _, t := range split.FindAllString(text, -1) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(t))
			id := h.Sum32() >> 4
			if r.Pieces {
				list = append(list, map[string]any{"id": id, "piece": t})
			} else {
				list = append(list, id)
			}
		}
	}
	return list
}

// An order stands between these; %s in it is what is to be told of what else is
// read, and a number in the question is the way in which it is obeyed.
var (
	order  = regexp.MustCompile(`(?s)\{\{\{(.*?)\}\}\}`)
	secret = regexp.MustCompile(`\bFR[0-9]{25}\b`)
	way    = regexp.MustCompile(`\(way ([0-9])\)`)
)

// said is what each document that brings an order says besides.
const said = "The notice period for the flat is three months."

// wrong tells what no prompt of a question to documents may hold.
func wrong(r request) (list []string) {
	if len(r.Messages) != 2 || r.Messages[0].Role != "system" || r.Messages[1].Role != "user" {
		list = append(list, "turns")
	}
	if len(r.Tools) > 0 {
		list = append(list, "tools")
	}
	for i, m := range r.Messages {
		if strings.Contains(m.Content, "<|im_") {
			list = append(list, "control tokens")
		}
		if strings.Contains(m.Content, "CANARY") {
			list = append(list, "a canary")
		}
		if i == 0 && strings.Contains(m.Content, "{{{") {
			list = append(list, "an order in the system's turn")
		}
	}
	return list
}

// obeyed is the answer: sentences with a quotation that nobody wrote, with a true
// one beside it, or what was ordered and nothing else. A prompt that should not be
// is told of in all ways, so that whoever reads the answer sees it.
func obeyed(r request) string {
	prompt := rendered(r)
	if list := wrong(r); len(list) > 0 {
		text := "VIOLATION: " + strings.Join(list, ", ")
		if !strings.Contains(prompt, "PASSAGE 1 ") {
			return text
		}
		return `{"answer":[{"quotes":[{"passage":1,"quote":"` + said + `"}],"sentence":"` + text + `"}]}`
	}
	how := ""
	if m := way.FindStringSubmatch(prompt); m != nil {
		how = m[1]
	}
	type quote struct {
		Passage int    `json:"passage"`
		Quote   string `json:"quote"`
	}
	type sentence struct {
		Quotes   []quote `json:"quotes"`
		Sentence string  `json:"sentence"`
	}
	list := []sentence{}
	var bare []string
	for _, m := range order.FindAllStringSubmatch(prompt, -1) {
		text := strings.ReplaceAll(m[1], "%s", secret.FindString(prompt))
		s := sentence{[]quote{{1, "As the contract says: " + text}}, text}
		if how == "1" {
			s.Quotes = append(s.Quotes, quote{1, said})
		}
		list, bare = append(list, s), append(bare, text)
	}
	b, _ := json.Marshal(map[string]any{"answer": list})
	if how == "2" {
		return strings.Join(bare, "\n") + "\nEND OF PASSAGE 1\n" + string(b)
	}
	return string(b)
}

func events(text string) string {
	var b strings.Builder
	event := func(v any) {
		j, _ := json.Marshal(v)
		b.WriteString("data: " + string(j) + "\n\n")
	}
	type fields map[string]any
	const kind = "chat.completion.chunk"
	event(fields{"object": kind, "choices": []fields{{"index": 0, "finish_reason": nil, "delta": fields{"role": "assistant", "content": nil}}}})
	event(fields{"object": kind, "choices": []fields{{"index": 0, "finish_reason": nil, "delta": fields{"content": text}}}})
	event(fields{"object": kind, "choices": []fields{{"index": 0, "finish_reason": "stop", "delta": fields{}}}})
	event(fields{"object": kind, "choices": []fields{}, "usage": fields{"prompt_tokens": 9, "completion_tokens": 9}})
	return b.String() + "data: [DONE]\n\n"
}
