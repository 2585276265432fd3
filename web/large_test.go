package web

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/shaper"
)

// What is pasted may be long: up to the bound it is asked and shown whole, beyond it
// is refused in words, and nothing of it is kept.
func TestOneMegabyteIsPasted(t *testing.T) {
	h := settle(t, shaper.Policy{})
	pasted := strings.Repeat("0123456789abcde\n", 1<<16)
	id := h.begun(h.ada, pasted)
	h.finish(h.ada, id, "so much")
	body := h.get(h.ada, "c/"+id.String()).Body.String()
	if !strings.Contains(body, strings.TrimSpace(pasted)) || !strings.Contains(body, "so much") {
		t.Errorf("a question of %d bytes is not shown whole: the page has %d", len(pasted), len(body))
	}
	edit := "edit/" + id.String() + "/" + h.turns(h.ada, id)[0].ID.String()
	if body := h.get(h.ada, edit).Body.String(); !strings.Contains(body, `required dir="ltr"`) || !strings.Contains(body, strings.TrimSpace(pasted)) {
		t.Error("a browser has to look for its direction")
	}
	for text, want := range map[string]string{"x": "auto", "\u05d0": "auto", pasted: "ltr", "1 \u0645" + pasted: "rtl", "x\u0645" + pasted: "ltr", strings.Repeat("1", long): "ltr"} {
		if got := direction(text); got != want {
			t.Errorf("%.10q is %s", text, got)
		}
	}
	w := h.post(h.ada, "ask", "text", strings.Repeat("x", history.MaxText+1))
	if list, err := h.histories[h.ada.Person].List(); w.Code != http.StatusUnprocessableEntity || err != nil || len(list) != 1 {
		t.Errorf("a longer one: %d, %d conversations", w.Code, len(list))
	}
}

// A code block of 10,000 lines is shown whole, as it streams and from the history.
func TestTenThousandLinesOfCode(t *testing.T) {
	h := settle(t, shaper.Policy{})
	code := strings.Repeat("if x < y && y > \"z\" { return }\n", 10_000)
	id := h.begun(h.ada, "Write it")
	go h.finish(h.ada, id, "```go\n"+code[:len(code)/3], code[len(code)/3:], "```\n")
	list := lines(t, h.get(h.ada, "live/"+id.String()).Body.Bytes())
	if got := text(list); strings.Count(got, "return") != 10_000 {
		t.Errorf("streamed: %d lines", strings.Count(got, "return"))
	}
	body := h.get(h.ada, "c/"+id.String()).Body.String()
	if strings.Count(body, "return") != 10_000 || strings.Contains(body, "x < y") {
		t.Errorf("from the history: %d lines", strings.Count(body, "return"))
	}
}

// Of many conversations each page lists so many and no more, and all can be reached;
// what is loaded at first grows by no byte for each of them. How long 10,000 take is
// measured in bench.
func TestManyConversations(t *testing.T) {
	h := settle(t, shaper.Policy{})
	const many = 1_000
	few := 0
	for i := range many {
		_, err := h.histories[h.ada.Person].New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: fmt.Sprintf("question %05d", i)})
		must(t, err)
		if i == 2*atTheSide {
			few = h.get(h.ada, "").Body.Len()
		}
	}
	first := h.get(h.ada, "").Body.String()
	if !strings.Contains(first, fmt.Sprintf(">%d more</a>", many-atTheSide)) || strings.Count(first, "question ") != atTheSide || len(first) > few+10 {
		t.Errorf("the first view has %d bytes, and %d with few:\n%.3000s", len(first), few, first)
	}
	seen := map[string]bool{}
	for page := 1; page <= many/onAPage; page++ {
		body := h.get(h.ada, fmt.Sprintf("all/%d", page)).Body.String()
		_, body, _ = strings.Cut(body, "<main")
		found := regexp.MustCompile(`question \d{5}`).FindAllString(body, -1)
		if len(found) != onAPage {
			t.Fatalf("page %d lists %d", page, len(found))
		}
		for _, x := range found {
			seen[x] = true
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d can be reached", len(seen), many)
	}
}
