package engine

import (
	"os"
	"strings"

	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

// Sizes of what an engine may write where no snapshot is made of it; else they
// follow what that needs.
const (
	runSize  = 64 << 20
	fileSize = 64 << 20
)

// jailSpec says how the engine runs: its program and libraries, one model, and
// a private /run. Libraries keep the paths that they have outside, so that the
// loader finds them with and without a root of its own; there is no cache of
// them in the jail, so their folders are named. Program, folder and model are
// what was checked, by inode; system libraries belong to root and go by path.
func jailSpec(pack *enginepack.Pack, held *enginepack.Held, path string, model *os.File, f flags, memory, snapshot int64) sandbox.Spec {
	s := sandbox.Spec{
		Name:     "engine",
		Program:  sandbox.File{Path: pack.Server, Inside: packInside, Exec: true, Opened: held.Server},
		Files:    []sandbox.File{{Path: path, Inside: modelInside, Opened: model}},
		Args:     f.args,
		Policy:   sandbox.Native,
		Memory:   memory,
		RunSize:  max(runSize, snapshot+1<<20),
		FileSize: max(fileSize, snapshot),
		RunDirs:  []string{"slots"},
	}
	folders := pack.LibDirs()
	if pack.Layout == enginepack.Shared {
		// Parts of the engine are looked for in the working directory.
		s.Program.Inside = pack.Server
		s.Files = append(s.Files, sandbox.File{Path: pack.Dir, Inside: pack.Dir, Exec: true, ReadDir: true, Opened: held.Dir})
		s.Dir, s.ListDirs = pack.Dir, true
		folders = append([]string{pack.Dir}, folders...)
	}
	for _, lib := range pack.Libs {
		s.Files = append(s.Files, sandbox.File{Path: lib, Inside: lib, Exec: true})
	}
	s.Env = environment(strings.Join(folders, ":"))
	return s
}
