package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Check says what to hold a log against besides itself.
type Check struct {
	Key       string   // its public key; empty: the one in its folder, which proves little
	Since     [][]byte // checkpoints that were kept elsewhere: the log must have grown from each
	Witnesses []string // public keys of witnesses; each must have cosigned
	Known     []string // public keys of witnesses that may have: what of theirs is kept must be sound, and of this log
}

// Report is what was seen of a sound log.
type Report struct {
	Origin      string     `json:"origin"`
	Records     int64      `json:"records"` // signed
	Root        Digest     `json:"root"`
	Unsigned    int64      `json:"unsigned"`  // whole records after the newest checkpoint
	CutShort    bool       `json:"cut_short"` // a writing at the end was not finished, and acknowledged to nobody
	Checkpoints int        `json:"checkpoints"`
	First       time.Time  `json:"first,omitzero"`
	Last        time.Time  `json:"last,omitzero"`
	Cosigned    []Cosigned `json:"cosigned"` // as kept in the folder
}

// Cosigned is what one witness vouched for.
type Cosigned struct {
	Witness string    `json:"witness"`
	Records int64     `json:"records"`
	Time    time.Time `json:"time"`
}

// Verify reads a whole log, from a copy of its folder as well, and needs
// nothing but public keys. What is wrong is a *Fault that names the first bad
// record. A log that is being written meanwhile may be read.
func Verify(log fs.FS, check Check) (Report, error) {
	for tries := 0; ; tries++ {
		before, _ := readSome(log, checkpointFile, largestCheckpoint)
		r, err := verify(log, check)
		after, _ := readSome(log, checkpointFile, largestCheckpoint)
		if err == nil || tries == 3 || string(before) == string(after) {
			return r, err
		}
	}
}

func verify(fsys fs.FS, check Check) (r Report, err error) {
	log, err := readKey(fsys, check.Key)
	if err != nil {
		return r, err
	}
	msg, err := readSome(fsys, checkpointFile, largestCheckpoint)
	if err != nil {
		return r, scanned(err)
	}
	heads, _, err := readHistory(fsys, log, msg)
	if err != nil {
		return r, scanned(err)
	}
	newest := heads[len(heads)-1]
	kept, cosigned, err := readKept(fsys, log, check)
	if err != nil {
		return r, scanned(err)
	}
	s := newScanner(fsys, log.Name(), newest.size)
	for _, k := range kept {
		s.roots[k.Size] = tlog.Hash{}
	}
	signatures := make(chan error, 1)
	go func() { signatures <- verifySignatures(heads, log) }()
	err = s.runAgainst(heads)
	if wrong := <-signatures; err == nil {
		err = wrong
	}
	if err != nil {
		return r, scanned(err)
	}
	if err := holdsKept(kept, heads, s); err != nil {
		return r, err
	}
	r = Report{
		Origin: log.Name(), Records: newest.size, Root: Digest(newest.root), Unsigned: s.tree.size - newest.size,
		CutShort: s.torn, Checkpoints: len(heads), Cosigned: cosigned,
	}
	if s.tree.size > 0 {
		r.First, r.Last = timeOf(s.first), timeOf(s.time)
	}
	return r, nil
}

// readKey gives the key to verify with. One that was given must be the one in
// the folder too.
func readKey(fsys fs.FS, given string) (note.Verifier, error) {
	b, err := readSome(fsys, keyFile, largestCheckpoint)
	if err != nil {
		return nil, scanned(err)
	}
	if b == nil {
		if msg, err := readSome(fsys, checkpointFile, largestCheckpoint); err == nil && msg == nil {
			return nil, ErrNoLog
		}
		return nil, &Fault{None, None, "its public key, " + keyFile + ", is missing"}
	}
	if given != "" && string(b) != given+"\n" {
		return nil, &Fault{None, None, "the public key in its folder is not the one given: it is another log, or was signed by somebody else"}
	}
	text := string(b)
	if text == "" || text[len(text)-1] != '\n' {
		return nil, &Fault{None, None, "its public key, " + keyFile + ", is damaged"}
	}
	v, err := ParseKey(text[:len(text)-1])
	if err != nil {
		return nil, &Fault{None, None, "its public key, " + keyFile + ", is damaged"}
	}
	return v, nil
}

// verifySignatures looks at every signature of the history.
func verifySignatures(heads []head, log note.Verifier) error {
	workers := runtime.GOMAXPROCS(0)
	wrong := make([]int, workers) // index plus one of the first wrong one
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(heads) && wrong[w] == 0; i += workers {
				if !heads[i].signed(log) {
					wrong[w] = i + 1
				}
			}
		})
	}
	wait.Wait()
	first := 0
	for _, i := range wrong {
		if i > 0 && (first == 0 || i < first) {
			first = i
		}
	}
	if first == 0 {
		return nil
	}
	return &Fault{None, None, fmt.Sprintf("the signature of the checkpoint of %d records is wrong", heads[first-1].size)}
}

