package models

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"abaton.local/egress"
)

const (
	maxIndexPage = 64 << 20 // bytes; pages of packages with nightly builds are long
	jsonIndex    = "application/vnd.pypi.simple.v1+json"
	htmlIndex    = "application/vnd.pypi.simple.v1+html"
)

// indexFile is one file of a package, as an index lists it.
type indexFile struct {
	Name   string
	URL    *url.URL
	Digest Digest // SHA-256; zero when the index tells none
	Size   int64  // bytes, -1 unknown
}

// NotListedError says that no index has a file.
type NotListedError struct {
	Package, Version, Suffix string
	Others                   []string // other versions, or files, that there are
	Failures                 error    // of indexes that could not be asked
}

func (e *NotListedError) Error() string {
	s := fmt.Sprintf("no package index has %s %s as %s", e.Package, e.Version, e.Suffix)
	if len(e.Others) > 0 {
		s += "; it has " + strings.Join(e.Others[:min(5, len(e.Others))], ", ")
	}
	if e.Failures != nil {
		s += "; " + strings.ReplaceAll(e.Failures.Error(), "\n", "; ")
	}
	return s
}

func (e *NotListedError) Unwrap() error { return e.Failures }

// Resolve finds the file of a package whose name ends in suffix (".tar.gz",
// ".whl") and gives its address, SHA-256 and size (-1 unknown). It tells door
// what the address needs: proxy, authorities, credentials. Nothing is run and
// nothing but the index is fetched.
func (p Pip) Resolve(ctx context.Context, door *egress.Door, name, version, suffix string) (address string, sha [32]byte, size int64, err error) {
	index, err := p.Ask(ctx)
	if err != nil {
		return "", sha, -1, err
	}
	f, err := index.find(ctx, door, name, version, []string{suffix}, Digest{})
	if err != nil {
		return "", sha, -1, err
	}
	return f.URL.String(), f.Digest, f.Size, nil
}

// find asks one index after the other. Where a digest is wanted, only the file
// that has it is taken, wherever it lies: the same name in another index is
// another file.
func (i Index) find(ctx context.Context, door *egress.Door, name, version string, suffixes []string, want Digest) (indexFile, error) {
	missing := &NotListedError{Package: name, Version: version, Suffix: strings.Join(suffixes, " or ")}
	for _, base := range i.URLs {
		files, err := i.list(ctx, door, base, name)
		if ctx.Err() != nil {
			return indexFile{}, context.Cause(ctx)
		}
		if err != nil {
			missing.Failures = errors.Join(missing.Failures, err)
			continue
		}
		f, err := choose(files, name, version, suffixes, want)
		if err == nil {
			return f, i.admit(door, base, f.URL)
		}
		missing.Failures = errors.Join(missing.Failures, err)
		for _, f := range files {
			if v, ok := versionOf(f.Name, name); ok && !slices.Contains(missing.Others, v) {
				missing.Others = append(missing.Others, v)
			}
		}
	}
	slices.Reverse(missing.Others)
	return indexFile{}, missing
}

// choose picks the file of that version: one that every machine can use before
// those for one kind of machine, in the order of suffixes.
func choose(files []indexFile, name, version string, suffixes []string, want Digest) (indexFile, error) {
	var fit []indexFile
	for _, suffix := range suffixes {
		for _, general := range []bool{true, false} {
			for _, f := range files {
				v, ok := versionOf(f.Name, name)
				anyMachine := !strings.HasSuffix(f.Name, ".whl") || strings.HasSuffix(f.Name, "-none-any.whl")
				if ok && v == strings.ToLower(version) && strings.HasSuffix(f.Name, suffix) && anyMachine == general {
					fit = append(fit, f)
				}
			}
		}
	}
	for _, f := range fit {
		if f.Digest == want && !want.IsZero() {
			return f, nil
		}
	}
	switch {
	case len(fit) == 0:
		return indexFile{}, errors.New("it is not listed")
	case !want.IsZero() && !fit[0].Digest.IsZero():
		return indexFile{}, errors.New("what is listed has another SHA-256 than the pinned one: ask who runs the index")
	case want.IsZero() && fit[0].Digest.IsZero():
		return indexFile{}, errors.New("the index tells no SHA-256")
	}
	f := fit[0]
	if !want.IsZero() {
		f.Digest = want
	}
	return f, nil
}

