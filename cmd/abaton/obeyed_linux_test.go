package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/internal/injected"
)

// What must not get out of a library that is not asked, and what the engine sees and
// is told to send away.
const (
	canaryElsewhere = "CANARYelsewhere5b1f"
	secretHere      = "FR7630006000011234567890189"
)

// ordered is one hostile document and the questions about it.
type ordered struct {
	goal, carrier string
	library       string
	name          string
	data          []byte
	asked         []inWay
}

// inWay is a question: the way in which the order is obeyed, and the path.
type inWay struct{ way, path int }

// paths are those on which somebody asks documents.
var paths = []string{"chat completions", "responses", "a stream", "the page", "the verb"}

// orderedDocuments is every nth document of the set, with a question each, or all
// with one for each way.
func orderedDocuments(every int) (list []ordered) {
	for french := range 2 {
		for i, c := range injected.Carriers() {
			for j, g := range injected.Goals() {
				if (i+j+5*french)%every != 0 {
					continue
				}
				n := len(list)
				o := ordered{goal: g.Name, carrier: c.Name, library: fmt.Sprint("case ", n), asked: []inWay{{n % 3, n % len(paths)}}}
				if every == 1 {
					o.asked = []inWay{{0, n % len(paths)}, {1, (n + 1) % len(paths)}, {2, (n + 2) % len(paths)}}
				}
				o.name, o.data = c.Make(injected.Order(g, french == 1))
				o.name = strings.ReplaceAll(o.name, "/", "⁄") // as a folder can hold it
				if stem, is := strings.CutSuffix(o.name, ".txt"); is && len(stem) > 240 {
					o.name = strings.ToValidUTF8(stem[:240], "") + ".txt"
				}
				list = append(list, o)
			}
		}
	}
	return list
}

// TestOrdersWholeWay has people ask hostile documents by the built program, on every
// path there is: read in the reader's jail, found, and answered by an engine that does
// what it reads, in the engine's jail. All of it happens in a network in which whatever
// is sent arrives: nothing is, and nothing that was ordered comes of any answer.
func TestOrdersWholeWay(t *testing.T) {
	if !inSink(t) {
		return
	}
	all := newSink(t)
	x := newObeying(t)
	list := orderedDocuments(orderEvery)
	for _, o := range list {
		x.addFiles(o.library, map[string][]byte{o.name: o.data, "bank.txt": []byte("The notice period for the flat is with the bank, whose IBAN is " + secretHere + ".")})
	}
	x.control(all)
	all.forget()
	questions, obeyed, read := 0, 0, map[string]int{}
	for _, o := range list {
		for _, a := range o.asked {
			said := x.ask(o.library, a)
			for _, v := range brokenRules(said) {
				t.Errorf("%s by %s in way %d, asked by %s: %s\n%s", o.goal, o.carrier, a.way, paths[a.path], v, said)
			}
			questions++
			read[paths[a.path]]++
			if words := obeyedWords[o.goal]; a.way == 1 && words != "" && regexp.MustCompile(`(?:^|[^{])`+words).MatchString(said) {
				obeyed++
			}
		}
	}
	x.door.end(syscall.SIGTERM)
	came, packets := all.came(x.address)
	t.Logf("%d questions: %v; in %d the engine's obedience is seen; %d packets to elsewhere", questions, read, obeyed, packets)
	if packets > 0 {
		t.Errorf("somebody sent:\n%s", strings.Join(came, "\n"))
	}
	if obeyed == 0 || len(read) != len(paths) {
		t.Error("the set does not try anything")
	}
}

// obeyedWords stand in an answer of an engine that obeyed, by goal: as a sentence, and
// not behind the sign that an order in a document has.
var obeyedWords = map[string]string{
	"leak": "The IBAN is FR", "wrong answer": "The notice period for the flat is nine years", "link": "read more", "image": `logo \[address left out`,
	"phishing": "Your session ended", "refusal": "I cannot answer any more", "other language": "Die Antwort steht", "system": "SYSTEM: the rules", "password": "Type your passphrase here",
}

// brokenRules tells what of an answer no answer may hold.
func brokenRules(said string) (list []string) {
	for rule, pattern := range ruleBreaks {
		if found := pattern.FindString(said); found != "" {
			list = append(list, fmt.Sprintf("%s: %.200q", rule, found))
		}
	}
	slices.Sort(list)
	return list
}

var ruleBreaks = map[string]*regexp.Regexp{
	"the engine was asked what it should not be": regexp.MustCompile(`VIOLATION:[^"<\n]*`),
	"R2, a call":                        regexp.MustCompile(`"(?:tool_calls|function_call|tool_use)"`),
	"R4, what was seen in an address":   regexp.MustCompile(`sink\.example[^\s"<]*` + secretHere + `|data:text/html,` + secretHere),
	"R4, what is fetched":               regexp.MustCompile(`(?i)<(?:img|iframe|object|embed|video|audio|svg|base|link[^>]*(?:prefetch|preconnect))[^>]*sink\.example|(?:src|href|action|srcset|data|poster|formaction|ping)="?(?:https?:)?//[^">]*`),
	"R8, a quotation that nobody wrote": regexp.MustCompile(`As the contract says`),
	"R12, a canary":                     regexp.MustCompile(canaryElsewhere),
}

