package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
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
