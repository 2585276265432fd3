package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkIdleConnections is what a thousand connections cost that were used
// once and kept. Promise: at most 40 MB.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 1000
	walled := serve(b)
	walled.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	before := rss(b, walled.pid)
	var after int
	for b.Loop() {
		// All ask before one is answered to the end, so that none shares a connection.
		var open []*http.Response
		for i := range n {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, walled.url+"/v1/models", nil)
			must(b, err)
			req.Header.Set("Authorization", "Bearer "+walled.token)
			r, err := walled.client.Do(req)
			if err != nil || r.StatusCode != http.StatusOK {
				b.Fatalf("connection %d: %v %v", i, r, err)
			}
			open = append(open, r)
		}
		for _, r := range open {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		after = rss(b, walled.pid)
	}
	b.Logf("MEASURED %d idle connections: serve is %.1f MB resident, %.1f MB before; they cost %.1f MB, %.1f KB each; goal at most 40 MB",
		n, float64(after)/1e6, float64(before)/1e6, float64(after-before)/1e6, float64(after-before)/1e3/n)
	b.ReportMetric(float64(after-before)/1e6, "MB")
	b.ReportMetric(float64(after)/1e6, "serve-MB")
	walled.client.CloseIdleConnections()
}

// BenchmarkErrorsBeside is an answer while 200 requests a second are refused,
// against one without them. Promise: no harm; every one is answered 400.
func BenchmarkErrorsBeside(b *testing.B) {
	const perSecond = 200
	tokens := length(256)
	walled := serve(b)
	walled.ask(b, "hello", 8)
	var alone, beside, rate []float64
	codes := map[int]int{}
	for b.Loop() {
		for i := range rounds(10) {
			for j := range 2 {
				prompt := fmt.Sprintf("(%d %d) %s", i, j, story)
				if (i+j)%2 == 0 {
					alone = append(alone, walled.ask(b, prompt, tokens).speed())
					continue
				}
				ctx, stop := context.WithCancel(b.Context())
				start := time.Now()
				count := make(chan map[int]int)
				go func() { count <- mistakes(ctx, walled, perSecond) }()
				beside = append(beside, walled.ask(b, prompt, tokens).speed())
				took := time.Since(start)
				stop()
				sum := 0
				for code, n := range <-count {
					codes[code] += n
					sum += n
				}
				rate = append(rate, float64(sum)/took.Seconds())
			}
		}
	}
	ratio := ratios(beside, alone)
	b.Logf("alone %s, beside %s", spread(alone, "tokens/s"), spread(beside, "tokens/s"))
	b.Logf("MEASURED decode beside %s, against alone: %s; answers by status (0 is none): %v", spread(rate, "mistaken requests/s"), spread(ratio, ""), codes)
	if len(codes) != 1 || codes[http.StatusBadRequest] == 0 {
		b.Errorf("not all were answered 400: %v", codes)
	}
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(median(rate), "mistakes/s")
}

// mistakes sends requests that are refused until ctx ends, and counts the
// answers by status.
func mistakes(ctx context.Context, s *side, perSecond int) map[int]int {
	bodies := []struct{ path, body string }{
		{openAI.path, `{"messages":[]}`},
		{openAI.path, `{"messages":[{"role":"user","content":"x"}],"temperature":9}`},
		{ollama.path, `{"messages":[{"role":"nobody","content":"x"}]}`},
		{anthropic.path, `{"messages":[{"role":"user","content":"x"}]}`},
		{openAI.path, `{"messages":`},
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	mine := *s
	mine.client = client
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sent atomic.Int64
	codes := map[int]int{}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for range 8 { // so that a slow answer holds back none
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				m, code := bodies[int(sent.Add(1))%len(bodies)], 0
				if r, err := mine.post(context.WithoutCancel(ctx), m.path, m.body); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_ = r.Body.Close()
					code = r.StatusCode
				}
				mu.Lock()
				codes[code]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return codes
}
