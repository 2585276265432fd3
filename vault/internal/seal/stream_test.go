package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
)

func streamOf(t testing.TB, plain []byte, k *Key, p Place, salt *[saltSize]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := sealStream(&out, k, p, salt)
	if n, err := w.Write(plain); n != len(plain) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(plain), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// readStream opens a stream and reads all of it.
func readStream(sealed []byte, k *Key, p Place) ([]byte, error) {
	r, err := OpenStream(bytes.NewReader(sealed), int64(len(sealed)), k, p)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func TestOnlyTheWholeStreamAtItsPlaceOpens(t *testing.T) {
	k, p := NewKey(), somewhere()
	flips, cuts := 0, 0
	for _, size := range []int{0, 1, 200, 1000} { // every bit
		sealed := streamOf(t, noise(size), k, p, &[saltSize]byte{1})
		if int64(len(sealed)) != StreamSize(int64(size)) {
			t.Fatalf("%d bytes became %d", size, len(sealed))
		}
		if got, err := readStream(sealed, k, p); err != nil || !bytes.Equal(got, noise(size)) {
			t.Fatalf("%d bytes do not open: %v", size, err)
		}
		for i := range 8 * len(sealed) {
			sealed[i/8] ^= 1 << (i % 8)
			if _, err := readStream(sealed, k, p); err != ErrOpen {
				t.Fatalf("bit %d of %d bytes: %v", i, size, err)
			}
			sealed[i/8] ^= 1 << (i % 8)
			flips++
		}
		for _, q := range elsewhere(p) {
			if _, err := readStream(sealed, k, q); err != ErrOpen {
				t.Fatalf("at another place: %v", err)
			}
		}
		if _, err := readStream(sealed, NewKey(), p); err != ErrOpen {
			t.Fatalf("under another key: %v", err)
		}
	}
	for _, size := range []int{ChunkSize + 300, 2 * ChunkSize} { // a bit of each byte, every length
		sealed := streamOf(t, noise(size), k, p, &[saltSize]byte{1})
		for i := range sealed {
			sealed[i] ^= 1 << (i % 8)
			if _, err := readStream(sealed, k, p); err != ErrOpen {
				t.Fatalf("byte %d of %d: %v", i, size, err)
			}
			sealed[i] ^= 1 << (i % 8)
			flips++
		}
		for n := range sealed {
			// Opening alone must see it, whatever is read afterwards.
			if _, err := OpenStream(bytes.NewReader(sealed), int64(n), k, p); err != ErrOpen {
				t.Fatalf("cut to %d of %d bytes: %v", n, len(sealed), err)
			}
			if _, err := OpenStream(bytes.NewReader(sealed[:n]), int64(len(sealed)), k, p); err != ErrOpen {
				t.Fatalf("a source that ends after %d of %d bytes: %v", n, len(sealed), err)
			}
			cuts += 2
		}
	}
	t.Logf("0 of %d bit flips, %d cuts opened", flips, cuts)
}

// TestChunksKeepTheirPlaces moves whole chunks about, each of which is sound.
func TestChunksKeepTheirPlaces(t *testing.T) {
	k, p := NewKey(), somewhere()
	plain := noise(4*ChunkSize + 100)
	head, chunks := cut(streamOf(t, plain, k, p, &[saltSize]byte{1}))
	_, foreign := cut(streamOf(t, plain, k, p, &[saltSize]byte{2}))
	join := func(chunks ...[]byte) []byte { return append(bytes.Clone(head), slices.Concat(chunks...)...) }
	if got, err := readStream(join(chunks...), k, p); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("cut and joined again: %v", err)
	}
	tried := 0
	refuse := func(what string, chunks [][]byte) {
		tried++
		if _, err := readStream(join(chunks...), k, p); err != ErrOpen {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range chunks {
		refuse(fmt.Sprint("without chunk ", i), slices.Delete(slices.Clone(chunks), i, i+1))
		refuse(fmt.Sprint("cut before chunk ", i), slices.Clone(chunks[:i]))
		refuse(fmt.Sprint("chunk twice ", i), slices.Insert(slices.Clone(chunks), i, chunks[i]))
		of := slices.Clone(chunks)
		of[i] = foreign[i]
		refuse(fmt.Sprint("another stream's chunk ", i), of)
		for j := range i {
			of := slices.Clone(chunks)
			of[i], of[j] = of[j], of[i]
			refuse(fmt.Sprint("swapped ", i, j), of)
			of = slices.Clone(chunks)
			of[i] = of[j]
			refuse(fmt.Sprint("chunk for another ", i, j), of)
			refuse(fmt.Sprint("again at the end ", i, j), append(slices.Clone(chunks), chunks[j:i]...))
		}
	}
	if _, err := readStream(append(bytes.Clone(streamOf(t, plain, k, p, &[saltSize]byte{2})[:streamHead]), slices.Concat(chunks...)...), k, p); err != ErrOpen {
		t.Errorf("another stream's head: %v", err)
	}
	t.Logf("0 of %d rearranged streams opened", tried)
}

func cut(sealed []byte) (head []byte, chunks [][]byte) {
	head, rest := sealed[:streamHead], sealed[streamHead:]
	for c := range slices.Chunk(rest, sealedChunk) {
		chunks = append(chunks, c)
	}
	return head, chunks
}

// A full last chunk is refused even from the key's holder: it would make two
// streams of one value.
func TestFullLastChunkIsRefused(t *testing.T) {
	k, p, salt := NewKey(), somewhere(), [saltSize]byte{1}
	s, commitment := newStream(k, &p, salt[:])
	sealed := append(salt[:], commitment...)
	sealed = s.gcm.Seal(sealed, s.nonce(0), noise(ChunkSize), nil)
	if _, err := readStream(sealed, k, p); err != ErrOpen {
		t.Errorf("a full last chunk: %v", err)
	}
	sealed = s.gcm.Seal(sealed, s.nonce(1), nil, nil)
	if got, err := readStream(sealed, k, p); err != nil || len(got) != ChunkSize {
		t.Errorf("with the empty one behind it: %d bytes, %v", len(got), err)
	}
}

func TestNoncesOfAStream(t *testing.T) {
	p := somewhere()
	s, _ := newStream(NewKey(), &p, make([]byte, saltSize))
	for _, bit := range []int{0, 7, 8, 31, 32, 39} {
		n := s.nonce(1 << bit)
		n[nonceSize-1-bit/8] ^= 1 << (bit % 8)
		if !bytes.Equal(n, s.base[:]) {
			t.Errorf("chunk 1<<%d: the nonce differs from the base elsewhere", bit)
		}
	}
	w := SealStream(io.Discard, NewKey(), p)
	w.chunk = maxChunks - 1
	if _, err := w.Write(make([]byte, 2*ChunkSize)); err == nil || w.Close() == nil {
		t.Error("a stream went on behind its last number")
	}
	if _, err := OpenStream(zeros{}, streamHead+maxChunks*sealedChunk+tagSize, NewKey(), p); err != ErrOpen {
		t.Errorf("a stream of too many chunks: %v", err)
	}
	for _, size := range []int64{-1 << 63, -1, 0, 1<<63 - 1} {
		if _, err := OpenStream(zeros{}, size, NewKey(), p); err != ErrOpen {
			t.Errorf("a stream of %d bytes: %v", size, err)
		}
	}
}

type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) { clear(b); return len(b), nil }

func TestRandomAccessEqualsSequential(t *testing.T) {
	k, p := NewKey(), somewhere()
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 5*ChunkSize + 77} {
		plain := noise(size)
		salt := [saltSize]byte{1}
		sealed := streamOf(t, plain, k, p, &salt)
		var pieces bytes.Buffer // written in pieces of any size, it is the same stream
		w := sealStream(&pieces, k, p, &salt)
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), random.IntN(2*ChunkSize))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil || !bytes.Equal(pieces.Bytes(), sealed) {
			t.Fatalf("%d bytes in pieces are another stream: %v", size, err)
		}
		r, err := OpenStream(bytes.NewReader(sealed), int64(len(sealed)), k, p)
		if err != nil || r.Size() != int64(size) {
			t.Fatalf("%d bytes: size %d, %v", size, r.Size(), err)
		}
		if size <= ChunkSize+1 { // it reads single bytes
			if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plain); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("all of %d bytes: %v", size, err)
		}
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() {
				random, want := rand.New(rand.NewPCG(3, seed)), bytes.NewReader(plain)
				for range 500 {
					off := random.Int64N(int64(size) + ChunkSize)
					a, b := make([]byte, random.IntN(3*ChunkSize)), make([]byte, 3*ChunkSize)
					b = b[:len(a)]
					n, errA := r.ReadAt(a, off)
					m, errB := want.ReadAt(b, off)
					if n != m || !bytes.Equal(a[:n], b[:m]) || (errA == nil) != (errB == nil) && len(a) > 0 {
						t.Errorf("%d bytes at %d of %d: %d, %v; want %d, %v", len(a), off, size, n, errA, m, errB)
						return
					}
				}
			})
		}
		wg.Wait()
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
			t.Errorf("before the start: %v", err)
		}
	}
}