// readKept opens the checkpoints that were kept elsewhere and those that
// witnesses left in the folder.
func readKept(fsys fs.FS, log note.Verifier, check Check) (kept []Checkpoint, cosigned []Cosigned, err error) {
	for _, msg := range check.Since {
		c, _, err := openNote(msg, log)
		if err != nil {
			return nil, nil, &Fault{None, None, "a checkpoint to compare with cannot be used: " + err.Error()}
		}
		kept = append(kept, c)
	}
	known, missing := map[string]note.Verifier{}, map[string]note.Verifier{}
	for i, key := range slices.Concat(check.Witnesses, check.Known) {
		v, err := ParseWitnessKey(key)
		if err != nil {
			return nil, nil, err
		}
		known[CosignedName(v)] = v
		if i < len(check.Witnesses) {
			missing[CosignedName(v)] = v
		}
	}
	names, err := fs.ReadDir(fsys, cosignedDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, d := range names {
		name := cosignedDir + "/" + d.Name()
		w := known[name]
		delete(missing, name)
		if w == nil {
			continue // of a witness that nobody asked about: nothing could be said of it
		}
		msg, err := readSome(fsys, name, largestCheckpoint)
		if err != nil {
			return nil, nil, err
		}
		c, n, err := openNote(msg, log, w)
		if err != nil || !signedBy(n, w) || len(n.Sigs)+len(n.UnverifiedSigs) != 2 || !isCanonical(msg, n) {
			return nil, nil, &Fault{None, None, "the checkpoint cosigned by " + w.Name() + " is damaged"}
		}
		at, _ := cosignedAt(n, w)
		kept, cosigned = append(kept, c), append(cosigned, Cosigned{w.Name(), c.Size, at})
	}
	for _, w := range missing {
		return nil, nil, &Fault{None, None, "no checkpoint cosigned by " + w.Name() + " is kept with it"}
	}
	return kept, cosigned, nil
}

// Kept is what the witnesses of these public keys cosigned and left with a log.
// Signatures are verified; whether it is of the records that are there only
// Verify says.
func Kept(log fs.FS, known []string) ([]Cosigned, error) {
	v, err := readKey(log, "")
	if err != nil {
		return nil, err
	}
	_, cosigned, err := readKept(log, v, Check{Known: known})
	if err != nil {
		return nil, scanned(err)
	}
	return cosigned, nil
}

// isCanonical reports whether msg is n as it is written, bit by bit. Base 64 has
// several spellings of the same bytes.
func isCanonical(msg []byte, n *note.Note) bool {
	for _, s := range n.Sigs {
		b, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil || base64.StdEncoding.EncodeToString(b) != s.Base64 {
			return false
		}
	}
	again, err := note.Sign(n)
	return err == nil && string(again) == string(msg)
}

// holdsKept compares the log with checkpoints that were kept.
func holdsKept(kept []Checkpoint, heads []head, s *scanner) error {
	for _, k := range kept {
		if k.Size > s.tree.size {
			return bad(s.tree.size, "it is missing: the log had %d records once", k.Size)
		}
		if s.roots[k.Size] == k.Root {
			continue
		}
		// What is there agrees with its own signatures, so a whole other log was
		// signed. It parted from the old one somewhere before.
		return &Fault{0, k.Size - 1, fmt.Sprintf("what is there is not what was signed when the log had %d records: it was rewritten by whoever has the key, or there are two logs", k.Size)}
	}
	return nil
}

// Records yields the records of a log from one on, in order, those that are not
// signed yet as well. It holds each against the link of the one before and says
// nothing about signatures: that is Verify's part. It ends after the first error.
func Records(log fs.FS, from int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		v, err := readKey(log, "")
		if err != nil {
			yield(Record{}, err)
			return
		}
		prev, known := firstLink(v.Name()), from == 0
		for n := max(from, 0) / tileWidth; ; n++ {
			data, err := readSome(log, tilePath(entries, n), bundleSize)
			if err != nil {
				yield(Record{}, scanned(err))
				return
			}
			for k := int64(0); (k+1)*entrySize <= int64(len(data)); k++ {
				index := n*tileWidth + k
				leaf := data[k*entrySize+2:][:LeafSize]
				r, l, err := parseLeaf(leaf)
				if err == nil && (known || index == 0) && linkOf(leaf[:linked], prev) != l {
					err = errors.New("it does not follow from the one before; `abaton log verify` says more")
				}
				if err != nil {
					yield(Record{}, bad(index, "%v", err))
					return
				}
				prev, known = l, true
				r.Index = index
				if index >= from && !yield(r, nil) {
					return
				}
			}
			if len(data) < bundleSize {
				return
			}
		}
	}
}
