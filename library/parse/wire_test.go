package parse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// said is a reading as a child says it.
func said(t testing.TB, name string, data []byte, most int64) []byte {
	t.Helper()
	var b bytes.Buffer
	e := NewEncoder(&b, most)
	res, err := Parse(Source{Name: name, Data: data}, Limits{}, e.Sink())
	if err := e.End(res, err); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const plenty = 1 << 30

func heard(b []byte) (Document, error) { return Decode(bytes.NewReader(b), plenty, func() {}) }

// TestSaidAndHeard: what comes out is what went in, of every format.
func TestSaidAndHeard(t *testing.T) {
	for _, m := range append(madeAll(t), made{"empty.txt", nil}, made{"x.png", []byte("\x89PNG\r\n\x1a\n")}) {
		want := parsed(m.name, m.data, Limits{})
		got, err := heard(said(t, m.name, m.data, plenty))
		if !reflect.DeepEqual(err, want.err) {
			t.Errorf("%s: %v, want %v", m.name, err, want.err)
		}
		if got.Result.Stripped != want.Stripped || !reflect.DeepEqual(got.Records, want.records) || !reflect.DeepEqual(got.Cuts, want.Cuts) || got.Format != want.Format ||
			got.Hidden != want.Hidden || got.Pictures != want.Pictures || len(got.Children) != len(want.children) || got.Result.Records != want.Result.Records {
			t.Errorf("%s: %+v, want %+v", m.name, got, want)
		}
		for i, c := range got.Children {
			if c.Name != want.children[i].Name || !bytes.Equal(c.Data, want.children[i].Data) {
				t.Errorf("%s: child %q", m.name, c.Name)
			}
		}
	}
}

// TestTooMuchFound: a child says no more than it may, and that there was more. What it
// says then is within what its parent takes.
func TestTooMuchFound(t *testing.T) {
	for name, data := range map[string]string{
		"words.txt": strings.Repeat("word\n\n", 1000), "maps.txt": strings.Repeat("e\u0301e\u0301\n\n", 1000),
	} {
		const most = 50_000
		b := said(t, name, []byte(data), most)
		d, err := Decode(bytes.NewReader(b), most, func() {})
		if err != nil || len(d.Cuts) != 1 || d.Cuts[0].Why != TooMuchFound || len(d.Records) < 50 || len(d.Records) > 500 {
			t.Errorf("%s: %d records, %v, %v", name, len(d.Records), d.Cuts, err)
		}
		if _, err := Decode(bytes.NewReader(b), most/2, func() {}); err == nil {
			t.Errorf("%s: taken although it is too long", name)
		}
	}
}

// TestTooManyHeadings: each takes more than its text, on both sides alike.
func TestTooManyHeadings(t *testing.T) {
	const most = 10 * (perHeading + perMessage + 10)
	b := said(t, "heads.md", []byte(strings.Repeat("# h\n\n", 1000)), most)
	d, err := Decode(bytes.NewReader(b), most, func() {})
	if err != nil || len(d.Cuts) != 1 || d.Cuts[0].Why != TooMuchFound || len(d.Records) != 10 {
		t.Errorf("%d records, %v, %v", len(d.Records), d.Cuts, err)
	}
	if _, err := Decode(bytes.NewReader(b), most/2, func() {}); err == nil {
		t.Error("taken although it is too long")
	}
}

// TestGarbled: what no child of ours says is not taken.
func TestGarbled(t *testing.T) {
	n := func(all ...uint64) (s string) {
		for _, x := range all {
			s += string(binary.AppendUvarint(nil, x))
		}
		return s
	}
	text := func(s string) string { return n(uint64(len(s))) + s }
	record := "r" + n(1, 2, 0, 0, 0) + text("hello")
	end := "e" + text("text") + n(0, 0, 0, 5) + n(0, 0, 0, 0, 0, 0)
	if d, err := heard([]byte(wireHead + record + "." + end)); err != nil || d.Records[0].Text != "hello" || d.Records[0].Line != 2 {
		t.Fatal(d, err)
	}
	for name, b := range map[string]string{
		"nothing": "", "another head": "abaton/parse/2\n" + record + end, "no end": wireHead + record, "torn": wireHead + record[:9],
		"more behind": wireHead + record + end + "x", "two ends": wireHead + record + end + end, "no letter": wireHead + record + "x" + end,
		"a kind": wireHead + "r" + n(1, 2, 5, 0, 0) + text("hello") + end, "flags": wireHead + "r" + n(1, 2, 0, 0, 32) + text("hello") + end,
		"blank": wireHead + "r" + n(1, 2, 0, 0, 0) + text(" \u200b\n") + end, "long text": wireHead + "r" + n(1, 2, 0, 0, 0) + text(strings.Repeat("x", maxText+1)) + end,
		"a page": wireHead + "r" + n(1<<62, 2, 0, 0, 0) + text("hello") + end, "a number": wireHead + "r" + strings.Repeat("\xff", 20) + end,
		"promised": wireHead + "c" + text("name") + n(maxChild) + "x", "more than is": wireHead + "c" + text("name") + n(maxChild+1) + "x",
		"a format": wireHead + record + "e" + text("exe2") + n(0, 0, 0, 5) + n(0, 0, 0, 0, 0, 0), "refused and read": wireHead + record + "e" + text("text") + n(1, 0, 0, 5) + n(0, 0, 0, 0, 0, 0),
		"nothing at all": wireHead + end, "a verdict": wireHead + "e" + text("text") + n(uint64(len(reasons)), 0, 0, 5) + n(0, 0, 0, 0, 0, 0),
		"a cut": wireHead + record + "e" + text("text") + n(0, 0, 0, 5) + n(0, 0, 0, 0, 0, 1) + n(0, 1, 1), "cuts": wireHead + record + "e" + text("text") + n(0, 0, 0, 5) + n(0, 0, 0, 0, 0, 1000),
	} {
		_, err := heard([]byte(b))
		if _, garbled := errors.AsType[*GarbledError](err); !garbled {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHeardIsClean: a child that was taken over cannot hand on what normalisation takes away.
func TestHeardIsClean(t *testing.T) {
	record := "r" + "\x01\x01\x00\x00\x00"
	raw := "a\u202eb\U000e0041c\x1bd\xff"
	name := "../..//etc/pass\u202ewd"
	b := wireHead + record + string(binary.AppendUvarint(nil, uint64(len(raw)))) + raw +
		"c" + string(binary.AppendUvarint(nil, uint64(len(name)))) + name + "\x01x" + "e\x04text\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	d, err := heard([]byte(b))
	if err != nil || d.Records[0].Text != "abcd\uFFFD" || d.Stripped.Bidi != 1 || d.Stripped.Tags != 1 || d.Stripped.Control != 1 || d.Children[0].Name != "etc/passwd" {
		t.Errorf("%+v %+v %v", d.Records, d.Result, err)
	}
	checkMap(t, d.Records[0].Text, raw, d.Records[0].Map)
}

func FuzzDecode(f *testing.F) {
	for _, m := range madeAll(f) {
		f.Add(said(f, m.name, m.data, plenty))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(bytes.NewReader(b), 1<<20, func() {})
		for _, r := range d.Records {
			checkMap(t, r.Text, r.Raw, r.Map)
		}
		if err == nil && len(d.Records)+len(d.Children)+len(d.Cuts) == 0 {
			t.Error("nothing, and no reason")
		}
	})
}
