package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// libraryFiles lists what the loader needs to start a program of ours, as it
// is asked itself; none for a static one, which is how the product is built.
// The program must be trusted: its loader runs outside the jail.
func libraryFiles(f *os.File, path string) ([]File, error) {
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("read this program: %w", err)
	}
	for _, p := range e.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
		if err != nil {
			return nil, fmt.Errorf("read this program: %w", err)
		}
		return askLoader(strings.TrimRight(string(name), "\x00"), path)
	}
	return nil, nil
}

func askLoader(loader, path string) ([]File, error) {
	cmd := exec.Command(loader, "--list", path)
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for the libraries of %s: %w", loader, path, err)
	}
	files := []File{{Path: loader, Inside: loader, Exec: true}}
	for line := range strings.Lines(string(out)) {
		if name := libraryName(line); name != "" && name != loader {
			files = append(files, File{Path: name, Inside: name, Exec: true})
		}
	}
	return files, nil
}

// libraryName takes the path out of one line of the loader's list:
// "libc.so.6 => /lib/libc.so.6 (0x1234)" or "/lib64/ld-linux.so.2 (0x1234)".
func libraryName(line string) string {
	for w := range strings.FieldsSeq(line) {
		if strings.HasPrefix(w, "/") {
			return w
		}
	}
	return ""
}
