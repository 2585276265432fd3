package parse

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

const (
	maxHeader  = 1 << 20
	maxDecoded = 64 << 20 // of one mail
)

// readMail reads one message: its subject as a heading, who wrote it to whom and
// when, its text. Attachments and forwarded messages are children.
func readMail(j *job, b []byte) error {
	if bytes.HasPrefix(b, []byte("From ")) {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return j.message(b)
}

// readMbox reads a folder of messages; each is a page. A line that begins with
// "From " behind a blank one begins the next.
func readMbox(j *job, b []byte) error {
	for n := 1; len(b) > 0; n++ {
		if err := j.turn(n); err != nil {
			return err
		}
		_, rest, _ := bytes.Cut(b, []byte("\n")) // the line that parts messages
		end, next := len(rest), len(rest)
		for from := 0; ; {
			k := bytes.Index(rest[from:], []byte("\nFrom "))
			if k < 0 {
				break
			}
			k += from
			if before := bytes.TrimSuffix(rest[:k], []byte("\r")); len(before) == 0 || before[len(before)-1] == '\n' {
				end, next = k, k+1
				break
			}
			from = k + 1
		}
		if len(bytes.TrimSpace(rest[:end])) > 0 {
			if err := j.message(rest[:end]); err != nil {
				return err
			}
		}
		b = rest[next:]
	}
	return nil
}

// mail is one message that is being read.
type mail struct {
	j       *job
	parts   int
	decoded int
}

func (j *job) message(b []byte) error {
	if err := j.step(len(b)); err != nil {
		return err
	}
	head, body := j.header(b)
	m := &mail{j: j}
	if err := j.emit(Record{Kind: Heading, Level: 1, Raw: m.field(head, "Subject")}); err != nil {
		return err
	}
	var lines []string
	for _, name := range []string{"From", "To", "Cc", "Date"} {
		if v := m.field(head, name); v != "" {
			lines = append(lines, name+": "+v)
		}
	}
	if err := j.emit(Record{Raw: strings.Join(lines, "\n")}); err != nil {
		return err
	}
	shown, err := m.part(head, body, 0, true)
	if err != nil {
		return err
	}
	return j.show(shown)
}

// header parts a message or a part of one into its fields and its body. Lines
// that are no fields are passed over, as mail programs do.
func (j *job) header(b []byte) (textproto.MIMEHeader, []byte) {
	head := make(textproto.MIMEHeader)
	var name string
	var value []byte
	keep := func() {
		if name != "" && len(head) < 1000 {
			head[name] = append(head[name], string(bytes.TrimSpace(value)))
		}
		name, value = "", value[:0]
	}
	for at := 0; at < len(b); {
		end := len(b)
		if k := bytes.IndexByte(b[at:], '\n'); k >= 0 {
			end = at + k + 1
		}
		line := bytes.TrimRight(b[at:end], "\r\n")
		at = end
		if len(line) == 0 {
			keep()
			return head, b[at:]
		}
		if at > maxHeader {
			j.cut(BadHeader)
			keep()
			return head, b[at:]
		}
		if line[0] == ' ' || line[0] == '\t' {
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
			continue
		}
		keep()
		key, v, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(key) == 0 || len(key) > 100 || bytes.ContainsAny(key, " \t") {
			j.cut(BadHeader)
			continue
		}
		name = textproto.CanonicalMIMEHeaderKey(string(key))
		value = append(value[:0], v...)
	}
	keep()
	return head, nil
}

// field is a header's field as people see it.
func (m *mail) field(head textproto.MIMEHeader, name string) string {
	v := head.Get(name)
	d := mime.WordDecoder{CharsetReader: func(set string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		return strings.NewReader(m.j.decodeAs(b, set)), err
	}}
	if s, err := d.DecodeHeader(v); err == nil {
		v = s
	}
	if !utf8.ValidString(v) {
		v = western([]byte(v))
	}
	return strings.Join(strings.Fields(v), " ")
}

// body is a text that was found for people to read.
type body struct {
	text string
	html bool
}

func (j *job) show(all []body) error {
	for _, b := range all {
		var err error
		if b.html {
			err = j.html(b.text, Record{}, false)
		} else {
			err = j.paragraphs(strings.ReplaceAll(b.text, "\r\n", "\n"), Record{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// part reads a part of a message and those in it. It hands attachments on and
// returns what is to be shown.
func (m *mail) part(head textproto.MIMEHeader, b []byte, depth int, top bool) ([]body, error) {
	if m.parts++; m.parts > m.j.lim.MailParts {
		m.j.cut(TooManyParts)
		return nil, nil
	}
	if err := m.j.step(len(b)); err != nil {
		return nil, err
	}
	kind, params, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(head.Get("Content-Type")), ";")
		if kind = strings.TrimSpace(kind); kind == "" {
			kind = "text/plain"
		}
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		if depth >= mailNesting {
			m.j.cut(TooNested)
			return nil, nil
		}
		return m.multi(kind, params["boundary"], b, depth)
	}
	how, about, _ := mime.ParseMediaType(head.Get("Content-Disposition"))
	name := m.name(about["filename"], params["name"])
	attached := how == "attachment" || name != "" || !strings.HasPrefix(kind, "text/") || depth > 0 && kind != "text/plain" && kind != "text/html"
	data, err := m.decode(head.Get("Content-Transfer-Encoding"), b)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, nil
	}
	if !attached || top && !strings.Contains(kind, "/") {
		text := m.j.decodeAs(data, params["charset"])
		return []body{{text: text, html: kind == "text/html"}}, nil
	}
	if name == "" {
		name = "attachment" + extensionOf(kind)
	}
	return nil, m.j.child(name, data)
}

// multi reads parts. Of alternatives the last that can be shown is: it is what
// mail programs show.
func (m *mail) multi(kind, boundary string, b []byte, depth int) ([]body, error) {
	var all []body
	for _, p := range m.split(b, boundary) {
		if m.parts >= m.j.lim.MailParts {
			m.j.cut(TooManyParts)
			break
		}
		head, inner := m.j.header(p)
		found, err := m.part(head, inner, depth+1, false)
		if err != nil {
			return nil, err
		}
		if kind == "multipart/alternative" && len(found) > 0 {
			if blank(found) {
				continue
			}
			all = found
			continue
		}
		all = append(all, found...)
	}
	return all, nil
}

func blank(all []body) bool {
	for _, b := range all {
		if strings.TrimSpace(b.text) != "" {
			return false
		}
	}
	return true
}

// split parts a body at its boundary lines. One that never ends, ends with the
// body.
func (m *mail) split(b []byte, boundary string) [][]byte {
	mark := []byte("--" + boundary)
	var parts [][]byte
	begin := -1
	for at := 0; at < len(b); {
		end := len(b)
		if k := bytes.IndexByte(b[at:], '\n'); k >= 0 {
			end = at + k + 1
		}
		if rest, ok := bytes.CutPrefix(b[at:end], mark); ok {
			rest, last := bytes.CutPrefix(rest, []byte("--"))
			if len(bytes.TrimSpace(rest)) == 0 {
				if begin >= 0 {
					parts = append(parts, b[begin:at])
				}
				begin = end
				if last {
					return parts
				}
				if len(parts) > m.j.lim.MailParts {
					m.j.cut(TooManyParts)
					return parts
				}
			}
		}
		at = end
	}
	if begin >= 0 && begin < len(b) {
		parts = append(parts, b[begin:])
	}
	return parts
}

// name is what an attachment is called, decoded.
func (m *mail) name(names ...string) string {
	for _, n := range names {
		if n != "" {
			return m.field(textproto.MIMEHeader{"Name": {n}}, "Name")
		}
	}
	return ""
}

// decode undoes how a part was packed for its way.
func (m *mail) decode(how string, b []byte) ([]byte, error) {
	out := []byte{}
	bad := false
	switch strings.ToLower(strings.TrimSpace(how)) {
	case "base64":
		out, bad = decode64(b)
	case "quoted-printable":
		out, bad = decodeQuoted(b)
	default:
		out = append(out, b...)
	}
	if bad {
		m.j.cut(BadEncoding)
	}
	m.j.res.Expanded += int64(len(out))
	if m.decoded += len(out); m.decoded > maxDecoded {
		m.j.cut(TooMuchExpanded)
		return nil, nil
	}
	return out, m.j.step(len(b))
}

// decode64 takes what is base64 in b; blanks are usual, all else is bad.
func decode64(b []byte) (out []byte, bad bool) {
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		case c == '=', c == '\r', c == '\n', c == ' ', c == '\t':
		default:
			bad = true
		}
	}
	if len(clean)%4 == 1 {
		clean, bad = clean[:len(clean)-1], true
	}
	out = make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(out, clean)
	return out[:n], bad || err != nil
}

// decodeQuoted takes quoted-printable; an equals sign that quotes nothing stays
// as it is.
func decodeQuoted(b []byte) (out []byte, bad bool) {
	out = make([]byte, 0, len(b))
	for len(b) > 0 {
		line, rest, more := bytes.Cut(b, []byte("\n"))
		b = rest
		line = bytes.TrimRight(line, " \t\r")
		soft := bytes.HasSuffix(line, []byte("="))
		line = bytes.TrimSuffix(line, []byte("="))
		for i := 0; i < len(line); i++ {
			if line[i] != '=' {
				out = append(out, line[i])
				continue
			}
			if i+2 < len(line) && hex(line[i+1]) >= 0 && hex(line[i+2]) >= 0 {
				out = append(out, byte(hex(line[i+1])<<4|hex(line[i+2])))
				i += 2
				continue
			}
			out = append(out, '=')
			bad = true
		}
		if more && !soft {
			out = append(out, '\n')
		}
	}
	return out, bad
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// extensionOf names the kinds of parts that often come without a name.
func extensionOf(kind string) string {
	switch kind {
	case "message/rfc822":
		return ".eml"
	case "text/csv":
		return ".csv"
	case "text/calendar":
		return ".txt"
	case "application/pdf":
		return ".pdf"
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	}
	if strings.HasPrefix(kind, "text/") {
		return ".txt"
	}
	return ""
}
