package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"abaton.local/hardware"
	"abaton.local/leak"
	"abaton.local/leak/corpus"
	"abaton.local/leak/learn"
	"abaton.local/models"
	"abaton.local/shaper"
)

// work takes and attacks the traces of each way, one after the other.
func (s leakSetup) work(ctx context.Context, p *program, folder *leak.Folder, list string) (r leak.Report, err error) {
	r = leak.Report{Format: leak.ReportFormat, Day: time.Now().UTC().Format(time.DateOnly), Run: s.run}
	outcomes, err := folder.Outcomes()
	if err != nil {
		return r, tell(err)
	}
	defer func() { err = errors.Join(err, outcomes.Close()) }()
	if s.live > 0 {
		if r.Live, err = s.alive(ctx, p, folder); err != nil {
			return r, err
		}
	}
	replay := &leak.Replay{}
	shelf := oneModel{models.Passport{Name: s.run.Model, Role: "chat"}}
	st, err := openStage(p, replay, shelf, shelf, s.window, s.run.AtOnce)
	if err != nil {
		return r, err
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- st.serve(ctx) }()
	defer func() { stop(); err = errors.Join(err, tell(<-served), st.close()) }()
	for _, way := range s.ways {
		traces, left, err := s.collect(ctx, p, st, replay, folder, way)
		if err != nil {
			return r, err
		}
		r.Left = left
		if list != "" {
			if err := writeTraces(list, way, len(s.ways), traces); err != nil {
				return r, tell(err)
			}
		}
		found, err := s.attack(ctx, p, outcomes, way, traces, r.Live)
		if err != nil {
			return r, err
		}
		if found.Labour, err = labourOf(folder, way); err != nil {
			return r, tell(err)
		}
		r.Ways = append(r.Ways, found)
	}
	return r, nil
}

