package grounded

import (
	"strings"
	"testing"
)

// TestNothingPartsAnAddress (R4): characters that nobody sees, and that programs
// drop which follow an address, hide none.
func TestNothingPartsAnAddress(t *testing.T) {
	for _, r := range "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u2060\u2064\u3164\ufe0f\ufeff\uffa0\U000e0020" {
		for _, text := range []string{"https:/" + string(r) + "/sink.example/x", "https://sink" + string(r) + ".example/x", "sink" + string(r) + ".com", "sink." + string(r) + string(r) + "com", "a@sink" + string(r) + ".com", "www" + string(r) + ".sink.dev"} {
			if got := inert("See "+text+" now.", nil); strings.Contains(got, "sink") {
				t.Errorf("%U: %q", r, got)
			}
		}
	}
	for _, text := range []string{"sink。com", "a.sink．dev/x?d=secret", "sink｡xyz/"} {
		if got := inert("See "+text+" now.", nil); strings.Contains(got, "sink") {
			t.Errorf("%q", got)
		}
	}
	for _, text := range []string{"北京是首都。上海呢?", "用API。HTTP也行。", "می\u200cخواهم", "क्\u200dष", "👩\u200d💻"} {
		if got := inert(text, nil); got != text {
			t.Errorf("%q is %q", text, got)
		}
	}
}
