package leak

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// TestStudy goes the whole way: unshaped streams are told apart, their tokens
// read; of sealed ones nothing is learned; and nothing is claimed, for the
// traces are few.
func TestStudy(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	off := collect(1, 15, 2, func(r *rand.Rand, label int) Trace { return raw(r, 3*label) })
	sealed := collect(2, 15, 2, func(_ *rand.Rand, label int) Trace {
		tr := paced(r, 60)
		tr.TokenLengths = raw(r, label).TokenLengths
		return tr
	})
	kept := make(map[string][]byte)
	ran := 0
	s := Study{Noise: "noise", Topics: []string{"law"}, Attacks: Unpooled(light(), off), Effort: Effort{Folds: 5, Draws: 50, Permutations: 19, Enough: 5, Seed: 3},
		Kept: func(key string, into any) bool {
			text, there := kept[key]
			return there && json.Unmarshal(text, into) == nil
		},
		Keep: func(key string, found any) (err error) {
			ran++
			kept[key], err = json.Marshal(found)
			return err
		}}
	if len(s.Attacks) != len(light())-1 {
		t.Errorf("%d of %d attacks are left for two traces of a prompt", len(s.Attacks), len(light()))
	}
	c, err := s.Controls(off)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Best) != 1 || c.Best[0].AUC < controlAUC || c.Tokens == nil || c.Tokens.Accuracy < controlTokens || c.Shuffled.P < 0.01 {
		t.Errorf("the controls are %+v, tokens %+v", c, c.Tokens)
	}
	e, err := s.Judge("sealed", sealed, c)
	if err != nil {
		t.Fatal(err)
	}
	e.Corpus, e.Model, e.Hardware, e.Commit, e.Protocol, e.Structural = "v0", "m", "h", "c", "p", true
	claim := e.Choose()
	if claim.Sentence != "" || claim.Chance {
		t.Errorf("of 60 traces it is said: %s", claim.Sentence)
	}
	for _, b := range claim.Because {
		if !strings.Contains(b, "traces of 15 prompts") && !strings.Contains(b, "token lengths") {
			t.Errorf("an unexpected reason: %s", b)
		}
	}
	for _, o := range e.Outcomes {
		if o.P <= 0.05 {
			t.Logf("%s: AUC %.3f, p %.3f of nothing", o.ID, o.AUC, o.P)
		}
	}

	// A second run does nothing again and says the same; other traces are not
	// taken for these.
	before := ran
	again, err := s.Judge("sealed", sealed, c)
	if err != nil || ran != before || !reflect.DeepEqual(again.Outcomes, e.Outcomes) {
		t.Errorf("resumed, %d attacks ran again, %v", ran-before, err)
	}
	if _, err := s.Judge("sealed", sealed[:len(sealed)-2], c); err != nil || ran == before {
		t.Errorf("other traces were taken for the same, %v", err)
	}
	s.Kept, s.Keep = nil, func(string, any) error { return io.ErrShortWrite }
	if _, err := s.Judge("sealed", sealed, c); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("what could not be kept was passed over: %v", err)
	}

	var text, svg bytes.Buffer
	if err := WriteTable(&text, "sealed", e.Outcomes); err != nil || strings.Count(text.String(), "\n") != len(e.Outcomes)+1 {
		t.Errorf("the table is\n%s%v", text.String(), err)
	}
	if err := WritePlot(&svg, []Series{{"off", c.Outcomes}, {"sealed <&", e.Outcomes}}); err != nil {
		t.Fatal(err)
	}
	circles := 0
	for d := xml.NewDecoder(&svg); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, is := token.(xml.StartElement); is && start.Name.Local == "circle" {
			circles++
		}
	}
	if circles != len(c.Outcomes)+len(e.Outcomes) {
		t.Errorf("%d circles of %d outcomes", circles, len(c.Outcomes)+len(e.Outcomes))
	}
	if _, err := json.Marshal(e); err != nil {
		t.Errorf("the evidence cannot be written: %v", err)
	}
}

// TestOddsKnown: no false alarm among 2,343 bounds little.
func TestOddsKnown(t *testing.T) {
	if v := Odds(0.2, 1.277e-3, 1e4); math.Abs(v-0.0154) > 0.0002 {
		t.Errorf("guaranteed precision %v", v)
	}
	if Odds(0, 0, 1e4) != 0 || Odds(math.NaN(), 0, 1e4) != 0 || Odds(1, 0, 1e4) != 1 {
		t.Error("odds of nothing and of certainty")
	}
}
