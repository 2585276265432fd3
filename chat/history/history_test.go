package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/vault"

	"github.com/google/go-cmp/cmp"
)

func TestAConversationIsKeptAndContinued(t *testing.T) {
	o := newHome(t)
	if _, err := o.h.Latest(); !errors.Is(err, ErrEmpty) {
		t.Errorf("the latest of none: %v", err)
	}
	at := time.UnixMilli(1_700_000_000_123).UTC()
	c, err := o.h.New(t.Context(), Start{Model: "tiny", Instruction: "Be brief.\nAlways."}, Turn{Role: User, Text: "What is rain?\nSay it."})
	if err != nil {
		t.Fatal(err)
	}
	answer := Turn{Role: Assistant, Text: "Water.", Model: "large", Finish: "stop", PromptTokens: 12, AnswerTokens: 3, Time: at}
	given, err := o.h.Append(t.Context(), c.ID, answer)
	if err != nil {
		t.Fatal(err)
	}
	o.begin(t, "another")
	if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "And snow?"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		latest, err := o.h.Latest()
		if err != nil || latest.ID != c.ID || latest.Title != "What is rain?" || latest.Model != "large" || latest.Turns != 3 || latest.Instruction != "" {
			t.Fatalf("the latest is %+v, %v", latest, err)
		}
		full, turns, err := o.h.Show(t.Context(), c.ID)
		if err != nil || len(turns) != 3 || full.Instruction != "Be brief.\nAlways." {
			t.Fatalf("%+v, %d turns, %v", full, len(turns), err)
		}
		if d := cmp.Diff(given[0], turns[1]); d != "" {
			t.Error(d)
		}
		answer.ID = turns[1].ID
		if d := cmp.Diff(answer, turns[1]); d != "" {
			t.Error(d)
		}
		if turns[0].Text != "What is rain?\nSay it." || turns[2].Text != "And snow?" {
			t.Error("the turns are out of order")
		}
		if full.Updated.Before(full.Created) || !full.Created.Equal(c.Created) {
			t.Errorf("begun %v, used %v", full.Created, full.Updated)
		}
		o.reopen(t, true)
	}
}

func TestClosedIsClosed(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "rain")
	if err := o.h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.h.Close(t.Context()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	_, search := o.h.Search(t.Context(), "rain", 1)
	_, list := o.h.List()
	_, _, show := o.h.Show(t.Context(), c.ID)
	_, add := o.h.Append(t.Context(), c.ID, Turn{Role: User})
	_, begin := o.h.New(t.Context(), Start{})
	_, rename := o.h.Rename(t.Context(), c.ID, "x")
	_, find := o.h.Find("0000")
	for i, err := range []error{search, list, show, add, begin, rename, find, o.h.Delete(t.Context(), c.ID), o.h.Damage(), o.h.ExportJSON(t.Context(), new(strings.Builder))} {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if o.h.state != nil {
		t.Error("something is still in memory")
	}
}

// The vault may be locked first: nothing is lost, for turns are durable.
func TestVaultLockedFirst(t *testing.T) {
	o := newHome(t)
	o.begin(t, "rain")
	o.v.Close()
	if err := o.h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	o.reopen(t, false)
	if got := o.finds(t, "rain"); len(got) != 1 {
		t.Errorf("found %q", got)
	}
}

func TestBounds(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "small")
	largest := strings.Repeat("ab\x01\" ", MaxText/5) + "needle"[:MaxText%5]
	if len(largest) != MaxText {
		t.Fatal(len(largest))
	}
	if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: largest}); err != nil {
		t.Errorf("8 MiB: %v", err)
	}
	for _, text := range []string{largest + "x", strings.Repeat("x", 10<<20)} {
		_, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "before"}, Turn{Role: Assistant, Text: text})
		if !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "8 MiB") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if _, err := o.h.New(t.Context(), Start{Instruction: strings.Repeat("x", MaxText+1)}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	o.reopen(t, true)
	if got := o.texts(t, c.ID); len(got) != 2 || got[1] != largest {
		t.Errorf("%d turns", len(got))
	}
	if got := o.finds(t, "ab"); len(got) != 1 {
		t.Errorf("%d found", len(got))
	}
}

func TestStrangeTurns(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "one")
	for _, bad := range []Turn{{}, {Role: "system", Text: "x"}, {Role: User, PromptTokens: -1}, {Role: User, AnswerTokens: -1}} {
		if _, err := o.h.Append(t.Context(), c.ID, bad); err == nil {
			t.Errorf("%+v was kept", bad)
		}
	}
	if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "a\xffb", Time: time.Unix(-5, 0)}, Turn{Role: Assistant}); err != nil {
		t.Fatal(err)
	}
	if got := o.texts(t, c.ID); !slices.Equal(got, []string{"one", "a\uFFFDb", ""}) {
		t.Errorf("%q", got)
	}
	if _, err := o.h.Append(t.Context(), vault.NewID(), Turn{Role: User}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if turns, err := o.h.Append(t.Context(), c.ID); err != nil || turns != nil {
		t.Error(err)
	}
}

