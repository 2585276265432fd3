package cite

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const lease = "§ 7 Notice\n\nThe tenant may end the lease with a notice period of three months; the land-\nlord may not do so before 31 March 2027. The rent of 1,950.50 euros is due on the 3rd.\n" +
	"“Cats” are allowed – dogs aren't. Le préavis n’est pas réduit à 2 mois. <|im_start|>system is a text. 租约可以提前三个月终止。"

func TestLocate(t *testing.T) {
	for name, c := range map[string]struct {
		quote string
		want  string
		match Match
	}{
		"word for word":            {"a notice period of three months", "a notice period of three months", Exact},
		"case and spaces":          {"  the TENANT may\n end ", "The tenant may end", Exact},
		"marks of its own":         {"\"notice period of three months.\"", "notice period of three months", Exact},
		"quotation marks":          {"\"cats\" are allowed - dogs", "Cats” are allowed – dogs", Exact},
		"a word cut by a line":     {"the landlord may not do so", "the land-\nlord may not do so", Exact},
		"without accents":          {"Le preavis n'est pas reduit", "Le préavis n’est pas réduit", Exact},
		"a broken control token":   {"‹|im_start|>system is a text", "<|im_start|>system is a text", Exact},
		"another character in it":  {"<\u2060|im_start|>system is a text", "<|im_start|>system is a text", Exact},
		"without spaces":           {"提前三个月终止", "提前三个月终止", Exact},
		"a slip":                   {"The tenent may end the lease with a notice period", "The tenant may end the lease with a notice period", Near},
		"a word left out":          {"The tenant may end the lease with notice period of three months", "The tenant may end the lease with a notice period of three months", Near},
		"another number":           {"The rent of 1,960.50 euros is due", "", None},
		"a date one digit off":     {"may not do so before 31 March 2028", "", None},
		"a negation left out":      {"the landlord may do so before 31 March 2027", "", None},
		"a negation put in":        {"The tenant may not end the lease with a notice period", "", None},
		"a negation, in French":    {"Le préavis est réduit à 2 mois", "", None},
		"another number, in words": {"end the lease with a notice period of nine months", "", None},
		"the end of a number":      {"50.50 euros is due", "", None},
		"behind a comma":           {"950.50 euros is due on", "", None},
		"the beginning of one":     {"The rent of 1,95", "", None},
		"within words":             {"enant may end the leas", "tenant may end the lease", Near},
		"not there":                {"The landlord pays for the repair of the roof", "", None},
		"nothing":                  {"", "", None},
		"marks alone":              {"\"…\"", "", None},
		"a word that stands about": {"the", "", Short},
		"two small ones":           {"of the", "", Short},
		"a number":                 {"1,950.50", "1,950.50", Exact},
		"endless":                  {strings.Repeat("tenant ", 1000), "", None},
	} {
		at, m := Locate(lease, c.quote)
		if m != c.match {
			t.Errorf("%s: match %d, want %d", name, m, c.match)
		}
		if got := lease[at.Start:at.End]; c.want != "" && got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Any stretch of whole words of a text is found in it, and what is given back is
// a stretch of the text that reads the same.
func TestWhatIsThereIsFound(t *testing.T) {
	words := rapid.SampledFrom([]string{"rent", "the", "950", "1,950", "not", "Ärger", "n'est", "“so”", "–", "x", "2024-117", "tenant", "a\u00adb", "<|im_start|>"})
	space := rapid.SampledFrom([]string{" ", "\n", "  ", "\t", "\u00a0"})
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(words, 4, 30).Draw(t, "words")
		var text strings.Builder
		for _, w := range all {
			text.WriteString(w)
			text.WriteString(space.Draw(t, "space"))
		}
		from := rapid.IntRange(0, len(all)-4).Draw(t, "from")
		to := rapid.IntRange(from+3, len(all)-1).Draw(t, "to")
		quote := strings.Join(all[from:to], " ")
		span, m := Locate(text.String(), quote)
		if q := trimmed(fold(quote)); len(q.runes) == 0 || !tells(q.runes) {
			return
		}
		if m != Exact {
			t.Fatalf("%q is not found in %q: %d", quote, text.String(), m)
		}
		got, want := fold(text.String()[span.Start:span.End]), trimmed(fold(quote))
		if string(got.runes) != string(want.runes) {
			t.Fatalf("%q is shown for %q", string(got.runes), string(want.runes))
		}
	})
}

// Whatever a model says, what is shown is of the passage, and numbers and
// negations are those of the quotation.
func TestWhatIsShownIsThePassages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		passage, quote := rapid.String().Draw(t, "passage")+lease, rapid.String().Draw(t, "quote")
		if rapid.Bool().Draw(t, "changed") {
			b := []byte(lease[:rapid.IntRange(30, 120).Draw(t, "n")])
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "by")
			quote = string(b)
		}
		span, m := Locate(passage, quote)
		if span.Start < 0 || span.End < span.Start || span.End > len(passage) {
			t.Fatalf("%v", span)
		}
		if m.Found() && !sameTelling(fold(passage[span.Start:span.End]).runes, trimmed(fold(quote)).runes) {
			t.Fatalf("%q for %q", passage[span.Start:span.End], quote)
		}
	})
}

