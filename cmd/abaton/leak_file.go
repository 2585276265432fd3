package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"abaton.local/leak"
	"abaton.local/leak/corpus"
	"abaton.local/shaper"
)

// attackFile attacks traces that somebody else took, or an earlier run: each
// mode of them by itself. Nothing is claimed of them.
func (o *leakOptions) attackFile(ctx context.Context, p *program) error {
	f, err := os.Open(o.traces)
	if err != nil {
		return tell(err)
	}
	defer f.Close()
	byMode := make(map[string][]leak.Trace)
	var modes []string
	var all []leak.Trace
	for t, err := range leak.Read(f) {
		if err != nil {
			return tell(err)
		}
		all = append(all, t)
	}
	if o.pack != "" {
		text, err := os.ReadFile(o.pack)
		if err != nil {
			return tell(err)
		}
		var pack leak.Pack
		if err := json.Unmarshal(text, &pack); err != nil {
			return tell(fmt.Errorf("%s is no file of prompts of the Whisper Leak toolkit", o.pack))
		}
		pack.Label(all, "topic", corpus.Noise)
	}
	for _, t := range all {
		if byMode[t.Mode] == nil {
			modes = append(modes, t.Mode)
		}
		byMode[t.Mode] = append(byMode[t.Mode], t)
	}
	if len(all) == 0 {
		return tell(errors.New("there are no traces in the file"))
	}
	leaks := false
	for _, mode := range modes {
		own := byMode[mode]
		study := leak.Study{Noise: corpus.Noise, Attacks: leak.Unpooled(leak.Attacks(), own), Effort: leak.Effort{Folds: 5, Draws: 300, Permutations: 200, Enough: 10, Seed: 1}}
		for _, l := range leak.Labels(own) {
			if l != study.Noise {
				study.Topics = append(study.Topics, l)
			}
		}
		study.Keep = func(string, any) error { return ctx.Err() }
		e, err := study.Judge(mode, own, leak.Controls{})
		if err != nil {
			return tell(err)
		}
		if o.json {
			text, err := json.MarshalIndent(e, "", " ")
			if err != nil {
				return err
			}
			fmt.Fprintf(p.screen.out, "%s\n", text)
		} else if err := leak.WriteTable(p.screen.out, mode, e.Outcomes); err != nil {
			return err
		}
		leaks = leaks || mode == shaper.Sealed.String() && len(e.Leaks()) > 0
	}
	if leaks {
		return checksFailed{}
	}
	return nil
}
