package transcript

import (
	"os"
	"strings"
	"testing"
)

// Page keeps what follows a mark in a page of the documentation as it is made by
// the test. With -update it is written there.
func Page(t testing.TB, file, mark, made string) {
	t.Helper()
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, _, marked := strings.Cut(string(have), mark)
	if !marked {
		t.Fatalf("%s has no place for what is made", file)
	}
	want := text + mark + made
	if want == string(have) {
		return
	}
	if !*update {
		t.Fatalf("%s is not as the program; -update writes it", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
