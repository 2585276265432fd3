package parse

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// readXLSX reads the values of a workbook's sheets. Formulas are neither read
// nor worked out: what counts is what the program that saved them showed.
func readXLSX(j *job, b []byte) error {
	z, err := j.unpack(b)
	if err != nil {
		return err
	}
	sheets, old, err := j.listed(z, "xl/workbook.xml", "sheet")
	if err != nil {
		return err
	}
	x := &xlsx{j: j, z: z, epoch: time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)}
	if old {
		x.epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if err := x.readStrings(); err != nil {
		return err
	}
	if err := x.readDates(); err != nil {
		return err
	}
	for i, s := range sheets {
		if err := j.turn(i + 1); err != nil {
			return err
		}
		var flags Flags
		if s.hidden {
			flags = Hidden
		}
		if err := j.emit(Record{Kind: Heading, Level: 1, Flags: flags, Raw: s.name}); err != nil {
			return err
		}
		if err := x.sheet(s.part, flags); err != nil {
			return err
		}
	}
	return nil
}

type xlsx struct {
	j      *job
	z      files
	shared []string
	dates  []dateKind // by style
	epoch  time.Time
}

const maxShared = 128 << 20

// readStrings reads the texts that cells share.
func (x *xlsx) readStrings() error {
	r, err := x.j.open(x.z, "xl/sharedStrings.xml")
	if r == nil || err != nil {
		return err
	}
	w := x.j.walk(r)
	var text builder
	size := 0
	for w.next() {
		switch t := w.tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "si":
				text.Reset()
			case "rPh": // how to pronounce it
				w.skip()
			case "t":
				text.WriteString(w.text())
			}
		case xml.EndElement:
			if t.Name.Local == "si" {
				one := x.j.take(&text)
				if size += len(one) + 16; size > maxShared {
					return x.j.stop(TooMuchExpanded)
				}
				x.shared = append(x.shared, one)
			}
		}
	}
	return w.err
}

// readDates reads which styles show a number as a date.
func (x *xlsx) readDates() error {
	r, err := x.j.open(x.z, "xl/styles.xml")
	if r == nil || err != nil {
		return err
	}
	own := make(map[string]dateKind)
	in := false
	w := x.j.walk(r)
	for w.next() {
		switch t := w.tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "numFmt":
				own[attr(t, "numFmtId")] = dateFormat(attr(t, "formatCode"))
			case "cellXfs":
				in = true
			case "xf":
				if in {
					id := attr(t, "numFmtId")
					kind := own[id]
					switch n := number(id, 1000); {
					case n == 46:
						kind = elapsed
					case n >= 14 && n <= 22, n == 45, n == 47:
						kind = moment
					}
					x.dates = append(x.dates, kind)
				}
			}
		case xml.EndElement:
			in = in && t.Name.Local != "cellXfs"
		}
	}
	return w.err
}

// dateKind says how a number is shown: as it is, as a moment, as hours that
// went by.
type dateKind uint8

const (
	moment dateKind = iota + 1
	elapsed
)

// dateFormat says whether a number format of somebody's own shows dates: by the
// letters that stand for parts of one, outside quotes and brackets. Letters of
// time in brackets count on beyond a day.
func dateFormat(code string) dateKind {
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\\':
			i++
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case bracket:
			if rest := strings.TrimLeft(strings.ToLower(code[i:]), string(c|0x20)); strings.HasPrefix(rest, "]") && strings.IndexByte("hms", c|0x20) >= 0 && code[i-1] == '[' {
				return elapsed
			}
		case strings.IndexByte("ymdhYMDH", c) >= 0:
			return moment
		}
	}
	return 0
}

// cell is one that is being read.
type cell struct {
	column       int
	kind, style  string
	value, given string
}

