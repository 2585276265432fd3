package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// signEvery is how many records may go unsigned while the log is busy.
	signEvery = 100
	// slack is how far the clock may be set back without a word, in seconds: time
	// servers do that.
	slack = 60
)

// Log is an open log. It is safe for concurrent use.
type Log struct {
	dir    folder
	fsys   fs.FS
	keys   secrets
	signer signer
	log    note.Verifier
	key    string // the public key in words
	now    func() time.Time
	lock   io.Closer

	queue sync.Mutex
	next  *batch // those who wait for the next writing; guarded by queue

	mu      sync.Mutex // held while writing; guards all below
	tree    tree
	link    link
	time    int64               // of the last record
	heads   Record              // the newest that Bind wrote
	pending map[int][]tlog.Hash // by level: hashes that are in no tile on disk yet
	signed  Checkpoint          // the newest
	note    []byte              // as it was signed
	history int64               // bytes
	bundle  file                // the entry bundle under way; nil at its beginning
	made    map[string]bool     // folders that are there for good
	broken  error               // nothing can be written any more
}

// batch is what waits for one writing.
type batch struct {
	records []entry
	done    chan struct{}
	err     error // valid when done is closed
}

// entry is an event that waits for its place. at is its time, 0: now.
type entry struct {
	event Event
	at    int64
}

// Record appends an event and returns when it is on the disk for good. Those
// who wait at the same time share one writing. After an error the event may be
// in the log or not; what was acknowledged before is never lost.
func (l *Log) Record(e Event) error { return l.RecordAll([]Event{e}) }

// RecordAll appends events in order and returns when all of them are on the
// disk for good; an error may leave a first part of them in the log.
func (l *Log) RecordAll(events []Event) error {
	list := make([]entry, len(events))
	for i, e := range events {
		if err := e.check(); err != nil {
			return err
		}
		list[i].event = e
	}
	return l.append(list)
}

