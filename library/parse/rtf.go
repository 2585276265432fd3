package parse

import (
	"bytes"
	"unicode/utf16"
)

// readRTF reads Rich Text: groups of text and of words that steer it. Groups
// whose purpose is unknown, pictures and embedded objects are passed over, as
// the format asks.
func readRTF(j *job, b []byte) error {
	j.page = 1
	r := &rtf{j: j, b: b, charset: "windows-1252", fonts: make(map[int]string), text: new(builder), unseen: new(builder), state: rtfState{skip: 1}}
	for r.at < len(b) {
		if err := j.step(1); err != nil {
			return err
		}
		var err error
		switch c := b[r.at]; c {
		case '{':
			err = r.open()
		case '}':
			err = r.shut()
		case '\\':
			err = r.control()
		case '\r', '\n':
			r.at++
		default:
			r.char(c)
			r.at++
		}
		if err != nil {
			return err
		}
	}
	if len(r.stack) > 0 {
		j.cut(Damaged)
	}
	if err := r.endParagraph(); err != nil {
		return err
	}
	for len(r.beside) > 0 { // notes without an end
		last := len(r.beside) - 1
		r.text, r.unseen = r.beside[last][0], r.beside[last][1]
		r.beside = r.beside[:last]
		if err := r.endParagraph(); err != nil {
			return err
		}
	}
	return r.endTable()
}

// rtfState is what a group changes for itself alone.
type rtfState struct {
	silent bool // its text is not the document's
	hidden bool
	fonts  bool // it is the table of fonts
	flags  Flags
	skip   int // characters that stand in for one of Unicode
	font   int
	level  int // of a heading
	list   bool
	table  bool
	fresh  bool // nothing stood in the group yet: a word here names its purpose
	note   bool // it is a note: at its end, what it lies in goes on
}

type rtf struct {
	j       *job
	b       []byte
	at      int
	state   rtfState
	stack   []rtfState
	charset string
	fonts   map[int]string // character sets by font
	bytes   []byte         // not decoded yet: a character may take two
	units   []uint16       // likewise, of UTF-16
	left    int            // how many characters are still to be skipped
	text    *builder
	unseen  *builder
	beside  [][2]*builder // what goes on after the notes that are open
	row     []string
	rows    *grid
}

func (r *rtf) open() error {
	r.at++
	r.settle()
	r.left = 0
	if len(r.stack) >= r.j.lim.Nesting {
		return r.j.stop(TooNested)
	}
	r.stack = append(r.stack, r.state)
	r.state.fresh = true
	r.state.note = false
	return nil
}

func (r *rtf) shut() error {
	r.at++
	r.settle()
	r.left = 0
	k := len(r.stack) - 1
	if k < 0 {
		r.at = len(r.b) // what follows the last brace is not the document
		return nil
	}
	var err error
	if r.state.note {
		err = r.endParagraph()
		last := len(r.beside) - 1
		r.text, r.unseen = r.beside[last][0], r.beside[last][1]
		r.beside = r.beside[:last]
	}
	r.state = r.stack[k]
	r.stack = r.stack[:k]
	r.state.fresh = false
	return err
}

// char takes a byte of text.
func (r *rtf) char(c byte) {
	if r.left > 0 {
		r.left--
		return
	}
	r.state.fresh = false
	if len(r.units) > 0 {
		r.settle()
	}
	if !r.state.silent {
		if r.bytes = append(r.bytes, c); len(r.bytes) >= maxText && c < 0x80 {
			r.settle()
		}
	}
}

// settle decodes what was gathered.
func (r *rtf) settle() {
	if len(r.units) > 0 {
		r.put(string(utf16.Decode(r.units)))
		r.units = r.units[:0]
	}
	if len(r.bytes) > 0 {
		set := r.fonts[r.state.font]
		if set == "" {
			set = r.charset
		}
		ascii := true
		for _, c := range r.bytes {
			ascii = ascii && c < 0x80
		}
		if ascii {
			r.put(string(r.bytes))
		} else {
			r.put(r.j.decodeAs(r.bytes, set))
		}
		r.bytes = r.bytes[:0]
	}
}

