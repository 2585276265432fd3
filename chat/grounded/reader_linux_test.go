//go:build eval

package grounded

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/models"
)

var update = flag.Bool("update", false, "ask the model what nobody asked it yet, and keep that")

// TestReadingAnew asks the real model in READER, the file whose word was measured, a
// sample of what TestReading has kept, and holds the two against each other. With
// -update it asks what is not kept, and keeps it.
func TestReadingAnew(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := readingsOf(t)
	prompts := make(map[[8]byte]engine.Prompt)
	gather := func(p engine.Prompt) float64 {
		sum := sha256.Sum256([]byte(p.Messages[len(p.Messages)-1].Content))
		prompts[[8]byte(sum[:])] = p
		return 1
	}
	reader := measured(t, 1_800_000_000)
	for french, d := range map[bool]*library.Libraries{false: cabinet(t, vectorsOf(t)), true: cabinet(t, nil)} {
		for _, q := range questionsOf(t) {
			if q.french != french {
				continue
			}
			asks := q.question()
			must(asked(t, reader, &fake{sure: gather}, d, asks).err)
			if !french {
				asks.Libraries = q.alone(t, d)
				must(asked(t, reader, &fake{sure: gather}, d, asks).err)
			}
		}
	}
	e, shelf := startReader(t)
	ask := chat.New(e, shelf)
	var differ []float64
	turned := 0
	sample := slices.SortedFunc(maps.Keys(prompts), func(a, b [8]byte) int { return bytes.Compare(a[:], b[:]) })
	t.Logf("%d passages are asked about, of which %d are not kept", len(sample), len(slices.DeleteFunc(slices.Clone(sample), func(s [8]byte) bool { _, ok := kept[s]; return ok })))
	for i, sum := range sample {
		was, ok := kept[sum]
		if ok && (*update || i%60 > 0) || !ok && !*update {
			continue
		}
		p := prompts[sum]
		got, err := new(work).sureness(t.Context(), ada, ask, chat.Ask{Messages: p.Messages, Options: p.Options, Fleeting: true})
		must(err)
		if !ok {
			kept[sum] = got
			continue
		}
		differ = append(differ, math.Abs(got-was))
		if got*was < 0 && math.Abs(got-was) > 0.25 {
			turned++
		}
	}
	if *update {
		var b []byte
		for _, sum := range slices.SortedFunc(maps.Keys(kept), func(a, b [8]byte) int { return bytes.Compare(a[:], b[:]) }) {
			b = append(b, sum[:]...)
			b = binary.BigEndian.AppendUint16(b, uint16(int16(math.Round(kept[sum]*1000))))
		}
		must(os.WriteFile(filepath.Join(wd, readingsFile), b, 0o644))
		t.Logf("%d readings are kept", len(kept))
		return
	}
	t.Logf("MEASURED of %d passages read anew: they differ by %.3f on average, by %.3f at most, and %d are judged the other way", len(differ), mean(differ), slices.Max(differ), turned)
	if mean(differ) > 0.3 {
		t.Error("the model says something else than what is kept")
	}
}

// wd is where the test was started: engines want a folder of their own.
var wd, _ = os.Getwd()

// startReader starts the model in READER.
func startReader(t *testing.T) (*engine.Engine, *models.Shelf) {
	t.Helper()
	shelf, err := models.OpenShelf(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := models.ParseRef("file:" + os.Getenv("READER"))
	if err != nil {
		t.Fatal(err)
	}
	passport, err := models.NewPuller(shelf, nil, models.PullerConfig{}).Pull(t.Context(), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	if passport.Digest != measured(t, 0).Digest {
		t.Fatal("READER is another file than the one that was measured")
	}
	return startEngine(t, shelf, 0), shelf
}
