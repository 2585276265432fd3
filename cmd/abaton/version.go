package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"abaton.local/models"
	"abaton.local/models/enginepack"
)

// version is set by the linker; see ownVersion.
var version string

// ownVersion is what the linker was told, else what the build recorded.
func ownVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func versionVerb() verb {
	return verb{
		name: "version", short: "versions and digests of the program and its engine",
		about: "Shows the version of this program, what it was built with, and the engine that is installed: its build, " +
			"where it came from, and the SHA-256 of each of its files.",
		examples: []string{"abaton version", "abaton version --json | jq -r .engine.key"},
		settings: []string{"engine"},
		codes:    []int{failed, unprotected},
		bind: func(fs *flag.FlagSet) action {
			asJSON := fs.Bool("json", false, "print one JSON object")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("version", args); err != nil {
					return err
				}
				return showVersion(ctx, p, *asJSON)
			}
		},
	}
}

// buildJSON is this program's own part of `abaton version --json`.
type buildJSON struct {
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	System   string            `json:"system"`
	Modules  map[string]string `json:"modules"`  // path: version and hash
	Settings map[string]string `json:"settings"` // of the build, where recorded
}

func ownBuild() buildJSON {
	b := buildJSON{ownVersion(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, map[string]string{}, map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, m := range info.Deps {
		b.Modules[m.Path] = fmt.Sprintf("%s %s", m.Version, m.Sum)
	}
	for _, s := range info.Settings {
		b.Settings[s.Key] = s.Value
	}
	return b
}

// engineJSON is an engine pack for programs that read our output.
type engineJSON struct {
	Key      string                   `json:"key"`
	Build    string                   `json:"build"`
	Origin   string                   `json:"origin"`
	Trust    string                   `json:"trust"`
	Layout   string                   `json:"layout"`
	Compiler string                   `json:"compiler,omitempty"`
	Flags    []string                 `json:"flags"`
	Features []string                 `json:"cpu_features"`
	Files    map[string]models.Digest `json:"files_sha256"`
}

func describeEngine(p *enginepack.Pack) *engineJSON {
	return &engineJSON{p.Key, p.Build, p.Origin, p.Trust, string(p.Layout), p.Compiler, p.Flags, p.Features, p.Files}
}

func showVersion(ctx context.Context, p *program, asJSON bool) error {
	own := ownBuild()
	pack, err := findPack(ctx, p.cfg)
	if err != nil && !errors.Is(err, enginepack.ErrNone) {
		return tell(err)
	}
	var engine *engineJSON
	if err == nil {
		engine = describeEngine(pack)
	}
	if asJSON {
		return printJSON(p.screen.out, struct {
			Program buildJSON   `json:"program"`
			Engine  *engineJSON `json:"engine"` // null where none is installed
		}{own, engine})
	}
	out := p.screen.out
	fmt.Fprintf(out, "abaton %s\nbuilt with %s for %s\n", own.Version, own.Go, own.System)
	for _, m := range slices.Sorted(maps.Keys(own.Modules)) {
		fmt.Fprintf(out, "  %s %s\n", m, own.Modules[m])
	}
	if engine == nil {
		_, err := fmt.Fprintln(out, "no engine yet: `abaton pull engine` gets one")
		return err
	}
	fmt.Fprintf(out, "engine llama.cpp %s\n  %s\n  from %s\n  key %s\n", engine.Build, cleanLine(engine.Trust), cleanLine(engine.Origin), engine.Key)
	for _, name := range slices.Sorted(maps.Keys(engine.Files)) {
		fmt.Fprintf(out, "  %s %s\n", cleanLine(name), engine.Files[name])
	}
	return nil
}

// findPack is the engine to use: the one that the person names, else the one
// that is installed, checked again.
func findPack(ctx context.Context, c config) (*enginepack.Pack, error) {
	if c.Engine != "" {
		return enginepack.FromPath(c.Engine)
	}
	store, err := enginepack.Open(c.Folders.Engines)
	if err != nil {
		return nil, err
	}
	return store.Installed(ctx)
}