// append joins those who wait. The first of them writes for all.
func (l *Log) append(list []entry) error {
	if len(list) == 0 {
		return nil
	}
	l.queue.Lock()
	b := l.next
	writes := b == nil
	if writes {
		b = &batch{done: make(chan struct{})}
		l.next = b
	}
	b.records = append(b.records, list...)
	l.queue.Unlock()
	if !writes {
		<-b.done
		return b.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.Lock()
	l.next = nil // who comes from now on waits for the next writing
	l.queue.Unlock()
	b.err = l.write(b.records)
	close(b.done)
	return b.err
}

// write gives the entries their times and places and writes them in groups,
// none of which lies in two bundles. The caller holds mu.
func (l *Log) write(list []entry) error {
	if l.broken != nil {
		return l.broken
	}
	records := l.timed(list)
	for len(records) > 0 {
		n := min(int64(len(records)), tileWidth-l.tree.size%tileWidth)
		if err := l.writeGroup(records[:n]); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
		records = records[n:]
	}
	if l.tree.size-l.signed.Size >= signEvery {
		return l.sign()
	}
	return nil
}

// timed makes records of entries: times and pseudonyms. Time in the log goes
// back only where a record says so. The caller holds mu.
func (l *Log) timed(list []entry) []Record {
	now, last := min(max(l.now().Unix(), 0), lastTime), l.time
	records := make([]Record, 0, len(list)+1)
	if now < last-slack {
		records = append(records, Record{What: ClockJump, Detail: uint32(min(last-now, 1<<32-1)), Time: timeOf(now)})
		last = now
	}
	for _, e := range list {
		at := now
		if e.at != 0 {
			at = min(e.at, now)
		}
		last = max(at, last)
		records = append(records, Record{
			Time: timeOf(last), What: e.event.What, Result: e.event.Result, Detail: e.event.Detail, Digest: e.event.Digest,
			Actor: l.keys.pseudonym(e.event.Actor), Object: l.keys.pseudonym(e.event.Object),
		})
		if e.event.What == Heads {
			records[len(records)-1].Digest = l.keys.heads(last, e.event.Digest)
		}
	}
	return records
}

// writeGroup makes records durable together, then takes them into the tree.
func (l *Log) writeGroup(records []Record) error {
	name := tilePath(entries, l.tree.size/tileWidth)
	at := l.tree.size % tileWidth * entrySize
	b := make([]byte, 0, len(records)*entrySize)
	last := l.link
	for i, r := range records {
		r.more = uint8(len(records) - 1 - i)
		b = append(b, 0, LeafSize)
		b, last = appendLeaf(b, r, last)
	}
	if l.bundle == nil {
		f, err := l.openMade(name)
		if err != nil {
			return err
		}
		l.bundle = f
	}
	if _, err := l.bundle.WriteAt(b, at); err != nil {
		// What was written of it must not stay: the next group goes to its place.
		if undo := l.bundle.Truncate(at); undo != nil {
			l.breakOff(err)
		}
		return err
	}
	if err := l.bundle.Sync(); err != nil {
		// After that nobody knows what is on the disk, and a second sync may lie.
		l.breakOff(err)
		return err
	}
	for ; len(b) > 0; b = b[entrySize:] {
		l.tree.add(tlog.RecordHash(b[2:entrySize]), l.keep)
	}
	l.link, l.time = last, records[len(records)-1].Time.Unix()
	for _, r := range records {
		l.noteHeads(r)
	}
	if l.tree.size%tileWidth == 0 {
		full := l.bundle
		l.bundle = nil
		return full.Close()
	}
	return nil
}

// keep remembers a hash for the next signing.
func (l *Log) keep(level int, _ int64, h tlog.Hash) {
	l.pending[level] = append(l.pending[level], h)
}

func (l *Log) breakOff(err error) {
	l.broken = fmt.Errorf("the audit log cannot be written any more (%w): mend the disk, then start again; what was acknowledged is there", err)
}

// openMade opens a file for writing that will be there for good, and its
// folders as well.
func (l *Log) openMade(name string) (file, error) {
	parent := "."
	for _, dir := range folders(name) {
		if !l.made[dir] {
			if err := l.dir.Mkdir(dir); err != nil {
				return nil, err
			}
			if err := l.dir.SyncDir(parent); err != nil {
				return nil, err
			}
			l.made[dir] = true
		}
		parent = dir
	}
	f, err := l.dir.OpenFile(name)
	if err != nil {
		return nil, err
	}
	if err := l.dir.SyncDir(parent); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Sign writes a checkpoint over all records, if there are new ones.
func (l *Log) Sign() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	return l.sign()
}

// sign writes tiles, history and checkpoint, in this order: what is signed is
// there. Trying again after an error writes the same bytes to the same places.
// The caller holds mu.
func (l *Log) sign() error {
	if l.tree.size == l.signed.Size {
		return nil
	}
	if err := l.writeTiles(); err != nil {
		return fmt.Errorf("writing the hashes of the audit log: %w", err)
	}
	text := treeText(l.log.Name(), l.tree.size, l.tree.root())
	signature := l.signer.sign([]byte(text))
	msg := rebuilt(text, l.log, signature)
	c, err := openOwn(msg, l.log)
	if err != nil {
		return fmt.Errorf("signing the audit log: %w", err)
	}
	if err := l.writeHead(headOf(c, msg), l.history); err != nil {
		return fmt.Errorf("signing the audit log: %w", err)
	}
	if err := replace(l.dir, checkpointFile, msg); err != nil {
		return fmt.Errorf("signing the audit log: %w", err)
	}
	l.signed, l.note, l.history = c, msg, l.history+headSize
	return nil
}

func (l *Log) writeHead(h head, at int64) error {
	return write(l.dir, historyFile, h.append(nil), at)
}

// writeTiles writes the pending hashes to their tiles.
func (l *Log) writeTiles() error {
	for level := range l.tiles() {
		for len(l.pending[level]) > 0 {
			hashes := l.pending[level]
			n := parts(level, l.tree.size) - int64(len(hashes)) // place of the first
			k := min(tileWidth-n%tileWidth, int64(len(hashes)))
			b := make([]byte, 0, k*tlog.HashSize)
			for _, h := range hashes[:k] {
				b = append(b, h[:]...)
			}
			name := tilePath(level, n>>tileHeight)
			if n%tileWidth == 0 {
				f, err := l.openMade(name)
				if err != nil {
					return err
				}
				if err := f.Close(); err != nil {
					return err
				}
			}
			if err := write(l.dir, name, b, n%tileWidth*tlog.HashSize); err != nil {
				return err
			}
			l.pending[level] = hashes[k:]
		}
		l.pending[level] = nil
	}
	return nil
}

// tiles is how many levels of tiles the tree has.
func (l *Log) tiles() int {
	n := 0
	for parts(n, l.tree.size) > 0 {
		n++
	}
	return n
}

// Close signs what is not signed yet and lets go of the log. The signing key is
// wiped.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.broken, ErrClosed) {
		return nil
	}
	var errs []error
	if l.broken == nil {
		errs = append(errs, l.sign())
	}
	if l.bundle != nil {
		errs = append(errs, l.bundle.Close())
	}
	errs = append(errs, l.lock.Close())
	l.bundle, l.broken = nil, ErrClosed
	clear(l.keys.sign)
	l.keys.blind = nil // its state cannot be wiped, only left to the collector
	return errors.Join(errs...)
}
