package chunk

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// byWord counts as a coarse model would: a token for each eight bytes of a word
// begun, so that long words cost more and joining texts adds up.
func byWord(text string) (n int) {
	for w := range strings.FieldsSeq(text) {
		n += (len(w) + 7) / 8
	}
	return n
}

// byRune counts as a model does that knows no words, spaces included, so that
// the whole has more tokens than its parts.
func byRune(text string) int { return utf8.RuneCountInString(text) }

func cut(t testing.TB, title string, records []Record, limits Limits) *Document {
	t.Helper()
	d, err := Cut(title, records, limits, byWord)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shown is a passage as a test reads it.
func shown(d *Document) (out []string) {
	for _, p := range d.Passages {
		out = append(out, p.Lead+" | "+d.Text[p.Start:p.End])
	}
	return out
}

func TestHeadingsTablesAndCodeStandAlone(t *testing.T) {
	d := cut(t, "Lease", []Record{
		{1, Prose, 0, "Signed in Lyon."},
		{1, Heading, 1, "Rent"},
		{1, Prose, 0, "The rent is due on the first."},
		{2, Prose, 0, "It is 800 euros."},
		{2, Heading, 2, "Late\npayment"},
		{2, Prose, 0, "Two per cent a month."},
		{2, Table, 0, "month\trent\nMay\t800"},
		{3, Code, 0, "if late {\n\tpay()\n}"},
		{3, Prose, 0, "That is all."},
		{3, Heading, 1, "Annex"},
		{3, Heading, 1, "End"},
		{3, Heading, 2, "Place"},
		{4, Prose, 0, " \n"},
	}, Usual())
	want := []string{
		"Lease | Signed in Lyon.",
		"Lease › Rent | The rent is due on the first.\n\nIt is 800 euros.",
		"Lease › Rent › Late payment | Two per cent a month.",
		"Lease › Rent › Late payment | month\trent\nMay\t800",
		"Lease › Rent › Late payment | if late {\n\tpay()\n}",
		"Lease › Rent › Late payment | That is all.",
		"Lease | Annex",
		"Lease › End | Place",
	}
	if diff := cmp.Diff(want, shown(d)); diff != "" {
		t.Error(diff)
	}
	if p := d.Passages[1]; p.Page != 1 || p.LastPage != 2 || p.Tokens != byWord(d.Searchable(p)) {
		t.Errorf("%+v", p)
	}
	type section struct {
		Parent, First, Past int
		Text                string
	}
	var got []section
	for _, s := range d.Sections {
		text := d.Text[s.Start:s.End]
		got = append(got, section{s.Parent, s.First, s.Past, text[:min(6, len(text))] + "…" + text[max(0, len(text)-6):]})
	}
	if diff := cmp.Diff([]section{
		{-1, 0, 8, "Signed…\nPlace"},
		{0, 1, 6, "Rent\n\n…s all."},
		{1, 2, 6, "Late\np…s all."},
		{0, 6, 7, "Annex…Annex"},
		{0, 7, 8, "End\n\nP…\nPlace"},
		{4, 7, 8, "Place…Place"},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func sentence(n int) string { return "A" + strings.Repeat(" word", n-1) + "." }

func TestPassagesAreFilled(t *testing.T) {
	for name, c := range map[string]struct {
		records []Record
		tokens  []int
	}{
		"small paragraphs":       {[]Record{{Text: sentence(100)}, {Text: sentence(100)}, {Text: sentence(100)}, {Text: sentence(100)}}, []int{300, 100}},
		"a small rest":           {[]Record{{Text: sentence(300)}, {Text: sentence(30)}}, []int{330}},
		"one beyond the target":  {[]Record{{Text: sentence(450)}}, []int{450}},
		"one after a small one":  {[]Record{{Text: sentence(20)}, {Text: sentence(400)}}, []int{420}},
		"sentences":              {[]Record{{Text: strings.Repeat(sentence(50)+" ", 20)}}, []int{300, 300, 300, 100}},
		"a sentence too long":    {[]Record{{Text: sentence(700)}}, []int{350, 350}},
		"a word too long":        {[]Record{{Text: strings.Repeat("é", 4000)}}, []int{250, 250, 250, 250}},
		"lines of code":          {[]Record{{Kind: Code, Text: strings.Repeat(sentence(50)+"\n", 12)}}, []int{300, 300}},
		"code that just fits":    {[]Record{{Kind: Code, Text: strings.Repeat(sentence(50)+"\n", 9)}}, []int{450}},
		"an item after an item":  {[]Record{{Text: "- a"}, {Text: "- b"}}, []int{4}},
		"nothing":                {nil, nil},
		"nothing but space":      {[]Record{{Text: "\n \t"}, {Kind: Heading, Text: ""}}, nil},
		"a heading without text": {[]Record{{Kind: Heading, Level: 9, Text: "Alone"}}, []int{1}},
	} {
		var got []int
		for _, p := range cut(t, "", c.records, Usual()).Passages {
			got = append(got, p.Tokens)
		}
		if diff := cmp.Diff(c.tokens, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Rows are kept whole, and each passage of a table says what its columns are.
func TestTables(t *testing.T) {
	row := "x\t" + sentence(99)
	d := cut(t, "Prices", []Record{{1, Table, 0, "name\tprice\n" + strings.Repeat(row+"\n", 10)}}, Usual())
	if len(d.Passages) != 4 {
		t.Fatalf("%d passages", len(d.Passages))
	}
	for i, p := range d.Passages {
		text := d.Text[p.Start:p.End]
		if lead := "Prices\nname\tprice"; i > 0 && p.Lead != lead || i == 0 && p.Lead != "Prices" {
			t.Errorf("passage %d has the lead %q", i, p.Lead)
		}
		if strings.Count(d.Searchable(p), "name\tprice") != 1 || !strings.HasSuffix(text, "word.") {
			t.Errorf("passage %d is %q", i, text)
		}
	}
}

func TestLongPathsAreShortened(t *testing.T) {
	records := []Record{{Kind: Heading, Level: 1, Text: sentence(100)}, {Kind: Heading, Level: 2, Text: sentence(80)},
		{Kind: Heading, Level: 3, Text: "Inner"}, {Text: "text"}}
	if got := shown(cut(t, "Title", records, Usual())); len(got) != 1 || got[0] != sentence(80)+" › Inner | text" {
		t.Errorf("%q", got)
	}
	records[2].Text = sentence(400)
	if got := shown(cut(t, "Title", records, Usual())); len(got) != 1 || got[0] != " | text" {
		t.Errorf("%q", got)
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string]string{
		"One. Two! Three? Four… five.":      "One.|Two!|Three?|Four… five.",
		"He said “no.” Then left.":          "He said “no.”|Then left.",
		"Il dit : « Oui. » Puis il sort.":   "Il dit : « Oui. »|Puis il sort.",
		"Vraiment ? Oui !":                  "Vraiment ?|Oui !",
		"今日は。明日も！「はい。」終わり":                  "今日は。|明日も！|「はい。」|終わり",
		"Version 1.2.3 of it, e.g. that.":   "Version 1.2.3 of it, e.g. that.",
		"no end":                            "no end",
		"  . . .  ":                         ".|.|.",
		"a.\n\nB":                           "a.|B",
		"":                                  "",
		"Mail a@b.example now. 10 is next.": "Mail a@b.example now.|10 is next.",
	} {
		var got []string
		for _, s := range sentences(text) {
			got = append(got, text[s.start:s.end])
		}
		if diff := cmp.Diff(want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, l := range []Limits{{}, {1, 15}, {0, 20}, {21, 20}, {-1, 100}} {
		if _, err := Cut("", nil, l, byWord); err == nil {
			t.Errorf("%v was taken", l)
		}
	}
}

func aRecord() *rapid.Generator[Record] {
	words := strings.Fields("The rent is due. a b! été « Oui. » 日本語。 x=1; 10.0.0.1 | Lyon? " + strings.Repeat("long", 40) + " \u0301 \xff …")
	gaps := []string{" ", " ", " ", "\n", "\t", "\n\n", "  \r\n"}
	return rapid.Custom(func(t *rapid.T) Record {
		var b strings.Builder
		for _, w := range rapid.SliceOfN(rapid.SampledFrom(words), 0, 60).Draw(t, "words") {
			b.WriteString(w + rapid.SampledFrom(gaps).Draw(t, "gap"))
		}
		return Record{rapid.IntRange(0, 3).Draw(t, "page"), Kind(rapid.IntRange(0, 3).Draw(t, "kind")), rapid.IntRange(-1, 4).Draw(t, "level"), b.String()}
	})
}

// TestWhateverTheDocument holds every promise against any document: passages
// follow each other, keep the cap, lose nothing but space and mix nothing.
func TestWhateverTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(aRecord(), 0, 12).Draw(t, "records")
		most := rapid.IntRange(16, 60).Draw(t, "cap")
		limits := Limits{rapid.IntRange(1, most).Draw(t, "target"), most}
		count := rapid.SampledFrom([]Count{byWord, byRune}).Draw(t, "count")
		title := rapid.SampledFrom([]string{"", "Title", "a\nb"}).Draw(t, "title")
		d, err := Cut(title, records, limits, count)
		if err != nil {
			t.Fatal(err)
		}
		checkPassages(t, d, limits, count)
		checkSections(t, d)
		// Whatever is no heading stands in passages of its kind, and nothing else does.
		rest := make(map[Kind]string)
		for _, r := range records {
			rest[r.Kind] += r.Text
		}
		for _, p := range d.Passages {
			if p.Kind == Heading {
				continue
			}
			text := solid(d.Text[p.Start:p.End])
			got, ok := strings.CutPrefix(solid(rest[p.Kind]), text)
			if !ok {
				t.Fatalf("%q does not come next in %q", text, rest[p.Kind])
			}
			rest[p.Kind] = got
		}
		for kind, text := range rest {
			if kind != Heading && solid(text) != "" {
				t.Fatalf("%q is in no passage", text)
			}
		}
	})
}

// solid is a text without space.
func solid(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func checkPassages(t *rapid.T, d *Document, limits Limits, count Count) {
	at := 0
	for _, p := range d.Passages {
		if p.Start < at || p.End <= p.Start || p.End > len(d.Text) || strings.TrimSpace(d.Text[p.Start:p.End]) == "" {
			t.Fatalf("a passage is at %d to %d, the one before ended at %d", p.Start, p.End, at)
		}
		if n := count(d.Searchable(p)); n > limits.Cap || n != p.Tokens {
			t.Fatalf("a passage has %d tokens and says %d, the cap is %d", n, p.Tokens, limits.Cap)
		}
		if !utf8.RuneStart(d.Text[p.Start]) {
			t.Fatal("a passage begins inside a character")
		}
		at = p.End
	}
}

func checkSections(t *rapid.T, d *Document) {
	for i, s := range d.Sections {
		if s.Start > s.End || s.End > len(d.Text) || s.First > s.Past || s.Past > len(d.Passages) {
			t.Fatalf("section %d is %+v", i, s)
		}
		if s.Parent >= i || (s.Parent < 0) != (i == 0) {
			t.Fatalf("section %d stands in %d", i, s.Parent)
		}
		if i > 0 {
			if o := d.Sections[s.Parent]; o.Level >= s.Level || s.First < o.First || s.Past > o.Past || s.Start < o.Start || s.End > o.End {
				t.Fatalf("section %+v is not in %+v", s, o)
			}
		}
		for _, p := range d.Passages[s.First:s.Past] {
			if p.Start < s.Start || p.End > s.End {
				t.Fatalf("passage %+v is not in its section %+v", p, s)
			}
		}
	}
	for i, p := range d.Passages {
		if s := d.Sections[p.Section]; i < s.First || i >= s.Past {
			t.Fatalf("passage %d is not in its section %+v", i, s)
		}
	}
}

// The time is all but in proportion to the text, whatever it holds.
func TestEndlessTexts(t *testing.T) {
	const n = 1 << 17
	for _, text := range []string{strings.Repeat("x", n), strings.Repeat(". ", n/2), strings.Repeat(" ", n), "a." + strings.Repeat(" ", n) + "!", strings.Repeat("」", n/3),
		strings.Repeat("。", n/3), strings.Repeat("\n", n), strings.Repeat("\u0301", n/2), strings.Repeat("\xff", n), strings.Repeat("a\tb\n", n/4)} {
		for kind := range Code + 1 {
			d := cut(t, "", []Record{{Kind: kind, Text: text}, {Text: "end"}}, Usual())
			if len(d.Passages) > n/100 {
				t.Errorf("%d passages of %q…", len(d.Passages), text[:8])
			}
		}
	}
}
