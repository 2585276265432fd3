//go:build goexperiment.runtimesecret && !race

package vault

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"abaton.local/vault/internal/seal"
	"golang.org/x/sys/unix"
)

// hidden is a secret that is searched for: it is kept masked, or every search
// would find the searcher.
type hidden struct {
	name string
	mask []byte // the secret XOR 0xa7
}

func hide(name string, secret []byte) hidden {
	h := hidden{name, bytes.Clone(secret)}
	for i := range h.mask {
		h.mask[i] ^= 0xa7
	}
	clear(secret)
	return h
}

// in counts copies in a window of memory.
func (h hidden) in(b []byte) (n int) {
	first := h.mask[0] ^ 0xa7
	for i := 0; i+len(h.mask) <= len(b); {
		j := bytes.IndexByte(b[i:len(b)-len(h.mask)+1], first)
		if j < 0 {
			break
		}
		i += j
		same := true
		for k := 1; k < len(h.mask) && same; k++ {
			same = b[i+k] == h.mask[k]^0xa7
		}
		if same {
			n++
		}
		i++
	}
	return n
}

// scanner reads this process's own memory through a buffer outside the heap,
// which it leaves out.
type scanner struct {
	buf  []byte
	from uint64
}

func newScanner(t *testing.T) *scanner {
	t.Helper()
	buf, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(buf) })
	return &scanner{buf, uint64(uintptr(unsafe.Pointer(&buf[0])))}
}

// copies counts each secret's copies in all memory that can be read.
func (s *scanner) copies(t *testing.T, secrets []hidden) map[string]int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	found := map[string]int{}
	total := 0
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var a, b uint64
		var perm string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &a, &b, &perm); err != nil {
			t.Fatal(err)
		}
		if perm[0] != 'r' || strings.Contains(lines.Text(), "[v") || a <= s.from && s.from < b {
			continue
		}
		total += s.window(mem, a, b, secrets, found)
	}
	clear(s.buf)
	if total < 4<<20 {
		t.Fatalf("only %d bytes were read", total)
	}
	return found
}

func (s *scanner) window(r interface {
	ReadAt([]byte, int64) (int, error)
}, a, b uint64, secrets []hidden, found map[string]int) (total int) {
	const overlap = 256
	for p := a; p < b; {
		n, err := r.ReadAt(s.buf[:min(uint64(len(s.buf)), b-p)], int64(p))
		for _, h := range secrets {
			found[h.name] += h.in(s.buf[:n])
		}
		total += n
		if err != nil || n <= overlap || uint64(n) == b-p {
			break
		}
		p += uint64(n) - overlap // counted twice where it lies in the overlap: never too few
	}
	return total
}

// image writes what the kernel would put into a core image: all memory of the
// process that can be read, but for what is marked as left out (dd).
func (s *scanner) image(t *testing.T) *os.File {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	core, err := os.Create(filepath.Join(t.TempDir(), "core"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close() })
	var from, to uint64
	var perm string
	for line := range strings.Lines(string(smaps)) {
		var a, b uint64
		var p string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &a, &b, &p); n == 3 && len(p) == 4 {
			if from, to, perm = a, b, p; strings.Contains(line, "[v") || from <= s.from && s.from < to {
				perm = "----"
			}
		}
		flags, ok := strings.CutPrefix(line, "VmFlags:")
		if !ok || perm[0] != 'r' || strings.Contains(flags, " dd") {
			continue
		}
		for from < to {
			n, err := mem.ReadAt(s.buf[:min(uint64(len(s.buf)), to-from)], int64(from))
			if _, err := core.Write(s.buf[:n]); err != nil {
				t.Fatal(err)
			}
			if from += uint64(n); err != nil {
				break
			}
		}
	}
	return core
}