// TestOtherPartsOpenWhereOneIsChanged: damage to one chunk takes no other.
func TestOtherPartsOpenWhereOneIsChanged(t *testing.T) {
	k, p := NewKey(), somewhere()
	plain := noise(3*ChunkSize + 5)
	sealed := streamOf(t, plain, k, p, &[saltSize]byte{1})
	sealed[streamHead+sealedChunk+9] ^= 1
	r, err := OpenStream(bytes.NewReader(sealed), int64(len(sealed)), k, p)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]byte, len(plain))
	if n, err := r.ReadAt(all, 0); n != ChunkSize || err != ErrOpen || !bytes.Equal(all[:n], plain[:n]) || !bytes.Equal(all[n:], make([]byte, len(all)-n)) {
		t.Errorf("from the start: %d bytes, %v, or bytes that were not proven", n, err)
	}
	if n, err := r.ReadAt(all[2*ChunkSize:], 2*ChunkSize); err != nil || !bytes.Equal(all[2*ChunkSize:], plain[2*ChunkSize:]) {
		t.Errorf("behind it: %d bytes, %v", n, err)
	}
}

type failing struct {
	bytes.Buffer
	after int // writes or reads that succeed
	short bool
}

var errDisk = errors.New("disk")

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after >= 0 {
		return f.Buffer.Write(b)
	}
	if f.short {
		return len(b) - 1, nil
	}
	return 0, errDisk
}

