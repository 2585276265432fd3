package api

import (
	"context"
	"fmt"
	"iter"
	rnd "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/shaper"
)

// chance is an engine that says something of its own with every seed: how much,
// how fast, with stalls, with thoughts or calls, and sometimes it breaks.
func chance(seed uint64, longest time.Duration) says {
	return func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			r := rnd.New(rnd.NewPCG(seed, 2))
			begun := time.Now()
			pause := func(most time.Duration) bool {
				wait := min(time.Duration(r.Int64N(int64(most))), longest-time.Since(begun))
				select {
				case <-ctx.Done():
					return false
				case <-time.After(max(0, wait)):
					return true
				}
			}
			n := r.IntN(120)
			gap := time.Duration(1+r.IntN(300)) * time.Millisecond
			broken := seed%4 == 3
			if seed%8 == 7 {
				n = 0 // breaks before a word
			}
			if !pause(longest) {
				yield(engine.Delta{}, ctx.Err())
				return
			}
			for i := range n {
				d := engine.Delta{Text: strings.Repeat([]string{"a", "\"\\", " é漢", "\n😀"}[r.IntN(4)], 1+r.IntN(30))}
				if seed%3 == 1 && i < n/2 {
					d = engine.Delta{Reasoning: d.Text}
				}
				if seed%5 == 2 && i == n-1 {
					d = engine.Delta{Calls: []engine.CallDelta{{ID: "call_1", Name: "look_up", Arguments: fmt.Sprintf(`{"n":%d}`, r.IntN(1e9))}}}
				}
				if !yield(d, nil) {
					return
				}
				if most := gap; !pause(most) || r.IntN(50) == 0 && !pause(2*time.Second) {
					yield(engine.Delta{}, ctx.Err())
					return
				}
			}
			kinds := []engine.Kind{engine.Crashed, engine.TooLong, engine.NoMemory, engine.Poison}
			if broken {
				yield(engine.Delta{}, &engine.Fault{Kind: kinds[r.IntN(len(kinds))], What: "It broke " + strings.Repeat("so ", r.IntN(40)) + ".", Do: "Ask again."})
				return
			}
			finish := engine.Stopped
			if seed%5 == 2 && n > 0 {
				finish = engine.Called
			}
			yield(engine.Delta{Finish: finish, Usage: engine.Usage{PromptTokens: r.IntN(5000), AnswerTokens: n}}, nil)
		}
	}
}

// sameDraws is jitter as every answer meets it.
func sameDraws() func() time.Duration {
	r := rnd.New(rnd.NewPCG(3, 3))
	return func() time.Duration { return time.Duration(r.Int64N(int64(5 * time.Millisecond))) }
}

// ways are all endpoints that answer with text.
var ways = []struct{ path, ask, streams, whole string }{
	{"/v1/chat/completions", `"model":"tiny",` + hi, `,"stream":true`, ``},
	{"/v1/completions", `"model":"tiny","prompt":"hi"`, `,"stream":true`, ``},
	{"/v1/responses", `"model":"tiny","input":"hi"`, `,"stream":true`, ``},
	{"/v1/messages", `"model":"tiny","max_tokens":99,` + hi, `,"stream":true`, ``},
	{"/api/chat", `"model":"tiny",` + hi, ``, `,"stream":false`},
	{"/api/generate", `"model":"tiny","prompt":"hi"`, ``, `,"stream":false`},
}

// each runs a test for every endpoint, streamed and whole, over both protocols,
// and without TLS, as through a tunnel to this machine's own address.
func each(t *testing.T, test func(*testing.T, visit)) {
	for _, w := range ways {
		for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
			for _, by := range []string{"HTTP/1.1", "HTTP/2", "no TLS"} {
				t.Run(fmt.Sprintf("%s %s %s", strings.ReplaceAll(w.path[1:], "/", "."), how, strings.ReplaceAll(by, "/", "")), func(t *testing.T) {
					two := by == "HTTP/2"
					test(t, visit{path: w.path, body: "{" + w.ask + field + "}", http2: two, plain: by == "no TLS", whole: how == "whole"})
				})
			}
		}
	}
}

func (v visit) under(t *testing.T, m shaper.Mode, seed uint64, longest time.Duration) (trace []record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v.policy = shaper.Policy{LAN: m, Local: m, Window: v.window, Jitter: sameDraws()}
		v.says = chance(seed, longest)
		trace, _, _ = v.look(t)
	})
	if v.burst() { // the client makes room for more as often as it gets to it
		trace = slices.DeleteFunc(trace, func(r record) bool { return r.bytes < 0 })
	}
	return trace
}

