package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"abaton.local/egress"
	"abaton.local/leak"
	"abaton.local/shaper"
)

// throughQuestion is what is asked through a proxy: short, and nobody's.
const throughQuestion = `{"messages":[{"role":"user","content":"Name three colours."}],"max_tokens":32,"stream":true}`

// lookThrough asks one sealed question through what the person named, over a
// connection to the outside, and looks at what comes.
func (o *leakOptions) lookThrough(ctx context.Context, p *program) error {
	key, err := p.secret(ctx, "Access token for the server behind it: ")
	if err != nil {
		return err
	}
	defer key.wipe()
	door := egress.NewDoor(egress.DoorConfig{Log: p.log, UserAgent: "abaton/" + ownVersion(), CACerts: p.cfg.around.caCerts, Proxy: p.cfg.around.proxy})
	header := http.Header{
		"Authorization": {"Bearer " + string(key.bytes())},
		"Content-Type":  {"application/json"}, "X-Abaton-Shape": {shaper.Sealed.String()},
	}
	watcher := leak.Watcher{Direction: leak.Down}
	var records []leak.Record
	var begun time.Time
	seen := func(b []byte) {
		now := time.Now()
		if begun.IsZero() {
			begun = now
		}
		records = append(records, watcher.Saw(now.Sub(begun).Seconds(), b)...)
	}
	address := strings.TrimSuffix(o.through, "/") + "/v1/chat/completions"
	answer, told, err := door.Watch(ctx, address, header, shaper.PadRequest([]byte(throughQuestion)), seen)
	if h, ok := errors.AsType[*egress.HTTPError](err); ok {
		return tell(fmt.Errorf("the server behind it answered with status %d: name the address of an abaton serve, and give a token that may ask there", h.Status))
	}
	if err != nil {
		return tell(err)
	}
	defer answer.Close()
	if shape, _, _ := strings.Cut(told.Get("X-Abaton-Shape"), ";"); shape != shaper.Sealed.String() {
		return tell(errors.New("the answer does not say that it is sealed: there is no abaton serve behind that address, or what lies in between takes its headers away"))
	}
	size, err := io.Copy(io.Discard, answer)
	if err != nil {
		return tell(fmt.Errorf("the answer broke off: %w", err))
	}
	trace := leak.Trace{Tick: shaper.Tick.Seconds()}
	trace.Observe(records)
	passage := leak.Passed(trace, int(size), shaper.FrameBytes)
	if o.json {
		text, err := json.MarshalIndent(passage, "", " ")
		if err != nil {
			return err
		}
		fmt.Fprintf(p.screen.out, "%s\n", text)
	} else if err := passage.Text(p.screen.out); err != nil {
		return err
	}
	if !passage.Kept() {
		return checksFailed{}
	}
	return nil
}