// collect takes the traces of a way that the folder does not hold yet.
func (s leakSetup) collect(ctx context.Context, p *program, st *stage, replay *leak.Replay, folder *leak.Folder, way leak.Way) (traces []leak.Trace, left int, err error) {
	jobs, left, err := s.run.Plan.Jobs(way.Name(), s.corpus.prompts, s.corpus.recordings)
	if err != nil {
		return nil, left, tell(err)
	}
	traces, more, err := folder.Traces(way.Name())
	if err != nil {
		return nil, left, tell(err)
	}
	defer func() { err = errors.Join(err, tell(more.Close())) }()
	todo := leak.Undone(jobs, traces)
	if len(todo) == 0 {
		return traces, left, nil
	}
	c := st.collector(way, s)
	c.Replay = replay
	if err := c.Watch(st.target(way)); err != nil {
		return nil, left, tell(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	m := newMeter(p.screen, false)
	m.begin("traces, " + way.String())
	defer m.end()
	_, labours, err := folder.Labour(way.Name())
	if err != nil {
		return nil, left, tell(err)
	}
	defer func() { err = errors.Join(err, tell(labours.Close())) }()
	var done leak.Labour
	begun := processorSeconds()
	err = c.Collect(ctx, todo, func(_ leak.Job, t leak.Trace) error {
		traces = append(traces, t)
		done.Records += len(t.Sizes)
		m.steps(len(traces), len(jobs), "")
		return more.Write(t)
	})
	done.Seconds = processorSeconds() - begun
	return traces, left, tell(errors.Join(err, labours.Write(done)))
}

// labourOf is what taking the traces of a way has cost, in however many parts.
func labourOf(folder *leak.Folder, way leak.Way) (leak.Labour, error) {
	sum, more, err := folder.Labour(way.Name())
	if err != nil {
		return sum, err
	}
	return sum, more.Close()
}

// processorSeconds is how long processors have worked for this process.
func processorSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// collector is one that asks at a stage.
func (st *stage) collector(way leak.Way, s leakSetup) *leak.Collector {
	tick := shaper.Tick.Seconds()
	return &leak.Collector{
		Way: way, Model: s.run.Model, Most: s.corpus.about.MaxTokens, TLS: st.client, AtOnce: s.run.AtOnce, Within: 4*s.window + 3*time.Minute,
		Ticks: map[string]float64{"paced": tick, "sealed": tick},
		Pad: func(mode string, body []byte) []byte {
			if mode == shaper.Off.String() {
				return body
			}
			return shaper.PadRequest(body)
		},
		Header: func(job leak.Job, id string) http.Header {
			h := http.Header{"Authorization": {"Bearer " + st.token.Reveal()}, http.CanonicalHeaderKey(replayHeader): {id}}
			if job.Mode != shaper.Off.String() {
				h.Set("X-Abaton-Shape", job.Mode)
			}
			return h
		},
	}
}

// target is where a way's server listens.
func (st *stage) target(way leak.Way) string {
	if way.HTTP2 {
		return st.second.Addr().String()
	}
	return st.door.TLSAddr().String()
}

// attack runs all attacks on all modes of a way.
func (s leakSetup) attack(ctx context.Context, p *program, outcomes *leak.Outcomes, way leak.Way, traces []leak.Trace, live *leak.LiveReport) (r leak.WayReport, err error) {
	r.Way = way
	off := only(traces, shaper.Off.String())
	attacks := leak.Attacks()
	if s.run.Kind == fullKind {
		attacks = append(attacks, leak.MoreAttacks()...)
	} else {
		lighten(attacks)
	}
	study := leak.Study{Noise: corpus.Noise, Topics: s.run.Plan.Topics, Attacks: leak.Unpooled(attacks, off), Effort: s.run.Effort}
	// As many as the correction for so many questions asks for.
	study.Effort.Permutations = max(study.Effort.Permutations, 20*len(study.Attacks)*len(study.Topics))
	m := newMeter(p.screen, false)
	m.begin("attacks, " + way.String())
	defer m.end()
	n, all := 0, (len(study.Attacks)*len(study.Topics)+3)*len(s.run.Plan.Modes)
	study.Kept = func(key string, into any) bool {
		there := outcomes.Kept(key, into)
		if there {
			n++
		}
		return there
	}
	study.Keep = func(key string, found any) error {
		n++
		m.steps(min(n, all), all, "")
		if err := ctx.Err(); err != nil {
			return err
		}
		return outcomes.Keep(key, found)
	}
	if r.Controls, err = study.Controls(off); err != nil {
		return r, tell(err)
	}
	for _, mode := range s.run.Plan.Modes {
		own := only(traces, mode)
		one := leak.ModeReport{Mode: mode, Traces: len(own), Cost: leak.CostOf(own)}
		if one.TracesSHA, err = leak.Digest(own); err != nil {
			return r, err
		}
		if s.run.Kind == fullKind {
			if one.Wider, err = study.Wider(mode, own); err != nil {
				return r, tell(err)
			}
		}
		if mode != shaper.Off.String() {
			if one.Evidence, err = study.Judge(mode, own, r.Controls); err != nil {
				return r, tell(err)
			}
			s.name(&one.Evidence, way)
			if live != nil && live.Way == way && live.Mode == mode {
				one.Evidence.Live = &live.Outcome
			}
			one.Claim = one.Evidence.Choose()
		}
		r.Modes = append(r.Modes, one)
	}
	return r, nil
}

// lighten makes the learners of a quick run: fewer trees.
func lighten(attacks []leak.Attack) {
	for i, a := range attacks {
		switch l := a.Learner.(type) {
		case learn.Forest:
			l.Trees = 30
			attacks[i].Learner = l
		case learn.Boost:
			l.Rounds = 60
			attacks[i].Learner = l
		}
	}
}

// name says what a claim rests on.
func (s leakSetup) name(e *leak.Evidence, way leak.Way) {
	e.Corpus, e.Model, e.Hardware = s.run.Corpus, s.run.Model, s.run.Hardware
	e.Commit = fmt.Sprintf("abaton %s, SHA-256 %.12s…", s.run.Program, s.run.ProgramSHA)
	e.Protocol = fmt.Sprintf("%s, windows of %d s", way, s.run.WindowSecond)
	e.Structural = structural
}

// structural: equality of traces in virtual time is what the tests of package api
// hold this source to, in every dialect, over both versions of HTTP, streamed and
// whole. Nothing that fails them is handed out.
const structural = true

// only is the traces of a mode, always in one order: a run that was stopped and
// went on is to find what it would have found at once.
func only(traces []leak.Trace, mode string) (out []leak.Trace) {
	for _, t := range traces {
		if t.Mode == mode {
			out = append(out, t)
		}
	}
	leak.Sort(out)
	return out
}

// writeTraces writes a list as the Whisper Leak toolkit keeps it. Where there are
// several ways, each gets a file of its own.
func writeTraces(path string, way leak.Way, ways int, traces []leak.Trace) error {
	if ways > 1 {
		ext := filepath.Ext(path)
		path = path[:len(path)-len(ext)] + "-" + way.Name() + ext
	}
	var b bytes.Buffer
	if err := leak.WriteList(&b, traces); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// machineWords is this machine in a few words.
func machineWords() string {
	m, err := hardware.Probe()
	if err != nil {
		return "unknown hardware"
	}
	return fmt.Sprintf("%s, %d cores", m.CPUModel, m.PhysicalCores)
}

// tell prints what was found and keeps the report.
func (o *leakOptions) tell(p *program, r leak.Report, folder *leak.Folder) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	var plot bytes.Buffer
	if err := leak.WritePlot(&plot, r.Best()); err != nil {
		return err
	}
	files := map[string][]byte{}
	if o.out != "" {
		files[folder.Path("report.json")], files[folder.Path("plot.svg")] = text, plot.Bytes()
	}
	if o.report != "" {
		files[o.report], files[o.report[:len(o.report)-len(filepath.Ext(o.report))]+".svg"] = text, plot.Bytes()
	}
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return tell(err)
		}
	}
	if o.json {
		fmt.Fprintf(p.screen.out, "%s\n", text)
	} else if err := r.Text(p.screen.out); err != nil {
		return err
	}
	if r.Found() {
		return checksFailed{}
	}
	return nil
}
