package audit

import (
	"path"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The layout of C2SP tlog-tiles. On disk, a tile that is not full lies under the
// name of the full one and is shorter; who asks for it by its proper name, with
// .p/W, gets the first W parts of the file. Nothing is ever written twice.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	entrySize  = 2 + LeafSize // in an entry bundle: length, leaf
	bundleSize = tileWidth * entrySize
	tileSize   = tileWidth * tlog.HashSize

	keyFile        = "key"         // the log's public key
	checkpointFile = "checkpoint"  // the newest, a signed note
	historyFile    = "checkpoints" // all, in parts of fixed size
	lockFile       = "lock"
	cosignedDir    = "cosigned" // the newest of each witness, a signed note
)

// entries is the level of entry bundles, as package tlog has it.
const entries = -1

// tilePath is where the full tile lies, relative to the log's folder.
func tilePath(level int, n int64) string {
	return c2spPath(tlog.Tile{H: tileHeight, L: level, N: n, W: tileWidth})
}

// c2spPath is the name of a tile as C2SP writes it: package tlog has the height
// in front, and calls entry bundles data.
func c2spPath(t tlog.Tile) string {
	rest := strings.TrimPrefix(t.Path(), "tile/8/")
	if t.L == entries {
		rest = "entries/" + strings.TrimPrefix(rest, "data/")
	}
	return "tile/" + rest
}

// parsePath reads what c2spPath wrote, and nothing else.
func parsePath(name string) (tlog.Tile, bool) {
	rest, ok := strings.CutPrefix(name, "tile/")
	if !ok {
		return tlog.Tile{}, false
	}
	if r, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + r
	} else if strings.HasPrefix(rest, "data/") {
		return tlog.Tile{}, false
	}
	t, err := tlog.ParseTilePath("tile/8/" + rest)
	return t, err == nil && t.L < 8
}

// unit is the size of one part of a tile of this level, in bytes.
func unit(level int) int64 {
	if level == entries {
		return entrySize
	}
	return tlog.HashSize
}

// parts is how many parts the level of a tree of size records has.
func parts(level int, size int64) int64 { return size >> (tileHeight * max(level, 0)) }

// folders are the folders that a file lies in, outermost first.
func folders(name string) (list []string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		list = append([]string{dir}, list...)
	}
	return list
}
