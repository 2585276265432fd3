// Package house keeps the house as drawn in ARCHITECTURE.md: it has tests only.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "abaton.local"

// doors name the calls that reach outside the program and the only files that
// may make them: a folder (with what lies below it) or one file.
var doors = []struct {
	name  string
	calls map[string][]string // import path: names
	may   []string
}{
	{"dial", map[string][]string{
		"net":                    {"Dial", "DialTimeout", "Dialer", "DialTCP", "DialUDP", "DialIP", "DialUnix", "ListenUDP", "ListenPacket", "DefaultResolver", "LookupHost", "LookupIP"},
		"net/http":               {"Get", "Post", "PostForm", "Head", "Client", "Transport", "DefaultClient", "DefaultTransport"},
		"crypto/tls":             {"Dial", "DialWithDialer", "Dialer"},
		"syscall":                {"Connect", "Sendto", "SendmsgN"},
		"golang.org/x/sys/unix":  {"Connect", "Sendto", "SendmsgN"},
		"golang.org/x/net/proxy": {"Dial", "FromEnvironment"},
		"net/http/httputil":      {"ReverseProxy", "NewSingleHostReverseProxy"},
		"net/http/httptest":      {"NewServer", "NewRecorder"},
	}, []string{"egress", "engine", "cmd/abaton/client.go", "gateway/checks.go", "leak/relay.go", "sandbox"}},
	{"exec", map[string][]string{
		"os/exec":               {"Command", "CommandContext", "Cmd"},
		"os":                    {"StartProcess"},
		"syscall":               {"ForkExec", "Exec", "StartProcess"},
		"golang.org/x/sys/unix": {"Exec"},
	}, []string{"sandbox", "models", "cmd/abaton"}},
	{"environment", map[string][]string{
		"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv"},
		"syscall": {"Getenv", "Environ"},
	}, []string{"cmd/abaton/config.go"}},
}

// TestHouse holds the code against the drawing.
func TestHouse(t *testing.T) {
	for _, p := range inspect(os.DirFS(".")) {
		t.Error(p)
	}
}