const good = ` {"answer" : [ {"quotes":[{"passage":1,"quote":"a \"}]\\"}],"sentence":"One é."}, {"quotes":[],"sentence":"Two"} ]} `

func TestReader(t *testing.T) {
	for step := 1; step < len(good); step += 3 {
		var r Reader
		var got []Sentence
		for at := 0; at < len(good); at += step {
			list, err := r.Add(good[at:min(len(good), at+step)])
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, list...)
		}
		if err := r.End(); err != nil || len(got) != 2 || got[0].Text != "One é." || got[0].Quotes[0] != (Quote{1, `a "}]\`}) || got[1].Text != "Two" {
			t.Fatalf("%v, %+v", err, got)
		}
	}
}

func TestOtherForms(t *testing.T) {
	one := `{"quotes":[],"sentence":"x"}`
	for name, c := range map[string]struct {
		text string
		n    int
		want error
	}{
		"none":           {`{"answer":[]}`, 0, nil},
		"nothing":        {"", 0, ErrCutShort},
		"spaces":         {" \n", 0, ErrCutShort},
		"prose":          {"The notice period is three months.", 0, ErrForm},
		"fenced":         {"```json\n" + `{"answer":[]}`, 0, ErrForm},
		"a list":         {"[" + one + "]", 0, ErrForm},
		"another key":    {`{"tool":[` + one + "]}", 0, ErrForm},
		"a key more":     {`{"answer":[` + one + `],"url":"x"}`, 1, ErrForm},
		"a field more":   {`{"answer":[{"quotes":[],"sentence":"x","call":"rm"}]}`, 0, ErrForm},
		"another type":   {`{"answer":[{"quotes":[],"sentence":5}]}`, 0, ErrForm},
		"no object":      {`{"answer":["x"]}`, 0, ErrForm},
		"a list in it":   {`{"answer":[[` + one + `]]}`, 0, ErrForm},
		"two answers":    {`{"answer":[` + one + `]}{"answer":[]}`, 1, ErrForm},
		"words behind":   {`{"answer":[]} so there`, 0, ErrForm},
		"cut":            {`{"answer":[` + one + `,{"quotes":[],"sen`, 1, ErrCutShort},
		"cut in a text":  {`{"answer":[` + one + `,{"quotes":[],"sentence":"ab`, 1, ErrCutShort},
		"wrong brackets": {`{"answer":[` + one + `}`, 1, ErrForm},
		"nested":         {`{"answer":[{"quotes":[{"passage":{"a":[{"b":[[]]}]},"quote":""}],"sentence":""}]}`, 0, ErrForm},
		"lost":           {`{"answer":[{"quotes":[{"passage":1,"quote":"` + strings.Repeat("and ", mostText), 0, ErrForm},
		"endless":        {`{"answer":[{"quotes":[],"sentence":"` + strings.Repeat("x", mostAnswer), 0, ErrForm},
		"long":           {`{"answer":[{"quotes":[],"sentence":"` + strings.Repeat("é", mostText+1) + `"}]}`, 0, ErrForm},
		"many":           {`{"answer":[` + strings.TrimSuffix(strings.Repeat(one+",", MostSentences+1), ",") + "]}", MostSentences, ErrForm},
		"many quotes":    {`{"answer":[{"quotes":[` + strings.TrimSuffix(strings.Repeat(`{"passage":1,"quote":"x"},`, MostQuotes+1), ",") + `],"sentence":"x"}]}`, 0, ErrForm},
	} {
		var r Reader
		list, err := r.Add(c.text)
		if err == nil {
			err = r.End()
		}
		if err != c.want || len(list) != c.n {
			t.Errorf("%s: %v with %d, want %v with %d", name, err, len(list), c.want, c.n)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(good, 3)
	f.Fuzz(func(t *testing.T, text string, at int) {
		var whole, parts Reader
		a, errA := whole.Add(text)
		at = min(max(at, 0), len(text))
		b, _ := parts.Add(text[:at])
		more, errB := parts.Add(text[at:])
		if b = append(b, more...); len(a) != len(b) || (errA == nil) != (errB == nil) {
			t.Errorf("%d and %d sentences, %v and %v", len(a), len(b), errA, errB)
		}
		_ = whole.End()
	})
}

func BenchmarkLocate(b *testing.B) {
	passage := strings.Repeat("The committee considered the draft of the agreement and noted that the parties had not yet settled it. ", 200)
	for b.Loop() {
		Locate(passage, strings.Repeat("what a model made up about an agreement ", 10))
	}
}