// Nobody who watches the network can tell two sealed answers apart, whatever they
// say, however fast, and whether they come to their end or break.
func TestSealedTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		first := v.under(t, shaper.Sealed, 0, 20*time.Second)
		if n := weight(first); n < 100<<10 {
			t.Fatalf("only %d bytes were seen", n)
		}
		// With the headers of TCP and IP, which are 52 bytes of each record.
		down := 0
		for _, r := range first {
			if r.bytes > 0 {
				down += r.bytes + 52
			}
		}
		if n := down / windowOf(first); n > 6000 {
			t.Errorf("%d bytes a second", n)
		}
		for seed := uint64(1); seed < 9; seed++ {
			if other := v.under(t, shaper.Sealed, seed, 20*time.Second); !slices.Equal(first, other) {
				t.Fatalf("answer %d can be told from the first: %s", seed, difference(first, other))
			}
		}
		if slices.Equal(v.under(t, shaper.Off, 1, 20*time.Second), v.under(t, shaper.Off, 2, 20*time.Second)) {
			t.Error("unshaped answers look the same, too: nothing is proven")
		}
	})
}

// Nor can two conversations over one connection be told apart, of which one goes
// well and the other does not.
func TestSealedConversationsTellNothing(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		var traces [2][]record
		for i := range traces {
			synctest.Test(t, func(t *testing.T) {
				turn := uint64(0)
				v.times, v.policy = 2, shaper.Policy{LAN: shaper.Sealed, Local: shaper.Sealed, Jitter: sameDraws()}
				v.says = func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
					turn++
					return chance(uint64(i)*2+turn, 20*time.Second)(ctx, p)
				}
				traces[i], _, _ = v.look(t)
			})
			if v.http2 { // what the client says of connection and windows between questions is not the same in any two runs
				traces[i] = slices.DeleteFunc(traces[i], func(r record) bool { return r.bytes < 0 })
			}
			if !slices.Equal(traces[0], traces[i]) {
				t.Fatalf("conversation %d can be told from the first: %s", i, difference(traces[0], traces[i]))
			}
		}
		if n := weight(traces[0]); n < 200<<10 {
			t.Errorf("only %d bytes were seen", n)
		}
	})
}

// Paced answers tell in which of a few windows they ended, and nothing else.
func TestPacedTellsAWindow(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		windows := map[int][]record{}
		for seed := range uint64(6) {
			trace := v.under(t, shaper.Paced, seed, time.Duration(4+seed%2*10)*time.Second)
			window := windowOf(trace)
			if !slices.Contains([]int{8, 16, 32}, window) {
				t.Fatalf("an answer of at most 14 s ended after %d s", window)
			}
			if other, ok := windows[window]; ok && !slices.Equal(trace, other) {
				t.Fatalf("two answers that ended after %d s differ: %s", window, difference(trace, other))
			}
			windows[window] = trace
		}
		if len(windows) > 3 {
			t.Errorf("answers of at most 14 s ended in %d windows", len(windows))
		}
	})
}

// windowOf is when a trace ends, in whole seconds after its beginning.
func windowOf(trace []record) (window int) {
	for _, r := range trace {
		window = max(window, int(r.at/time.Second))
	}
	return window
}

// weight is how many bytes the server sent.
func weight(trace []record) (n int) {
	for _, r := range trace {
		n += max(0, r.bytes)
	}
	return n
}

func difference(a, b []record) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("record %d is %v, and %v; of %d and %d", i, a[i], b[i], len(a), len(b))
		}
	}
	return fmt.Sprintf("%d records, and %d", len(a), len(b))
}

