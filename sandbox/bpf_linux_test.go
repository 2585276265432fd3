package sandbox

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// interpret runs a filter as the kernel does, on one call.
func interpret(t *testing.T, prog []unix.SockFilter, nr, arch uint32, args [6]uint64) action {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		taken := false
		switch in.Code {
		case opLoad:
			switch {
			case in.K == offNumber:
				a = nr
			case in.K == offArch:
				a = arch
			default:
				arg := args[(in.K-offArgs)/8]
				if (in.K-offArgs)%8 == 4 {
					arg >>= 32
				}
				a = uint32(arg)
			}
			continue
		case opReturn:
			return action(in.K)
		case opEqual:
			taken = a == in.K
		case opAbove:
			taken = a > in.K
		case opBits:
			taken = a&in.K != 0
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.Code)
		}
		if taken {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("the filter ran past its end")
	return 0
}

// meaning says in plain Go what a filter should answer.
func (f filter) meaning(nr, arch uint32, args [6]uint64) action {
	if arch != auditArch || nr&x32Bit != 0 {
		return kill
	}
	for _, r := range f.rules {
		if uint32(r.nr) != nr {
			continue
		}
		all := true
		for _, c := range r.when {
			v := args[c.arg]
			all = all && map[test]bool{
				equal64: v == c.value, equal32: uint32(v) == uint32(c.value), different64: v != c.value,
				anyBits: v&c.value != 0, noBits: v&c.value == 0, above: v > c.value,
			}[c.test]
		}
		if all {
			return r.do
		}
	}
	return f.otherwise
}

// TestFilterMeans makes thousands of filters and calls and holds the assembled
// program to what the rules say.
func TestFilterMeans(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	values := []uint64{0, 1, 2, 15, 16, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 2 << 32, 1<<63 + 5, ^uint64(0)}
	pick := func() uint64 { return values[rnd.IntN(len(values))] }
	actions := []action{allow, kill, notify, logged, refuse(unix.EPERM), refuse(unix.ENOSYS)}
	for range 3000 {
		f := filter{otherwise: actions[rnd.IntN(len(actions))]}
		for range rnd.IntN(12) {
			r := rule{nr: uintptr(rnd.IntN(5)), do: actions[rnd.IntN(len(actions))]}
			for range rnd.IntN(4) {
				r.when = append(r.when, condition{rnd.IntN(6), test(rnd.IntN(int(above) + 1)), pick()})
			}
			f.rules = append(f.rules, r)
		}
		prog, err := f.assemble()
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			nr := uint32(rnd.IntN(6))
			arch := uint32(auditArch)
			switch rnd.IntN(12) {
			case 0:
				arch = unix.AUDIT_ARCH_I386
			case 1:
				nr |= x32Bit
			}
			args := [6]uint64{pick(), pick(), pick(), pick(), pick(), pick()}
			if got, want := interpret(t, prog, nr, arch, args), f.meaning(nr, arch, args); got != want {
				t.Fatalf("call %#x of %#x %#x: answered %#x, want %#x, by %+v", nr, arch, args, got, want, f)
			}
		}
	}
}

func TestFilterRefusesNonsense(t *testing.T) {
	long := rule{nr: 1, do: allow}
	for range 100 {
		long.when = append(long.when, argIs(0, 1))
	}
	for name, f := range map[string]filter{
		"argument 6":  {rules: []rule{{nr: 1, when: []condition{argIs(6, 1)}}}},
		"argument -1": {rules: []rule{{nr: 1, when: []condition{argIs(-1, 1)}}}},
		"too long":    {rules: []rule{long}},
	} {
		if _, err := f.assemble(); err == nil {
			t.Errorf("%s: assembled", name)
		}
	}
	if got := refuse(syscall.EPERM); got != 0x50001 {
		t.Errorf("refuse(EPERM) is %#x", got)
	}
}
