package egress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Progress is told how far a fetch is: bytes there, and bytes in all, -1 when
// that is not known. It is called from the fetching goroutine, some 20 times a
// second at most, and at the end.
type Progress func(done, total int64)

const buffered = 1 << 20 // bytes

// Fetch completes part, whose first bytes may be there from an earlier try, to
// the file whose SHA-256 is want. It goes on by range requests (RFC 9110
// section 14) after network errors, starts again when the server has another
// file by now, and never trusts a byte before the digest of the whole matched:
// until then part is only a part. size is the file's size in bytes, -1 when it
// is not known.
//
// part must be open for reading and writing; it is not synced. Errors are
// *DigestError (part is empty then), *SizeError, *SpaceError, *HTTPError,
// *RefusedError, ErrSlow, ErrStalled or of the network; what was fetched stays
// in part.
func (d *Door) Fetch(ctx context.Context, address string, part *os.File, want [32]byte, size int64, p Progress) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	if p == nil {
		p = func(int64, int64) {}
	}
	f := &fetch{door: d, address: address, host: u.Host, part: part, want: want, size: size, total: size, progress: p}
	if err := f.pickUp(ctx); err != nil {
		return err
	}
	if f.done > 0 && bytes.Equal(f.sum.Sum(nil), want[:]) {
		p(f.done, f.done)
		return nil // an earlier try had all of it
	}
	anew := false
	since := pace{d.config.Now(), f.done} // when failures were last forgiven
	for failed := 0; ; failed++ {
		err := f.attempt(ctx)
		if err == nil {
			mixed := f.mixed
			if err = f.verify(); err == nil {
				p(f.done, f.done)
				return nil
			}
			if !mixed || anew {
				return err
			}
			anew, failed, since = true, -1, pace{d.config.Now(), f.done} // bytes of two files, perhaps: once more, from the start
			continue
		}
		if now := d.config.Now(); since.fair(now, f.done) {
			failed, since = 0, pace{now, f.done}
		}
		if failed >= temporary(err) {
			return err
		}
		if err := d.pause(ctx, failed, err); err != nil {
			return err
		}
	}
}

// fetch is one call of Fetch.
type fetch struct {
	door     *Door
	address  string
	host     string
	part     *os.File
	want     [32]byte
	size     int64 // as expected, -1 unknown
	total    int64 // as the server says, -1 unknown
	progress Progress
	said     time.Time

	sum   hash.Hash // of the first done bytes
	done  int64
	etag  string // strong validator of what is in part, "" unknown
	mixed bool   // part holds bytes of more than one reply
	whole bool   // range replies were of no use
}

// pickUp hashes what an earlier try left.
func (f *fetch) pickUp(ctx context.Context) error {
	f.sum = sha256.New()
	st, err := f.part.Stat()
	if err != nil {
		return err
	}
	if f.size >= 0 && st.Size() > f.size {
		return f.restart()
	}
	buf := make([]byte, buffered)
	for f.done < st.Size() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.part.ReadAt(buf[:min(buffered, st.Size()-f.done)], f.done)
		f.sum.Write(buf[:n])
		f.done += int64(n)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			return f.restart()
		}
	}
	f.mixed = f.done > 0
	return nil
}

// restart forgets what was fetched.
func (f *fetch) restart() error {
	f.sum.Reset()
	f.done, f.etag, f.mixed = 0, "", false
	return f.part.Truncate(0)
}

// attempt makes one request and writes what comes.
func (f *fetch) attempt(ctx context.Context) error {
	if f.size >= 0 && f.done == f.size {
		return nil
	}
	header := make(http.Header)
	if f.done > 0 && f.whole {
		if err := f.restart(); err != nil {
			return err
		}
	}
	if f.done > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", f.done))
		if f.etag != "" {
			header.Set("If-Range", f.etag)
		}
	}
	r, err := f.door.open(ctx, http.MethodGet, f.address, header, true)
	if err != nil {
		return err
	}
	defer r.Close()
	complete, err := f.judge(r)
	if complete || err != nil {
		return err
	}
	if err := f.room(); err != nil {
		return err
	}
	return f.copy(r)
}