// Whatever is asked for beside the answer, and whether it goes on from another: a
// sealed response looks as any other of its endpoint.
func TestSealedTellsNothingOfFields(t *testing.T) {
	fields := map[string][]string{
		"/v1/chat/completions": {`,"n":3`, `,"logprobs":true,"top_logprobs":5`, `,"stream_options":{"include_usage":true}`, `,"stop":["a"],"max_tokens":7`, tools},
		"/v1/completions":      {`,"n":2`, `,"logprobs":3`, `,"echo":true`, `,"prompt":["a","b","c"]`},
		"/v1/responses":        {`,"store":true`, `,"previous_response_id":"resp_before"`, `,"top_logprobs":3,"include":["message.output_text.logprobs"]`, `,"reasoning":{"effort":"low"}`},
		"/v1/messages":         {`,"stop_sequences":["a"]`, `,"thinking":{"type":"enabled","budget_tokens":1024}`, `,"tools":[{"name":"look_up","input_schema":{"type":"object"}}]`},
		"/api/chat":            {`,"logprobs":true,"top_logprobs":4`, `,"think":true`, `,"keep_alive":0`, tools},
		"/api/generate":        {`,"logprobs":true`, `,"raw":true`, `,"system":"be brief"`, `,"keep_alive":"1h"`},
	}
	each(t, func(t *testing.T, v visit) {
		if v.http2 {
			return // the fields meet the protocol nowhere
		}
		s := &safe{kept: map[string][]byte{}}
		v.prepare = func(c *Config) { c.Responses = s }
		look := func(seed uint64) (server []record) {
			for _, r := range v.under(t, shaper.Sealed, seed, 8*time.Second) {
				if r.bytes > 0 {
					server = append(server, r)
				}
			}
			return server
		}
		whole := v.body
		first := look(0)
		for _, field := range fields[v.path] {
			if strings.Contains(field, "stream_options") && !strings.Contains(whole, "stream") {
				continue // a field of streams
			}
			v.body = strings.TrimSuffix(whole, "}") + field + "}"
			if strings.HasPrefix(field, `,"prompt"`) {
				v.body = strings.Replace(whole, `"prompt":"hi"`, field[1:], 1)
			}
			if strings.Contains(field, "resp_before") {
				for id := range s.kept {
					v.body = strings.Replace(v.body, "resp_before", strings.TrimPrefix(id, "ada"), 1)
					break
				}
			}
			for seed := range uint64(4) {
				if got := look(seed); !slices.Equal(first, got) {
					t.Errorf("%s, answer %d: it can be told from one without it: %s", field, seed, difference(first, got))
				}
			}
		}
	})
}

const tools = `,"tools":[{"type":"function","function":{"name":"look_up","parameters":{"type":"object"}}}]`

// Nor do answers that no engine should give show: all at once, of characters that
// JSON writes with six, of nothing, of calls that are longer than frames.
func TestSealedTellsNothingOfOddAnswers(t *testing.T) {
	call := func(n int) engine.Delta {
		return engine.Delta{Calls: []engine.CallDelta{{ID: "call_1", Name: "look_up", Arguments: `{"a":"` + strings.Repeat("x", n) + `"}`}}}
	}
	odd := map[string][]engine.Delta{
		"at once":            {{Text: strings.Repeat("word ", 4000)}},
		"controls":           {{Text: strings.Repeat("\x01\u2028<&>", 700)}},
		"nothing":            {{}, {Text: ""}, {Reasoning: ""}},
		"calls":              {call(9000), {Calls: []engine.CallDelta{{Index: 1, ID: "call_2", Name: "look_up", Arguments: "{}"}}}},
		"thoughts, then all": {{Reasoning: strings.Repeat("hm ", 3000)}, {Text: "a"}, call(3)},
		"one byte":           {{Text: "a"}},
		"wide":               {{Text: strings.Repeat("\U0010ffff", 2000)}},
	}
	each(t, func(t *testing.T, v visit) {
		first := v.under(t, shaper.Sealed, 0, 8*time.Second)
		for name, deltas := range odd {
			for _, fault := range []bool{false, true} {
				v := v
				var trace []record
				synctest.Test(t, func(t *testing.T) {
					v.policy = shaper.Policy{LAN: shaper.Sealed, Local: shaper.Sealed, Jitter: sameDraws()}
					v.says = func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
						return func(yield func(engine.Delta, error) bool) {
							for _, d := range deltas {
								if !yield(d, nil) {
									return
								}
							}
							if fault {
								yield(engine.Delta{}, &engine.Fault{Kind: engine.Crashed, What: strings.Repeat("It broke. ", 200), Do: "Ask again."})
								return
							}
							yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{AnswerTokens: 1 << 30}}, nil)
						}
					}
					trace, _, _ = v.look(t)
				})
				if v.burst() {
					trace = slices.DeleteFunc(trace, func(r record) bool { return r.bytes < 0 })
				}
				if !slices.Equal(first, trace) {
					t.Errorf("%s, broken: %v: it can be told from another: %s", name, fault, difference(first, trace))
				}
			}
		}
	})
}