// admit tells the door what the file's host needs. Credentials of the index go
// along where the file lies on the same host.
func (i Index) admit(door *egress.Door, base string, file *url.URL) error {
	b, err := url.Parse(base)
	if err != nil {
		return err
	}
	a := egress.Access{CACerts: i.CACerts, Proxy: i.Proxy}
	if b.Host == file.Host && b.Scheme == file.Scheme {
		a.User, a.ClientCert = b.User, i.ClientCert
	}
	a.PlainHTTP = slices.Contains(i.Trusted, file.Host) || slices.Contains(i.Trusted, file.Hostname())
	return door.Admit(file.String(), a)
}

var separators = regexp.MustCompile(`[-_.]+`)

// normal is a package's name in one spelling (PEP 503).
func normal(name string) string { return strings.ToLower(separators.ReplaceAllString(name, "-")) }

// list reads an index's page of a package.
func (i Index) list(ctx context.Context, door *egress.Door, base, name string) ([]indexFile, error) {
	page, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("the address of the index cannot be read")
	}
	page = page.JoinPath(normal(name), "/")
	if err := i.admit(door, base, page); err != nil {
		return nil, err
	}
	page.User = nil
	doc, err := door.Document(ctx, page.String(), http.Header{
		"Accept": {jsonIndex + ", " + htmlIndex + ";q=0.2, text/html;q=0.01"},
	}, maxIndexPage)
	if err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(doc.Header.Get("Content-Type"))
	if err != nil {
		kind = "unknown"
	}
	switch kind {
	case jsonIndex, "application/json":
		return parseJSONIndex(doc.Body, doc.At)
	case htmlIndex, "text/html":
		return parseHTMLIndex(string(doc.Body), doc.At), nil
	}
	return nil, fmt.Errorf("%s answers with %s, not with a package index", doc.At.Host, shown(kind))
}

// parseJSONIndex reads PEP 691.
func parseJSONIndex(body []byte, at *url.URL) ([]indexFile, error) {
	var page struct {
		Files []struct {
			Filename string            `json:"filename"`
			URL      string            `json:"url"`
			Hashes   map[string]string `json:"hashes"`
			Size     *int64            `json:"size"`
		} `json:"files"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("%s: the package index is not as PEP 691 says", at.Host)
	}
	var files []indexFile
	for _, f := range page.Files {
		u, err := at.Parse(f.URL)
		if err != nil {
			continue
		}
		size := int64(-1)
		if f.Size != nil && *f.Size > 0 {
			size = *f.Size
		}
		files = append(files, indexFile{f.Filename, bare(u), hexDigest(f.Hashes["sha256"]), size})
	}
	return files, nil
}

var (
	anchor   = regexp.MustCompile(`(?is)<a\s([^>]*)>(.*?)</a\s*>`)
	baseTag  = regexp.MustCompile(`(?is)<base\s([^>]*)>`)
	hrefAttr = regexp.MustCompile(`(?is)(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// parseHTMLIndex reads PEP 503: an anchor for every file, its digest behind #.
func parseHTMLIndex(body string, at *url.URL) []indexFile {
	href := func(attributes string) (*url.URL, bool) {
		m := hrefAttr.FindStringSubmatch(attributes)
		if m == nil {
			return nil, false
		}
		u, err := at.Parse(html.UnescapeString(m[1] + m[2]))
		return u, err == nil
	}
	if m := baseTag.FindStringSubmatch(body); m != nil {
		if u, ok := href(m[1]); ok {
			at = u
		}
	}
	var files []indexFile
	for _, m := range anchor.FindAllStringSubmatch(body, -1) {
		u, ok := href(m[1])
		if !ok {
			continue
		}
		sum, _ := strings.CutPrefix(u.Fragment, "sha256=")
		files = append(files, indexFile{strings.TrimSpace(html.UnescapeString(m[2])), bare(u), hexDigest(sum), -1})
	}
	return files
}

// bare is u without fragment and credentials.
func bare(u *url.URL) *url.URL {
	v := *u
	v.Fragment, v.RawFragment, v.User = "", "", nil
	return &v
}

func hexDigest(s string) (d Digest) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// versionOf reads the version from a file's name: name-version-tags.whl (PEP
// 427) or name-version.tar.gz (PEP 625).
func versionOf(file, name string) (string, bool) {
	var dist, version string
	if wheel, ok := strings.CutSuffix(file, ".whl"); ok {
		parts := strings.Split(wheel, "-")
		if len(parts) < 5 || len(parts) > 6 {
			return "", false
		}
		dist, version = parts[0], parts[1]
	} else if sdist, ok := strings.CutSuffix(file, ".tar.gz"); ok {
		dash := strings.LastIndex(sdist, "-")
		if dash < 0 {
			return "", false
		}
		dist, version = sdist[:dash], sdist[dash+1:]
	}
	return strings.ToLower(version), versionText.MatchString(version) && normal(dist) == normal(name)
}