// judge decides whether the body continues part or begins it anew.
func (f *fetch) judge(r *reply) (complete bool, err error) {
	etag := r.Header.Get("ETag")
	if strings.HasPrefix(etag, "W/") {
		etag = ""
	}
	switch r.StatusCode {
	case http.StatusOK: // also when the server ignores ranges or the file changed
		if f.done > 0 {
			if err := f.restart(); err != nil {
				return false, err
			}
		}
		f.total = r.ContentLength
	case http.StatusPartialContent:
		from, total, ok := contentRange(r.Header.Get("Content-Range"))
		changed := f.etag != "" && etag != "" && etag != f.etag || f.total >= 0 && total >= 0 && total != f.total
		if !ok || from != f.done || changed {
			f.whole = true
			return false, fmt.Errorf("%s: %w", r.at.Host, errAgain)
		}
		if total >= 0 {
			f.total = total
		}
		f.mixed = true
	case http.StatusRequestedRangeNotSatisfiable:
		if s, ok := strings.CutPrefix(r.Header.Get("Content-Range"), "bytes */"); ok && s == strconv.FormatInt(f.done, 10) {
			return true, nil
		}
		f.whole = true
		return false, fmt.Errorf("%s: %w", r.at.Host, errAgain)
	case http.StatusNoContent, http.StatusResetContent:
		return false, fmt.Errorf("%s sends nothing", r.at.Host)
	default:
		if err := r.failure(); err != nil {
			return false, err
		}
		return false, &HTTPError{Host: r.at.Host, Status: r.StatusCode}
	}
	f.etag = etag
	if f.size >= 0 && f.total >= 0 && f.total != f.size {
		return false, &SizeError{Host: r.at.Host, Want: f.size, Got: f.total}
	}
	if f.total < 0 {
		f.total = f.size
	}
	return false, nil
}

// contentRange reads "bytes 5-9/10"; total is -1 for "*".
func contentRange(s string) (from, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, all, cut := strings.Cut(s, "/")
	first, last, dash := strings.Cut(span, "-")
	if !ok || !cut || !dash {
		return 0, 0, false
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	total = -1
	var err3 error
	if all != "*" {
		total, err3 = strconv.ParseInt(all, 10, 64)
	}
	return from, total, errors.Join(err1, err2, err3) == nil && from >= 0 && to >= from && (total == -1 || to < total)
}

// copy writes and hashes the body.
func (f *fetch) copy(r *reply) error {
	buf := make([]byte, buffered)
	began := pace{f.door.config.Now(), f.done}
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if f.total >= 0 && f.done+int64(n) > f.total {
				return &SizeError{Host: r.at.Host, Want: f.total, Got: f.done + int64(n)}
			}
			w, werr := f.part.WriteAt(buf[:n], f.done)
			f.sum.Write(buf[:w])
			f.done += int64(w)
			if werr != nil {
				return Full(f.part, werr, f.missing())
			}
			f.tell()
		}
		if err == nil {
			if err = began.slow(f.door.config.Now(), f.done, judged); err != nil {
				err = clean(r.at.Host, err)
				r.err = err
			}
		}
		switch {
		case err == io.EOF && f.total >= 0 && f.done < f.total:
			return fmt.Errorf("%s ended too early: %w", r.at.Host, io.ErrUnexpectedEOF)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

func (f *fetch) missing() int64 { return max(f.total-f.done, 1) }

func (f *fetch) tell() {
	if now := time.Now(); now.Sub(f.said) > 50*time.Millisecond {
		f.said = now
		f.progress(f.done, f.total)
	}
}

// verify holds the whole against the digest.
func (f *fetch) verify() error {
	got := f.sum.Sum(nil)
	if bytes.Equal(got, f.want[:]) {
		return nil
	}
	e := &DigestError{Host: f.host, Want: f.want, Got: [32]byte(got), Size: f.done}
	return errors.Join(e, f.restart())
}

// room fails before a byte is written that would not fit.
func (f *fetch) room() error {
	if f.total < 0 {
		return nil
	}
	return Room(f.part, f.missing(), f.total)
}