// TestPlanted proves that TestHouse sees: each offence, planted into a small
// sound house, must be reported.
func TestPlanted(t *testing.T) {
	sound := fstest.MapFS{
		"go.mod":                {Data: []byte("module abaton.local\n\ngo 1.26\n")},
		"ARCHITECTURE.md":       {Data: []byte("# x\n```arrows\nposture\nengine -> posture\negress\ncmd/abaton -> *\n```\n")},
		"posture/posture.go":    {Data: []byte("// Package posture asks.\npackage posture\n")},
		"engine/engine.go":      {Data: []byte("// Package engine speaks.\npackage engine\nimport _ \"abaton.local/posture\"\n")},
		"egress/egress.go":      {Data: []byte("// Package egress dials.\npackage egress\nimport \"net\"\nvar d net.Dialer\n")},
		"cmd/abaton/main.go":    {Data: []byte("// Command abaton is the program.\npackage main\nimport _ \"abaton.local/engine\"\n")},
		"cmd/abaton/config.go":  {Data: []byte("package main\nimport \"os\"\nfunc env() string { return os.Getenv(\"X\") }\n")},
		"posture/also_test.go":  {Data: []byte("package posture\nimport _ \"abaton.local/engine\"\n")},
		"tools/go.mod":          {Data: []byte("module tools\n")},
		"tools/main.go":         {Data: []byte("package main\nimport _ \"abaton.local/cmd\"\n")},
		"engine/testdata/x.go":  {Data: []byte("package broken; func")},
		"clients/go.mod":        {Data: []byte("module clients\n")},
		"clients/clients_go.go": {Data: []byte("package clients\n")},
	}
	if p := inspect(sound); len(p) != 0 {
		t.Fatalf("the sound house is refused: %q", p)
	}
	for name, c := range map[string]struct{ file, text, want string }{
		"import":       {"posture/bad.go", "package posture\nimport _ \"abaton.local/engine\"\n", "no arrow from posture to engine"},
		"room":         {"utils/utils.go", "// Package utils is all.\npackage utils\n", "utils is not drawn"},
		"comment":      {"egress/egress.go", "package egress\n", "has no package comment"},
		"two comments": {"engine/more.go", "// Package engine again.\npackage engine\n", "a second package comment"},
		"replace":      {"go.mod", "module abaton.local\nreplace a => ../a\n", "replace"},
		"dial":         {"engine2/x.go", "// Package engine2 x.\npackage engine2\n", "engine2 is not drawn"},
		"http":         {"posture/http.go", "package posture\nimport \"net/http\"\nvar c http.Client\n", "door dial"},
		"alias":        {"posture/alias.go", "package posture\nimport n \"net\"\nvar d = n.Dial\n", "door dial"},
		"exec":         {"posture/exec.go", "package posture\nimport \"os/exec\"\nvar c = exec.Command\n", "door exec"},
		"env":          {"engine/env.go", "package engine\nimport \"os\"\nvar e = os.Getenv(\"A\")\n", "door environment"},
		"env in main":  {"cmd/abaton/main.go", "// Command abaton x.\npackage main\nimport \"os\"\nvar e = os.Getenv(\"A\")\n", "door environment"},
		"init":         {"engine/init.go", "package engine\nfunc init() {}\n", "init function"},
		"dot import":   {"engine/dot.go", "package engine\nimport . \"os\"\nvar e = Getenv(\"A\")\n", "dot import"},
		"testing":      {"engine/help.go", "package engine\nimport _ \"testing\"\n", "must not link package testing"},
		"upward arrow": {"ARCHITECTURE.md", "```arrows\nposture -> engine\nengine -> posture\negress\ncmd/abaton -> *\n```\n", "not drawn above"},
		"idle room":    {"ARCHITECTURE.md", "```arrows\nposture\nengine -> posture\negress\nshaper\ncmd/abaton -> *\n```\n", "drawn but not there"},
		"other system": {"posture/x_windows.go", "package posture\nimport _ \"abaton.local/engine\"\n", "no arrow"},
	} {
		t.Run(name, func(t *testing.T) {
			house := maps.Clone(sound)
			house[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			if p := inspect(house); !strings.Contains(strings.Join(p, "\n"), c.want) {
				t.Errorf("not seen; want %q, got %q", c.want, p)
			}
		})
	}
}

// inspect lists every way in which the house is not as drawn. It reads files
// itself instead of asking the go command: so it sees the files of every
// system, and the test cache notices when one changes.
func inspect(house fs.FS) (problems []string) {
	say := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	may := drawing(house, say)
	if mod, err := fs.ReadFile(house, "go.mod"); err != nil || strings.Contains(string(mod), "replace") {
		say("go.mod must be there and hold no replace line (%v)", err)
	}
	comments := map[string]string{} // room: file that carries its comment
	err := fs.WalkDir(house, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, own := fs.Stat(house, path.Join(p, "go.mod"))
			if p != "." && (own == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || p == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		room := path.Dir(p)
		if _, drawn := may[room]; !drawn {
			say("%s: room %s is not drawn in ARCHITECTURE.md", p, room)
			return nil
		}
		src, err := fs.ReadFile(house, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if _, seen := comments[room]; !seen {
			comments[room] = ""
		}
		if f.Doc != nil {
			if comments[room] != "" {
				say("%s: a second package comment, the first is in %s", p, comments[room])
			}
			comments[room] = p
		}
		inspectFile(p, room, f, may[room], say)
		return nil
	})
	if err != nil {
		say("cannot read the house: %v", err)
	}
	for room, file := range comments {
		if file == "" {
			say("room %s has no package comment", room)
		}
	}
	for room := range may {
		if _, there := comments[room]; !there {
			say("room %s is drawn but not there: only rooms that do something exist", room)
		}
	}
	slices.Sort(problems)
	return problems
}

func inspectFile(p, room string, f *ast.File, may []string, say func(string, ...any)) {
	local := map[string]string{} // name in this file: import path
	for _, s := range f.Imports {
		imp, _ := strconv.Unquote(s.Path.Value)
		name := path.Base(imp)
		if s.Name != nil {
			name = s.Name.Name
		}
		if name == "." {
			say("%s: dot import of %s hides which door is used", p, imp)
		}
		local[name] = imp
		if to, ours := strings.CutPrefix(imp, module+"/"); ours && !slices.Contains(may, to) && !slices.Contains(may, "*") {
			say("%s: no arrow from %s to %s", p, room, to)
		}
		if imp == "testing" && !strings.HasPrefix(room, "internal/") {
			say("%s: the product must not link package testing", p)
		}
		if imp == "unsafe" && room != "sandbox" {
			say("%s: unsafe is for sandbox alone", p)
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			say("%s: init function: wire things by hand in cmd/abaton", p)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		for _, d := range doors {
			if !slices.Contains(d.calls[local[x.Name]], sel.Sel.Name) {
				continue
			}
			if !slices.ContainsFunc(d.may, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") }) {
				say("%s: %s.%s: door %s is only in %s", p, x.Name, sel.Sel.Name, d.name, strings.Join(d.may, ", "))
			}
		}
		return true
	})
}

// drawing reads the arrows block of ARCHITECTURE.md. Arrows may only point at
// rooms drawn above, so no cycle can be drawn.
func drawing(house fs.FS, say func(string, ...any)) map[string][]string {
	doc, err := fs.ReadFile(house, "ARCHITECTURE.md")
	if err != nil {
		say("ARCHITECTURE.md: %v", err)
		return nil
	}
	_, rest, _ := strings.Cut(string(doc), "```arrows\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		say("ARCHITECTURE.md has no arrows block")
	}
	may := map[string][]string{}
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		rooms, to, _ := strings.Cut(line, "->")
		for d := range strings.FieldsSeq(to) {
			if _, above := may[d]; !above && d != "*" {
				say("ARCHITECTURE.md: %s points at %s, which is not drawn above it", strings.TrimSpace(rooms), d)
			}
		}
		for room := range strings.FieldsSeq(rooms) {
			may[room] = strings.Fields(to)
		}
	}
	return may
}
