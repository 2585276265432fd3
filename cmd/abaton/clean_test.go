package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var hostile = []struct{ name, in, want string }{
	{"text", "Hello, wörld\n\tagain 漢字", "Hello, wörld\n\tagain 漢字"},
	{"colour", "a\x1b[31mred\x1b[0mb", "aredb"},
	{"clear screen", "\x1b[2J\x1b[Hgone", "gone"},
	{"title", "x\x1b]0;root@host\ay", "xy"},
	{"title by ST", "x\x1b]0;t\x1b\\y", "xy"},
	{"clipboard", "\x1b]52;c;cm0gLXJmIC8K\aok", "ok"},
	{"hyperlink", "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"},
	{"device query", "\x1b[c\x1b[6n\x1b[>c", ""},
	{"status string", "\x1bP$q\"p\x1b\\x", "x"},
	{"privacy message", "\x1b^secret\x1b\\x\x1b_app\x1b\\y\x1bXsos\x1b\\z", "xyz"},
	{"C1 control sequence", "a\u009b31mb", "ab"},
	{"C1 command", "a\u009d0;t\u009cb", "ab"},
	{"charset", "a\x1b(0b\x1b#8c", "abc"},
	{"reset", "a\x1bcb", "ab"},
	{"carriage return overwrites", "good\rbad", "goodbad"},
	{"backspace overwrites", "rm\b\bls", "rmls"},
	{"bell and NUL", "a\a\x00b\x7fc", "abc"},
	{"shift out", "a\x0eb\x0fc", "abc"},
	{"bidi override", "a\u202egnp.exe\u202cb\u2066c\u2069", "agnp.exebc"},
	{"unfinished command ends with the line", "a\x1b]0;t\nb", "a\nb"},
	{"escape in command", "\x1b]0;t\x1b[31mx", "x"},
	{"unfinished escape", "a\x1b", "a"},
	{"escape before newline", "a\x1b\nb", "a\nb"},
	{"malformed control", "a\x1b[3\nb", "a\nb"},
	{"invalid UTF-8", "a\xffb", "a\ufffdb"},
	{"raw C1 byte", "a\x9bb", "a\ufffdb"},
}

func TestCleaner(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			if got := cleaned(c.in); got != c.want {
				t.Errorf("%q became %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// However an answer is cut into pieces, the same comes out.
func TestCleanerInPieces(t *testing.T) {
	for _, c := range hostile {
		for cut := range len(c.in) + 1 {
			var x cleaner
			if got := x.clean(c.in[:cut]) + x.clean(c.in[cut:]); got != c.want {
				t.Errorf("%s cut at %d: %q, want %q", c.name, cut, got, c.want)
			}
		}
	}
}

func TestStrayCommandCannotHideAnAnswer(t *testing.T) {
	in := "\x1b]" + strings.Repeat("x", 1000)
	if got := cleaned(in); len(got) < 700 {
		t.Errorf("%d of 1000 letters left", len(got))
	}
}

// Nothing that a terminal could obey gets through, whatever the input.
func checkSafe(t *testing.T, in, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%q became invalid UTF-8", in)
	}
	for _, r := range out {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || reorders(r) {
			t.Fatalf("%q let %U through", in, r)
		}
	}
	if again := cleaned(out); again != out {
		t.Errorf("cleaning twice: %q, then %q", out, again)
	}
}

func TestCleanerOnNoise(t *testing.T) {
	alphabet := []rune("ab[];:?0m\\P^_X()\x1b\x07\n\t\r\x00\x7f\u009b\u009c\u009d\u0090\u202e漢")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var b strings.Builder
		for range rng.IntN(30) {
			b.WriteRune(alphabet[rng.IntN(len(alphabet))])
		}
		checkSafe(t, b.String(), cleaned(b.String()))
	}
}

func FuzzCleaner(f *testing.F) {
	for _, c := range hostile {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, s string) { checkSafe(t, s, cleaned(s)) })
}