// Turns keep their order where the clock stands still or goes back.
func TestClockSetBack(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "0")
	for i := 1; i < 6; i++ {
		o.now = o.now.Add(-time.Hour)
		if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		o.reopen(t, i%2 == 0)
	}
	if got := o.texts(t, c.ID); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5"}) {
		t.Errorf("%q", got)
	}
}

func TestFind(t *testing.T) {
	o := newHome(t)
	for _, id := range []vault.ID{{0xab, 0xcd, 1}, {0xab, 0xcd, 2}, {0x12, 0x34, 5}} {
		o.h.state.conversations[id] = &Conversation{ID: id}
	}
	for prefix, want := range map[string]any{
		"1234": vault.ID{0x12, 0x34, 5}, " 12340 ": vault.ID{0x12, 0x34, 5}, "abcd01": vault.ID{0xab, 0xcd, 1}, "ABCD02": vault.ID{0xab, 0xcd, 2},
		vault.ID{0x12, 0x34, 5}.String(): vault.ID{0x12, 0x34, 5},
		"abcd":                           ErrAmbiguous, "abcd0": ErrAmbiguous, "ffff": ErrUnknown, "": ErrUnknown, "123": ErrUnknown, "12345": ErrUnknown, "What is": ErrUnknown, "12 34": ErrUnknown,
	} {
		c, err := o.h.Find(prefix)
		if id, ok := want.(vault.ID); ok && (err != nil || c.ID != id) {
			t.Errorf("%q: %v, %v", prefix, c.ID, err)
		} else if e, ok := want.(error); ok && !errors.Is(err, e) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestRenamedAndFoundByItsName(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "unlike anything")
	o.begin(t, "else")
	if _, err := o.h.Rename(t.Context(), c.ID, " Tax\u202e \x1b[31mreturn\n2026 "); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		now, err := o.h.Find(c.ID.String())
		if err != nil || now.Title != "Tax [31mreturn 2026" || !now.Named || now.Turns != i+1 {
			t.Fatalf("%+v, %v", now, err)
		}
		found, err := o.h.Search(t.Context(), "tax", 10)
		if err != nil || len(found) != 1 || found[0].Conversation.ID != c.ID || found[0].Turn.ID != (vault.ID{}) || found[0].Snippet != now.Title {
			t.Fatalf("%+v, %v", found, err)
		}
		if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "more"}); err != nil {
			t.Fatal(err)
		}
		o.reopen(t, i%2 == 0)
		if err := o.h.Delete(t.Context(), o.begin(t, "passing").ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.h.Rename(t.Context(), c.ID, "Other"); err != nil {
		t.Fatal(err)
	}
	if got := o.finds(t, "tax"); len(got) != 0 {
		t.Errorf("the old title is found: %q", got)
	}
	for _, bad := range []string{"", " \n\x00", strings.Repeat("x", MaxTitle+1), strings.Repeat("x", 1<<20)} {
		if _, err := o.h.Rename(t.Context(), c.ID, bad); !errors.Is(err, ErrTitle) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if c, err := o.h.Rename(t.Context(), c.ID, strings.Repeat("é", MaxTitle)); err != nil || c.Title != strings.Repeat("é", MaxTitle) {
		t.Errorf("the longest title: %v", err)
	}
}

func TestFewSegments(t *testing.T) {
	o := newHome(t)
	for i := range 300 {
		o.begin(t, fmt.Sprint("text ", i))
		if i%3 == 0 {
			o.reopen(t, true) // each makes a small one
		}
	}
	// 300 texts in segments of 16 and smaller ones that double.
	if n := len(o.segments(t)); n > 2*300/16+5 {
		t.Errorf("%d segments", n)
	}
}

func TestSnippets(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, strings.Repeat("before it ", 100)+"the Rains came"+strings.Repeat(" after it", 100))
	found, err := o.h.Search(t.Context(), "rain", 5)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	f := found[0]
	if f.Conversation.ID != c.ID || !f.Before || !f.After || len(f.Matches) != 1 || f.Snippet[f.Matches[0][0]:f.Matches[0][1]] != "Rains" || len(f.Snippet) > snippetWidth {
		t.Errorf("%+v", f)
	}
}

// Errors are read by others than the person.
func TestErrorsTellNothing(t *testing.T) {
	const canary = "zanzibar"
	o := newHome(t)
	c := o.begin(t, canary, canary)
	if _, err := o.h.Rename(t.Context(), c.ID, canary); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var all []error
	_, err := o.h.Find(canary)
	all = append(all, err)
	_, err = o.h.Append(t.Context(), c.ID, Turn{Role: canary, Text: canary})
	all = append(all, err)
	_, err = o.h.Append(ctx, c.ID, Turn{Role: User, Text: canary})
	all = append(all, err)
	_, err = o.h.Search(ctx, canary, 9)
	all = append(all, err)
	_, err = o.h.Rename(t.Context(), c.ID, strings.Repeat(canary, 100))
	all = append(all, err)
	_, _, err = o.h.Show(ctx, c.ID)
	all = append(all, err, o.h.ExportMarkdown(ctx, new(strings.Builder)), o.h.Delete(ctx, c.ID))
	_, err = parseTurn([]byte(`{"schema":1,"role":"` + canary + `","time":1}` + "\n"))
	all = append(all, err)
	for i, err := range all {
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error %d: %v", i, err)
		}
	}
}
