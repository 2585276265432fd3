package audit

import (
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// scanner reads a log from its first record to its last and holds it against
// the links and the hash tiles.
type scanner struct {
	fsys   fs.FS
	signed int64               // so many records must be there
	roots  map[int64]tlog.Hash // filled in for the sizes that it has as keys
	each   func(Record)        // may be nil
	emit   func(level int, n int64, h tlog.Hash)

	tree  tree
	sound int64 // records that were in order
	link  link
	first int64 // time of the first record
	time  int64 // of the last one
	torn  bool  // a write was cut short at the end; what it wrote counts for nothing
	tiles [8]tileRead
	fault *Fault
}

type tileRead struct {
	n    int64 // place in its level, plus one; 0: none read
	data []byte
}

func newScanner(fsys fs.FS, origin string, signed int64) *scanner {
	return &scanner{fsys: fsys, signed: signed, roots: map[int64]tlog.Hash{signed: {}}, link: firstLink(origin)}
}

// runAgainst scans and compares with what was signed. The error is the earliest
// *Fault, or of the file system.
func (s *scanner) runAgainst(heads []head) error {
	for _, h := range heads {
		s.roots[h.size] = tlog.Hash{}
	}
	err := s.run()
	for len(heads) > 0 && heads[len(heads)-1].size > s.sound {
		heads = heads[:len(heads)-1] // never reached
	}
	if early := holds(heads, s.roots); early != nil {
		return early
	}
	return err
}

func (s *scanner) run() error {
	s.mark()
	for n := int64(0); ; n++ {
		// The tile before the leaves: a log that is being written has every leaf
		// before its hash.
		if err := s.readTile(0, n); err != nil {
			return err
		}
		data, err := readSome(s.fsys, tilePath(entries, n), bundleSize)
		if err != nil {
			return err
		}
		must := max(min(s.signed-n*tileWidth, tileWidth), 0)
		for k := range must {
			if int64(len(data)) < (k+1)*entrySize {
				return bad(s.tree.size, "it is missing, %s", endOf(tilePath(entries, n), data))
			}
			if err := s.take(data[k*entrySize:][:entrySize]); err != nil {
				return err
			}
		}
		full, err := s.tail(data, must*entrySize)
		if err != nil {
			return err
		}
		if !full {
			return s.end(n, len(data))
		}
	}
}

func endOf(name string, data []byte) string {
	if data == nil {
		return name + " is not there"
	}
	return name + " ends too early"
}

// take takes one entry of a bundle as the next record.
func (s *scanner) take(entry []byte) error {
	r, l, err := s.parse(entry, s.link)
	if err != nil {
		return err
	}
	at := r.Time.Unix()
	if at < s.time && r.What != ClockJump {
		return bad(s.tree.size, "it is older than the one before")
	}
	if s.tree.size == 0 {
		s.first = at
	}
	r.Index = s.tree.size
	s.link, s.time = l, at
	s.tree.add(tlog.RecordHash(entry[2:]), s.compare)
	if s.fault != nil {
		return s.fault
	}
	if s.each != nil {
		s.each(r)
	}
	s.mark()
	return nil
}

// parse decodes an entry that should follow prev.
func (s *scanner) parse(entry []byte, prev link) (Record, link, error) {
	if entry[0] != 0 || entry[1] != LeafSize {
		return Record{}, link{}, bad(s.tree.size, "%v", errLeafFormat)
	}
	r, l, err := parseLeaf(entry[2:])
	if err != nil {
		return r, l, bad(s.tree.size, "%v", err)
	}
	if linkOf(entry[2:][:linked], prev) != l {
		return r, l, bad(s.tree.size, "it does not follow from the one before: it was changed, or records were taken out, put in or moved here")
	}
	return r, l, nil
}

// mark notes that all was well up to here, and the root where somebody asked
// for it.
func (s *scanner) mark() {
	s.sound = s.tree.size
	if _, asked := s.roots[s.tree.size]; asked {
		s.roots[s.tree.size] = s.tree.root()
	}
}

// compare holds a computed hash against the tile on disk. Those of records that
// are not signed yet may be missing or half-written: they are written again.
func (s *scanner) compare(level int, n int64, h tlog.Hash) {
	if s.fault != nil {
		return
	}
	if s.emit != nil {
		s.emit(level, n, h)
	}
	if n >= parts(level, s.signed) {
		return
	}
	if err := s.readTile(level, n>>tileHeight); err != nil {
		s.fault = bad(s.tree.size, "%v", err)
		return
	}
	data := s.tiles[level].data
	at := n % tileWidth * tlog.HashSize
	switch {
	case int64(len(data)) < at+tlog.HashSize:
		s.fault = bad(s.tree.size, "its hash is missing, %s", endOf(tilePath(level, n>>tileHeight), data))
	case tlog.Hash(data[at:]) != h:
		s.fault = bad(s.tree.size, "it is not the one that %s has the hash of", tilePath(level, n>>tileHeight))
	}
}

func (s *scanner) readTile(level int, n int64) error {
	t := &s.tiles[level]
	if t.n == n+1 {
		return nil
	}
	data, err := readSome(s.fsys, tilePath(level, n), tileSize)
	*t = tileRead{n + 1, data}
	return err
}

// tail takes the records of a bundle that were not signed yet, from byte at on.
// Records that were written together count only if all of them are there: they
// became durable, and were acknowledged, at once. full says that the bundle is
// full and the next one may hold more.
func (s *scanner) tail(data []byte, at int64) (full bool, err error) {
	for at < int64(len(data)) {
		n, fault := s.group(data[at:])
		if fault != nil {
			if !cutShort(data[at:], at, s.link) {
				return false, fault
			}
			s.torn = true
			return false, nil
		}
		for range n {
			if err := s.take(data[at:][:entrySize]); err != nil {
				return false, err
			}
			at += entrySize
		}
	}
	return at == bundleSize, nil
}

// group counts the records of the complete group that b begins with.
func (s *scanner) group(b []byte) (n int, fault error) {
	prev, left := s.link, 0
	for n = 0; n == 0 || left >= 0; n++ {
		if len(b) < (n+1)*entrySize {
			return 0, bad(s.tree.size+int64(n), "it is not whole")
		}
		r, l, err := s.parse(b[n*entrySize:][:entrySize], prev)
		if n > 0 && err == nil && int(r.more) != left {
			err = bad(s.tree.size, "it does not belong to those that it was written with")
		}
		if err != nil {
			f := *err.(*Fault)
			f.Record, f.Last = f.Record+int64(n), f.Last+int64(n)
			return 0, &f
		}
		prev, left = l, int(r.more)-1
	}
	return n, nil
}

// cutShort tells a group whose writing was cut short, which was never
// acknowledged, from one that was damaged afterwards. b runs from the group's
// beginning to the end of the file, base is where it begins in the file. It was
// cut short if nothing was written after it, and either its end or a whole part
// of a sector (512 bytes, as zeros) is missing.
func cutShort(b []byte, base int64, prev link) bool {
	end := groupEnd(b, prev)
	if len(b) < end {
		return true
	}
	for _, c := range b[end:] {
		if c != 0 {
			return false
		}
	}
	b = b[:end]
	const sector = 512
	for at := 0; at < end; {
		next := min(at+sector-int(base+int64(at))%sector, end)
		// Within a sound record up to 68 bytes may be zero, but not the first four,
		// nor the last sixteen.
		long := next-at > 128 || at == 0 && next >= 4 || next == end && next-at >= 16
		if long && isZero(b[at:next]) {
			return true
		}
		at = next
	}
	return false
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// groupEnd is the length of the group that b begins with, as far as a sound
// record in it tells, in bytes.
func groupEnd(b []byte, prev link) int {
	for n := 0; (n+1)*entrySize <= len(b); n++ {
		leaf := b[n*entrySize+2:][:LeafSize]
		r, l, err := parseLeaf(leaf)
		if err == nil && linkOf(leaf[:linked], prev) == l {
			return (n + int(r.more) + 1) * entrySize
		}
		prev = link(leaf[linked:])
	}
	return (len(b) + entrySize - 1) / entrySize * entrySize
}

// end looks for what lies beyond the last record, in bundle n of which length
// bytes were read.
func (s *scanner) end(n int64, length int) error {
	if s.tree.size < s.signed {
		return bad(s.tree.size, "it is missing")
	}
	next, err := readSome(s.fsys, tilePath(entries, n+1), bundleSize)
	if err != nil {
		return err
	}
	var fault error
	if len(next) > 0 {
		fault = bad(s.tree.size, "it is missing, though %s holds later ones", tilePath(entries, n+1))
	}
	for level := range s.tiles {
		have := parts(level, s.tree.size)
		if err := s.readTile(level, have>>tileHeight); err != nil {
			return err
		}
		if fault == nil && int64(len(s.tiles[level].data)) > have%tileWidth*tlog.HashSize {
			fault = bad(s.tree.size, "%s has hashes of records that are not there", tilePath(level, have>>tileHeight))
		}
	}
	if fault == nil {
		return nil
	}
	// A log that is being written has more by now: leaves come before all else.
	again, err := readSome(s.fsys, tilePath(entries, n), bundleSize)
	if err == nil && len(again) > length {
		return nil
	}
	return fault
}

func timeOf(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