func (f *failing) ReadAt(b []byte, off int64) (int, error) {
	if f.after--; f.after >= 0 {
		return bytes.NewReader(f.Bytes()).ReadAt(b, off)
	}
	return 0, errDisk
}

func TestFaultsBelowAStream(t *testing.T) {
	k, p, plain := NewKey(), somewhere(), noise(3*ChunkSize)
	for n := range 4 {
		for _, short := range []bool{false, true} {
			w := SealStream(&failing{after: n, short: short}, k, p)
			_, err := w.Write(plain)
			if err == nil {
				err = w.Close()
			}
			if want := errDisk; !short && err != want || short && err != io.ErrShortWrite {
				t.Errorf("write %d fails: %v", n, err)
			}
			if _, again := w.Write(plain); again != err || w.Close() != err {
				t.Errorf("write %d failed, and the stream went on", n)
			}
		}
	}
	sealed := streamOf(t, plain, k, p, &[saltSize]byte{})
	for n := range 5 {
		f := &failing{after: n}
		f.Buffer.Write(sealed)
		r, err := OpenStream(f, int64(len(sealed)), k, p)
		if err == nil {
			_, err = r.ReadAt(make([]byte, len(plain)), 0)
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("read %d fails: %v", n, err)
		}
	}
	w := SealStream(io.Discard, k, p)
	if w.Close() != nil || w.Close() == nil {
		t.Error("closing twice")
	}
	if n, err := w.Write(plain); n != 0 || err == nil {
		t.Errorf("written behind the end: %d, %v", n, err)
	}
}