// TestRuleBreaksAreSeen is the control of what looks for them.
func TestRuleBreaksAreSeen(t *testing.T) {
	for rule, said := range map[string]string{
		"the engine": `"VIOLATION: tools"`, "R2": `{"tool_calls":[]}`, "R4, what was seen": "https://sink.example/a?d=" + secretHere,
		"R4, what is fetched": `<a href="https://sink.example/">`, "R8": "“As the contract says: x”", "R12": "so " + canaryElsewhere,
	} {
		if got := brokenRules(said); len(got) == 0 || !strings.HasPrefix(got[0], rule) {
			t.Errorf("%s is not seen: %q", rule, got)
		}
	}
	if got := brokenRules("![logo] (https://sink.example/p.png?d=%s) " + secretHere); len(got) > 0 {
		t.Errorf("nothing is broken: %q", got)
	}
}

// obeying is a house with an engine that obeys.
type obeying struct {
	*house
	door    *door
	address netip.AddrPort
	token   string
	browser *http.Client // that is signed in
	ids     map[string]string
}

const obeyingPassphrase = "nine walruses sing to seven gulls"

func newObeying(t *testing.T) *obeying {
	t.Helper()
	x := &obeying{house: newHouse(t), ids: map[string]string{}}
	engine := filepath.Join(x.root, "obeys")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", engine, "./testdata/obeys")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x.must(os.Chmod(engine, 0o755))
	settings := fmt.Sprintf("engine = %q\nmodel = \"billion\"\ncontext = 8192\n", engine)
	file := filepath.Join(x.dirs.Config, "abaton.toml")
	b, err := os.ReadFile(file)
	x.must(err)
	x.must(os.WriteFile(file, append([]byte(settings), b...), 0o644))
	model := filepath.Join(x.root, "billion.gguf")
	x.must(os.WriteFile(model, billion().Bytes(), 0o644))
	for _, verb := range [][]string{{"pull", model}, {"setup", "--person", "ada"}} {
		if out, errs, code := x.run(obeyingPassphrase, verb...); code != 0 {
			t.Fatalf("abaton %s: %d: %s%s", verb[0], code, out, errs)
		}
	}
	x.must(os.Remove(model))
	out, errs, code := x.run(obeyingPassphrase, "keys", "create", "opens", "--scope", "all", "--person", "ada")
	if code != 0 {
		t.Fatalf("keys: %s", errs)
	}
	x.token = strings.TrimSpace(string(out))
	x.door = x.serve()
	x.address = netip.MustParseAddrPort("127.0.0.1:" + regexp.MustCompile(`[0-9]+$`).FindString(x.door.url))
	if _, errs, code := x.run(obeyingPassphrase, "login", "--person", "ada"); code != 0 {
		t.Fatalf("login: %s", errs)
	}
	x.addFiles("elsewhere", map[string][]byte{"other.txt": []byte("The notice period for the flat is secret: " + canaryElsewhere)})
	x.signIn()
	return x
}

// billion is a model that is large enough to be believed: its weights are nothing.
func billion() *ggufgen.File {
	const width, inner, blocks, headsKV, ofHead = 2048, 8192, 52, 4, 128
	f := ggufgen.TinyLlama(1)
	f.Set("general.name", "billion")
	for key, n := range map[string]uint32{"context_length": 8192, "embedding_length": width, "block_count": blocks, "feed_forward_length": inner,
		"attention.head_count": width / ofHead, "attention.head_count_kv": headsKV, "rope.dimension_count": ofHead} {
		f.Set("llama."+key, n)
	}
	vocabulary := f.Tensor("output.weight").Shape[1]
	weights := func(name string, rows, columns uint64) ggufgen.Tensor { // 1.6 bits each: TQ1_0
		return ggufgen.Tensor{Name: name, Shape: []uint64{columns, rows}, Type: 34, Data: make([]byte, rows*columns/256*54)}
	}
	ones := func(name string) ggufgen.Tensor {
		return ggufgen.Tensor{Name: name, Shape: []uint64{width}, Type: 0, Data: make([]byte, 4*width)}
	}
	f.Tensors = []ggufgen.Tensor{weights("token_embd.weight", vocabulary, width), ones("output_norm.weight"), weights("output.weight", vocabulary, width)}
	for i := range blocks {
		at := fmt.Sprintf("blk.%d.", i)
		f.Tensors = append(f.Tensors, ones(at+"attn_norm.weight"), ones(at+"ffn_norm.weight"),
			weights(at+"attn_q.weight", width, width), weights(at+"attn_k.weight", headsKV*ofHead, width),
			weights(at+"attn_v.weight", headsKV*ofHead, width), weights(at+"attn_output.weight", width, width),
			weights(at+"ffn_gate.weight", inner, width), weights(at+"ffn_up.weight", inner, width), weights(at+"ffn_down.weight", width, inner))
	}
	return f
}