func (r *rtf) put(s string) {
	switch {
	case r.state.silent:
	case r.state.hidden:
		r.unseen.WriteString(s)
	default:
		r.text.WriteString(s)
	}
}

// control takes a word or a sign behind a backslash.
func (r *rtf) control() error {
	b := r.b
	r.at++
	if r.at >= len(b) {
		return nil
	}
	c := b[r.at]
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		from := r.at
		for r.at < len(b) && r.at-from < 32 && (b[r.at] >= 'a' && b[r.at] <= 'z' || b[r.at] >= 'A' && b[r.at] <= 'Z') {
			r.at++
		}
		word := string(b[from:r.at])
		n, given := r.parameter()
		if r.at < len(b) && b[r.at] == ' ' {
			r.at++
		}
		fresh := r.state.fresh
		r.state.fresh = false
		return r.word(word, n, given, fresh)
	}
	r.at++
	switch c {
	case '\'':
		var v byte
		for i := 0; i < 2 && r.at < len(b); i++ {
			d := bytes.IndexByte([]byte("0123456789abcdef"), b[r.at]|0x20)
			if d < 0 {
				break
			}
			v = v<<4 | byte(d)
			r.at++
		}
		r.char(v)
	case '*':
		if r.state.fresh { // a purpose that programs may not know
			r.state.silent = !r.known()
			r.state.fresh = true
		}
	case '~':
		r.char(' ')
	case '_':
		r.char('-')
	case '\\', '{', '}':
		r.char(c)
	case '\r', '\n':
		return r.endLine()
	}
	return nil
}

// known says whether the word behind \* is one whose text is wanted.
func (r *rtf) known() bool {
	rest := r.b[r.at:]
	for _, w := range []string{"\\shptxt", "\\shpinst"} {
		if bytes.HasPrefix(rest, []byte(w)) {
			return true
		}
	}
	return false
}

// parameter reads the number of a control word.
func (r *rtf) parameter() (n int, given bool) {
	at, sign := r.at, 1
	if at < len(r.b) && r.b[at] == '-' {
		at, sign = at+1, -1
	}
	from := at
	for at < len(r.b) && at-from < 9 && r.b[at] >= '0' && r.b[at] <= '9' {
		n = n*10 + int(r.b[at]-'0')
		at++
	}
	if at == from {
		return 0, false
	}
	r.at = at
	return n * sign, true
}

func (r *rtf) word(word string, n int, given, fresh bool) error {
	on := !given || n != 0
	if word != "u" && word != "uc" && len(r.bytes)+len(r.units) > 0 {
		r.settle()
	}
	if r.left > 0 && word != "bin" {
		r.left--
		if word != "u" {
			return nil
		}
	}
	switch word {
	case "fonttbl":
		r.state.silent, r.state.fonts = true, true
	case "colortbl", "stylesheet", "info", "pict", "object", "objdata", "fldinst", "listtable", "listoverridetable", "revtbl", "rsidtbl",
		"generator", "themedata", "datastore", "latentstyles", "xmlnstbl", "filetbl", "listtext", "pntext", "nonshppict", "bkmkstart", "bkmkend", "sp", "upr":
		r.state.silent = r.state.silent || fresh || word == "objdata"
	case "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf":
		return r.aside(Margin)
	case "footnote", "annotation":
		return r.aside(Note)
	case "ansicpg":
		r.charset = codepage(n)
	case "mac":
		r.charset = "macintosh"
	case "f":
		r.state.font = n
	case "fcharset":
		if r.state.fonts && len(r.fonts) < 10_000 {
			r.fonts[r.state.font] = fontCharset(n)
		}
	case "uc":
		r.state.skip = min(max(n, 0), 8)
	case "u":
		if len(r.bytes) > 0 {
			r.settle()
		}
		if !r.state.silent {
			if r.units = append(r.units, uint16(n)); len(r.units) >= maxText && !utf16.IsSurrogate(rune(uint16(n))) {
				r.settle()
			}
		}
		r.left = r.state.skip
	case "bin":
		r.at = min(len(r.b), r.at+max(n, 0))
	case "v":
		r.state.hidden = on
	case "deleted":
		r.state.silent = on
	case "plain":
		r.state.hidden = false
	default:
		return r.layout(word, n, on)
	}
	return nil
}