func (x *xlsx) sheet(part string, flags Flags) error {
	r, err := x.j.open(x.z, part)
	if r == nil || err != nil {
		if err == nil {
			x.j.cut(Damaged)
		}
		return err
	}
	shown := &grid{j: x.j, as: Record{Flags: flags}}
	unseen := &grid{j: x.j, as: Record{Flags: flags | Hidden}}
	away := make(map[int]bool) // hidden columns
	var row, apart []string
	var c cell
	size := 0 // of the row
	line, hiddenRow := 0, false
	w := x.j.walk(r)
	for w.next() {
		switch t := w.tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "col":
				if h := attr(t, "hidden"); h == "1" || h == "true" {
					for i := number(attr(t, "min"), 1<<14); i <= number(attr(t, "max"), 1<<14) && !away[i]; i++ {
						away[i] = true
					}
				}
			case "row":
				row, apart, size = row[:0], apart[:0], 0
				line = max(line+1, number(attr(t, "r"), 1<<21))
				h := attr(t, "hidden")
				hiddenRow = h == "1" || h == "true"
			case "c":
				c = cell{column: column(attr(t, "r"), c.column+1), kind: attr(t, "t"), style: attr(t, "s")}
			case "v":
				c.value = w.text()
			case "rPh", "f":
				w.skip()
			case "t":
				if len(c.given) < maxText {
					c.given += w.text()
				} else {
					x.j.cut(TokenTooLong)
					w.skip()
				}
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "c":
				text := x.show(c)
				if len(text) > maxText {
					text = head(text)
					x.j.cut(TokenTooLong)
				}
				size += len(text) + 1
				switch {
				case size > maxRow:
					x.j.cut(TokenTooLong)
				case hiddenRow || away[c.column]:
					apart = append(apart, text)
				default:
					row = place(row, c.column, text)
				}
				if size <= maxRow {
					if err := x.j.step(len(text)); err != nil {
						return err
					}
				}
			case "row":
				c.column = 0
				if err := shown.add(row, line); err != nil {
					return err
				}
				if err := unseen.add(apart, line); err != nil {
					return err
				}
			}
		}
	}
	if err := shown.flush(); err != nil {
		return err
	}
	if err := unseen.flush(); err != nil {
		return err
	}
	return w.err
}

// place puts a cell into its column. Far to the right, gaps are not kept.
func place(row []string, column int, text string) []string {
	if text == "" {
		return row
	}
	for len(row)+1 < column && column <= maxColumns {
		row = append(row, "")
	}
	return append(row, text)
}

// column reads the letters of a cell's place, as in BC12.
func column(place string, next int) int {
	n := 0
	for i := 0; i < len(place) && i < 3 && place[i] >= 'A' && place[i] <= 'Z'; i++ {
		n = n*26 + int(place[i]-'A') + 1
	}
	if n == 0 {
		return next
	}
	return n
}

// show is a cell's value as text.
func (x *xlsx) show(c cell) string {
	switch c.kind {
	case "s":
		if i, err := strconv.Atoi(c.value); err == nil && i >= 0 && i < len(x.shared) {
			return x.shared[i]
		}
		return ""
	case "inlineStr":
		return c.given
	case "b":
		if c.value == "1" {
			return "TRUE"
		}
		return "FALSE"
	case "str", "e", "d":
		return c.value
	}
	f, err := strconv.ParseFloat(c.value, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return c.value
	}
	if s, err := strconv.Atoi(c.style); err == nil && s >= 0 && s < len(x.dates) && x.dates[s] != 0 && f >= 0 && f < 2958466 {
		if x.dates[s] == elapsed {
			n := int(math.Round(f * 86400))
			return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
		}
		return x.date(f)
	}
	if math.Abs(f) < 1e15 {
		return strconv.FormatFloat(round15(f), 'f', -1, 64)
	}
	return c.value
}

// round15 takes away the digits that binary fractions add: a program shows 0.1.
func round15(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil {
		return f
	}
	return r
}

func (x *xlsx) date(f float64) string {
	days, part := math.Modf(f)
	t := x.epoch.AddDate(0, 0, int(days)).Add(time.Duration(math.Round(part*86400)) * time.Second)
	switch {
	case part == 0:
		return t.Format("2006-01-02")
	case days == 0:
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}