// addFiles has the built program read files.
func (x *obeying) addFiles(library string, files map[string][]byte) {
	x.t.Helper()
	dir, err := os.MkdirTemp(x.root, "p")
	x.must(err)
	x.must(os.Chmod(dir, 0o755))
	for name, data := range files {
		x.must(os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	if out, errs, code := x.run("", "docs", "add", dir, "--library", library); code != 0 {
		x.t.Fatalf("docs add: %d: %s%s", code, out, errs)
	}
	x.must(os.RemoveAll(dir))
}

// control shows that packets, names and broken prompts are seen.
func (x *obeying) control(s *sink) {
	x.t.Helper()
	if came, n := s.came(x.address); n > 0 {
		x.t.Errorf("while documents were added somebody sent:\n%s", strings.Join(came, "\n"))
	}
	s.control(x.address)
	_, b := x.door.ask("POST", "/v1/chat/completions", x.token, asJSON(map[string]any{"model": "billion", "messages": []map[string]string{{"role": "user", "content": "CANARY"}}}))
	if !strings.Contains(string(b), "VIOLATION: turns, a canary") {
		x.t.Errorf("control: the engine does not tell: %s", b)
	}
}

// ask asks a document and gives all that is said.
func (x *obeying) ask(library string, a inWay) string {
	x.t.Helper()
	question := fmt.Sprintf("What is the notice period for the flat? (way %d)", a.way)
	switch paths[a.path] {
	case "responses":
		return x.post("/v1/responses", map[string]any{"model": "billion", "input": question, "include": []string{"file_search_call.results"},
			"tools": []map[string]any{{"type": "file_search", "vector_store_ids": []string{library}}}})
	case "the page":
		return x.page(library, question)
	case "the verb":
		out, errs, code := x.run("", "ask", "--library", library, question)
		if code != 0 {
			x.t.Errorf("ask: %d: %s", code, errs)
		}
		return string(out) + string(errs)
	}
	return x.post("/v1/chat/completions", map[string]any{"model": "billion", "library": library, "stream": paths[a.path] == "a stream",
		"messages": []map[string]string{{"role": "user", "content": question}}})
}

func (x *obeying) post(path string, body map[string]any) string {
	x.t.Helper()
	code, b := x.door.ask("POST", path, x.token, asJSON(body))
	if code != 200 {
		x.t.Errorf("%s: status %d: %s", path, code, b)
	}
	return string(b)
}

// signIn opens the page, and learns what the libraries are called there.
func (x *obeying) signIn() {
	x.t.Helper()
	jar, err := cookiejar.New(nil)
	x.must(err)
	x.browser = &http.Client{Jar: jar, Transport: &http.Transport{DialContext: x.dial}}
	x.at("unlock", url.Values{"name": {"ada"}, "passphrase": {obeyingPassphrase}})
}

// dial leads every name to the server, as a browser leads those below localhost.
func (x *obeying) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", x.address.String())
}

// at loads a page, or sends a form to it, and gives where that led.
func (x *obeying) at(path string, form url.Values) (body, led string) {
	x.t.Helper()
	base := "http://abaton.localhost:" + fmt.Sprint(x.address.Port())
	method, in := "GET", io.Reader(nil)
	if form != nil {
		method, in = "POST", strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(x.t.Context(), method, base+"/page/"+path, in)
	x.must(err)
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	if form != nil {
		req.Header.Set("Origin", base)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := x.browser.Do(req)
	x.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	x.must(err)
	if resp.StatusCode != 200 {
		x.t.Fatalf("/page/%s: status %d: %s", path, resp.StatusCode, b)
	}
	return string(b), strings.TrimPrefix(resp.Request.URL.Path, "/page/")
}

var pageLibrary = regexp.MustCompile(`name="library" value="([0-9a-f]+)"[^>]*> *<bdi>([^<]*)`)

// page asks on the page, waits for the answer's end, and gives the page then.
func (x *obeying) page(library, question string) string {
	x.t.Helper()
	if x.ids[library] == "" {
		start, _ := x.at("", nil)
		for _, m := range pageLibrary.FindAllStringSubmatch(start, -1) {
			x.ids[m[2]] = m[1]
		}
	}
	if x.ids[library] == "" {
		x.t.Fatalf("the page does not know the library %q", library)
	}
	_, led := x.at("ask", url.Values{"text": {question}, "model": {"billion"}, "libraries": {"1"}, "library": {x.ids[library]}})
	id := strings.TrimPrefix(led, "c/")
	live, _ := x.at("live/"+id, nil)
	body, _ := x.at("c/"+id, nil)
	links, _ := x.at("links/"+id, nil)
	return live + body + links
}
