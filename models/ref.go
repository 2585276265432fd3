package models

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind tells what sort of source a Ref names.
type Kind string

// The kinds of sources.
const (
	Catalogued Kind = "catalogue" // smollm2-135m
	Hub        Kind = "hf"        // hf:owner/repo/file
	Web        Kind = "https"     // https://host/file#sha256=…
	Local      Kind = "file"      // file:/path
	Packaged   Kind = "pip"       // pip:NAME==VERSION/path/in/archive
)

// Ref says where a model is to come from. It is made by ParseRef only, so that
// what it holds is fit for use: no part of it can name a file outside.
type Ref struct {
	Kind   Kind
	Digest Digest // that the file must have; zero when none was given

	Name             string // catalogue name
	Repo, File       string // hub: "owner/repo", "sub/file.gguf"
	Address          string // web
	Path             string // local
	Package, Version string // pip
	Inside           string // pip: path in the archive
}

// RefError says what is wrong with a reference and how one looks.
type RefError struct {
	Text   string // quoted and shortened
	Reason string
}

func (e *RefError) Error() string {
	return fmt.Sprintf("%s names no model: %s. A model is a name of the catalogue, hf:owner/repo/file, https://…#sha256=…, file:/path or pip:NAME==VERSION/path/in/archive", e.Text, e.Reason)
}

const maxRef = 4096 // bytes

var (
	plainName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	packageName = regexp.MustCompile(`^(?i)[A-Z0-9]([A-Z0-9._-]{0,94}[A-Z0-9])?$`) // PEP 508
	versionText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_-]{0,63}$`)
)

// ParseRef reads what a person typed.
func ParseRef(s string) (Ref, error) {
	bad := func(format string, a ...any) (Ref, error) {
		return Ref{}, &RefError{Text: shown(s), Reason: fmt.Sprintf(format, a...)}
	}
	switch {
	case s == "":
		return bad("it is empty")
	case len(s) > maxRef:
		return bad("it is longer than %d bytes", maxRef)
	case !plainText(s):
		return bad("it holds control characters")
	}
	scheme, rest, found := strings.Cut(s, ":")
	if !found {
		if !plainName.MatchString(s) || strings.Contains(s, "..") {
			return bad("a name has letters, digits, '.', '_' and '-' only; a file is written file:%s", shown(s))
		}
		return Ref{Kind: Catalogued, Name: strings.ToLower(s)}, nil
	}
	if scheme == "http" || scheme == "https" {
		rest = s
	}
	rest, digest, err := cutDigest(rest)
	if err != nil {
		return bad("%v", err)
	}
	r := Ref{Kind: Kind(scheme), Digest: digest}
	switch scheme {
	case "hf":
		parts := strings.SplitN(rest, "/", 3)
		if len(parts) != 3 || !plainName.MatchString(parts[0]) || !plainName.MatchString(parts[1]) || !inside(parts[2]) {
			return bad("after hf: stand owner, repository and file, with slashes between")
		}
		r.Repo, r.File = parts[0]+"/"+parts[1], parts[2]
	case "http", "https":
		u, err := url.Parse(rest)
		switch {
		case err != nil || u.Hostname() == "":
			return bad("the address cannot be read")
		case u.User != nil:
			return bad("an address must not hold a password: it would be kept in the model's passport")
		case digest.IsZero():
			return bad("a web address needs the digest that the file must have: add #sha256= and its 64 digits, as its publisher tells them")
		}
		r.Kind, r.Address = Web, rest
	case "file":
		rest = strings.TrimPrefix(rest, "//")
		if rest == "" {
			return bad("the path is missing")
		}
		if r.Path, err = filepath.Abs(rest); err != nil {
			return bad("the path cannot be made absolute: %v", err)
		}
		if !plainText(r.Path) { // it begins with the folder the person stands in
			return bad("the name of its folder holds control characters")
		}
	case "pip":
		what, in, _ := strings.Cut(rest, "/")
		name, version, pinned := strings.Cut(what, "==")
		if !pinned || !packageName.MatchString(name) || !versionText.MatchString(version) || !inside(in) {
			return bad("after pip: stand package, == and version, and after a slash the file's path in the archive")
		}
		r.Package, r.Version, r.Inside = name, version, in
	default:
		return bad("%s: is no source", shown(scheme))
	}
	return r, nil
}

// plainText reports whether a terminal shows s as it is: without control
// characters and those that turn the direction of writing.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	})
}

// cutDigest takes "#sha256=…" off the end.
func cutDigest(s string) (string, Digest, error) {
	before, after, found := strings.Cut(s, "#")
	if !found {
		return s, Digest{}, nil
	}
	hex, ok := strings.CutPrefix(after, "sha256=")
	if !ok {
		return "", Digest{}, fmt.Errorf("after # stands sha256= and 64 digits")
	}
	d, err := ParseDigest(hex)
	return before, d, err
}

// inside reports whether p is a clean relative path with no way out.
func inside(p string) bool {
	return p != "" && filepath.IsLocal(p) && path.Clean(p) == p && !strings.ContainsAny(p, `\%?#`)
}

// String is the reference as it can be typed, digest included. Of a web
// address the query is left out: it may hold a key.
func (r Ref) String() string {
	s := r.bare()
	if !r.Digest.IsZero() && r.Kind != Catalogued {
		s += "#sha256=" + r.Digest.String()
	}
	return s
}

func (r Ref) bare() string {
	switch r.Kind {
	case Hub:
		return "hf:" + r.Repo + "/" + r.File
	case Web:
		before, _, _ := strings.Cut(r.Address, "?")
		return before
	case Local:
		return "file:" + r.Path
	case Packaged:
		return "pip:" + r.Package + "==" + r.Version + "/" + r.Inside
	}
	return r.Name
}

// base is the last part of the file's path.
func (r Ref) base() string {
	switch r.Kind {
	case Hub:
		return path.Base(r.File)
	case Web:
		if u, err := url.Parse(r.Address); err == nil {
			return path.Base(u.Path)
		}
	case Local:
		return filepath.Base(r.Path)
	case Packaged:
		return path.Base(r.Inside)
	}
	return r.Name
}

// nameOf makes what people type out of a file's name.
func nameOf(base string) string {
	base = strings.ToLower(base)
	base = strings.TrimSuffix(base, ".gguf")
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			return c
		}
		return '-'
	}, base)
	name = strings.Trim(strings.ReplaceAll(name, "..", "."), ".-_")
	if len(name) > 64 {
		name = strings.TrimRight(name[:64], ".-_")
	}
	if name == "" {
		return "model"
	}
	return name
}

// shown quotes what a person or a file chose: escaped and short.
func shown(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%+q...", s[:80])
	}
	return fmt.Sprintf("%+q", s)
}