// After locking, no copy of the root key, of a key that opens a slot, or of the
// passphrase is left in this process's memory or in an image of it; while it is
// unlocked the root key is found, which shows that the search sees. The
// passphrase comes as bytes, as from a terminal, and its caller wipes it.
func TestNothingIsLeftInMemoryAfterLocking(t *testing.T) {
	p := newPlace(t)
	p.config.Locked = nil
	d := p.open()
	s := newScanner(t)
	var secrets []hidden
	// A random passphrase, drawn into memory that is wiped.
	secretPhrase := func() []byte {
		b := make([]byte, 40)
		for i := range b {
			b[i] = 'a' + byte(below(26))
		}
		return b
	}
	phrase := secretPhrase()
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	olga, err := d.Join(t.Context(), Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: phrase})
	if err != nil {
		t.Fatal(err)
	}
	token, info, err := d.MakeToken(t.Context(), olga, "editor", ScopeAll, p.clock.AddDate(0, 0, 5))
	if err != nil {
		t.Fatal(err)
	}
	prf := make([]byte, 32)
	rand.Read(prf)
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), prf); err != nil {
		t.Fatal(err)
	}
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		p.keep(olga, "words")
	}
	// Every way in once, with a second session, and a wrong one.
	olga.Lock()
	for _, a := range []Attempt{
		{Name: "Olga", Way: SlotPassphrase, Secret: phrase},
		{Name: "Olga", Way: SlotPasskey, Passkey: testCredential(), Secret: prf},
		{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()},
	} {
		x, err := d.Unlock(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		x.End()
	}
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != nil {
		t.Fatal(err)
	}
	olga, err = d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotPassphrase, Secret: phrase})
	if err != nil {
		t.Fatal(err)
	}

	// What to look for: the root key, each slot's key, the passphrase.
	set, err := d.slotsOf(t.Context(), olga.Person)
	if err != nil {
		t.Fatal(err)
	}
	guarded(func() {
		if err := d.lobby.with(olga.seat, func(o *home) error {
			secrets = append(secrets, hide("root key", bytes.Clone(o.root[:])))
			return nil
		}); err != nil {
			t.Error(err)
		}
		b, _ := readToken(token.Reveal())
		_, wrap := tokenKeys(b)
		for _, x := range set.slots {
			var secret [32]byte
			var kek *seal.Key
			switch x.kind {
			case SlotPassphrase:
				params, _ := parsePassphraseParams(x.params)
				if err := d.smith.stove.stretch(t.Context(), &secret, phrase, params.cost, params.salt); err != nil {
					t.Error(err)
				}
				kek = seal.KEK(secret[:], d.config.Device.key, uint8(x.kind), set.vault, x.id)
				secrets = append(secrets, hide("stretched passphrase", secret[:]))
			case SlotPasskey:
				kek = seal.KEK(prf, d.config.Device.key, uint8(x.kind), set.vault, x.id)
			case SlotToken:
				kek = seal.KEK(wrap.Bytes(), d.config.Device.key, uint8(x.kind), set.vault, x.id)
			case SlotRecovery:
				var plain [recoveryGroups * groupData]byte
				if err := parseRecoveryCode(&plain, code.Reveal()); err != nil {
					t.Error(err)
				}
				kek = seal.KEK(plain[:], nil, uint8(x.kind), set.vault, x.id)
				clear(plain[:])
			}
			secrets = append(secrets, hide("key of the slot of a "+x.kind.String(), kek.Bytes()))
		}
		wrap.Clear()
	})
	collect := func() {
		for range 3 {
			runtime.GC()
		}
	}
	collect()
	// The controls: the root key lies in the arena, the passphrase in its caller's
	// hands.
	secrets = append(secrets, hide("passphrase", bytes.Clone(phrase)))
	before := s.copies(t, secrets)
	if before["root key"] < 1 || before["passphrase"] < 1 {
		t.Fatalf("unlocked, and not found: %v", before)
	}
	t.Logf("unlocked: %v", before)
	early, whole := s.image(t), map[string]int{}
	if size, err := early.Stat(); err != nil {
		t.Fatal(err)
	} else {
		s.window(early, 0, uint64(size.Size()), secrets, whole)
	}
	if whole["root key"] != 0 || whole["passphrase"] < 1 { // not even while it is unlocked
		t.Errorf("the image while unlocked: %v", whole)
	}

	if err := d.RevokeToken(t.Context(), olga, info.ID); err != nil {
		t.Fatal(err)
	}
	clear(phrase)
	clear(prf)
	code.Clear()
	olga.Lock()
	collect()
	after := s.copies(t, secrets)
	t.Logf("locked: %v", after)
	for name, n := range after {
		if n > 0 {
			t.Errorf("%d copies of the %s are left", n, name)
		}
	}
	if len(after) != len(secrets) || len(secrets) < 6 {
		t.Errorf("%d secrets were looked for", len(secrets))
	}

	// The same in an image of the process.
	planted := hide("planted", []byte("a planted text, which the image must have 31415926"))
	here := make([]byte, len(planted.mask))
	for i := range here {
		here[i] = planted.mask[i] ^ 0xa7
	}
	core := s.image(t)
	size, err := core.Stat()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	s.window(core, 0, uint64(size.Size()), append(secrets, planted), found)
	t.Logf("core image of %d bytes: %v", size.Size(), found)
	if found["planted"] < 1 {
		t.Error("the image does not hold what was planted")
	}
	delete(found, "planted")
	for name, n := range found {
		if n > 0 {
			t.Errorf("%d copies of the %s are in the image", n, name)
		}
	}
	runtime.KeepAlive(here)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
