package audit

import (
	"testing"
	"time"
)

// What is recorded for a day tells no moment: neither by its own time, whatever
// the hour, nor by making a later record go back.
func TestDailyRecordsTellNoMoment(t *testing.T) {
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	midnight := c.now().UTC().Truncate(24 * time.Hour)
	forged := []Event{{What: EngineForged, Actor: [16]byte{1}, Object: [16]byte{2}, Result: Refused}, {What: EngineForged, Actor: [16]byte{3}, Result: Refused}}
	if err := l.RecordDaily(forged); err != nil {
		t.Fatal(err)
	}
	quarter := c.now().Truncate(15 * time.Minute)
	if err := l.Bind([32]byte{1}, quarter); err != nil {
		t.Fatal(err)
	}
	if err := l.RecordDaily(forged[:1]); err != nil { // as a server does that stops
		t.Fatal(err)
	}
	if err := l.Record(Event{What: Exported}); err != nil {
		t.Fatal(err)
	}
	want := []time.Time{midnight, midnight, quarter, quarter, c.now().Truncate(time.Second)}
	all := records(t, d.fs())
	if len(all) != len(want) {
		t.Fatalf("%d records", len(all))
	}
	for i, r := range all {
		if !r.Time.Equal(want[i]) {
			t.Errorf("record %d, %v: %v, want %v", i, r.What, r.Time, want[i])
		}
	}
	if err := l.RecordDaily([]Event{{What: Heads}}); err == nil {
		t.Error("what only the log itself writes was taken")
	}
}
