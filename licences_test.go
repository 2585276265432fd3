package house

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write THIRD_PARTY_LICENCES.md anew")

// The licences that Apache-2.0 code may link.
var allowed = map[string]string{
	"BSD-3-Clause": "Redistributions in binary form must reproduce",
	"MIT":          "Permission is hereby granted, free of charge",
	"Apache-2.0":   "Apache License",
	"ISC":          "Permission to use, copy, modify, and/or distribute this software",
}

// TestLicences collects the licence of every module that the program links and
// compares it with THIRD_PARTY_LICENCES.md. A licence that is not on the list,
// or a module without one, is an error.
func TestLicences(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "abaton")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/abaton").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Licences of what the program links\n\nWritten by `go test -run TestLicences -update .`, checked by every test run. " +
		"The engine (llama.cpp, MIT) and models are fetched by the user and are not part of the program.\n")
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	section(t, &b, "Go standard library", strings.TrimSpace(string(root)))
	for _, m := range info.Deps {
		dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", m.Path).Output()
		if err != nil {
			t.Fatalf("%s: %v", m.Path, err)
		}
		section(t, &b, m.Path+" "+m.Version, strings.TrimSpace(string(dir)))
	}
	b.WriteString(wordList)
	pdfium, err := os.ReadFile(filepath.Join("library", "pdf", "LICENCES"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "\n## pdfium: library/pdf/pdfium.wasm.gz (BSD-3-Clause, Apache-2.0)\n\n```\n%s\n```\n", strings.TrimSpace(string(pdfium)))
	const file = "THIRD_PARTY_LICENCES.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s does not list what the program links (%v); run: go test -run TestLicences -update .", file, err)
	}
}

// wordList and pdfium are the pieces of somebody else's in the tree.
const wordList = `
## The words of offered passphrases: vault/words.txt (CC BY 3.0 US)

The large wordlist for passphrases of the Electronic Frontier Foundation (2016, https://www.eff.org/dice), without the
numbers of the dice. https://creativecommons.org/licenses/by/3.0/us/
`

func section(t *testing.T, b *strings.Builder, name, dir string) {
	t.Helper()
	for _, f := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING"} {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			continue
		}
		for id, mark := range allowed {
			if strings.Contains(strings.Join(strings.Fields(string(text)), " "), mark) {
				fmt.Fprintf(b, "\n## %s (%s)\n\n```\n%s\n```\n", name, id, strings.TrimSpace(string(text)))
				return
			}
		}
		t.Errorf("%s: its licence is not on our list", name)
		return
	}
	t.Errorf("%s: no licence file in %s", name, dir)
}
