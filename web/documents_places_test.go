package web

import (
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/shaper"
)

// What is no page of paper is not called one: where a document is listed, shown,
// found and cited.
func TestPartsOfDocumentsHaveTheirNames(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	const mails = "From x\nFrom: a@example.org\nSubject: Walls\n\nThey are painted by hand.\n\nFrom x\nFrom: b@example.org\nSubject: Boiler\n\nThe boiler is serviced in the autumn of each year.\n"
	x := h.verdict(h.put(h.ada, "house", "home.mbox", mails, 1000))
	h.put(h.ada, "house", "short.rtf", `{\rtf1 Chimneys are swept in spring.\par}`, 1000)
	l, err := d.Of(t.Context(), h.ada)
	must(t, err)
	house, err := l.Library("house")
	must(t, err)
	for where, want := range map[string]string{
		"library/" + house.ID.String(): "2 mails",
		"documents/" + x.Document:      `<p class="leaf">Mail 2</p>`,
		at(h.post(h.ada, "documents/search", "words", "boiler", "library", "")):   "house, mail 2",
		at(h.post(h.ada, "documents/search", "words", "chimneys", "library", "")): ">house</p>", // it has one only
	} {
		if page := h.shows(h.ada, where, want); strings.Contains(page, "1 section") || strings.Contains(page, ", page ") || strings.Contains(page, "2 pages") || strings.Contains(page, ">Page 2") {
			t.Errorf("%s: a mail is called a page", where)
		}
	}
	id := h.lookIn(h.ada, "When is the boiler serviced?", house.ID.String())
	h.ended(h.ada, id)
	h.shows(h.ada, "c/"+id.String(), "[1] home.mbox, mail 2")

	// What was kept before there were such names.
	if got := titleOf(history.Passage{Name: "old.pdf", Page: 3}); got != "old.pdf, page 3" {
		t.Error(got)
	}
}

// What lies in mails and archives is counted with them.
func TestWhatLiesInsideIsCounted(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{})
	const mail = "From: a@example.org\nTo: b@example.org\nSubject: Papers\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" +
		"--x\nContent-Type: text/plain\n\nHere they are.\n--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename=one.txt\n\nThe first.\n" +
		"--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename=two.txt\n\nThe second.\n--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=torn.pdf\n\nno\n--x--\n"
	if x := h.verdict(h.put(h.ada, "house", "papers.eml", mail, 1<<16)); x.Inside != 2 || len(x.Within) != 3 {
		t.Errorf("%+v", x)
	}
	h.shows(h.ada, at(h.form(h.ada, "house", "again.eml", mail+"\n", "plain.txt", "words")), "In them lay 2 more documents: attachments, and files of archives.")
	if page := h.shows(h.ada, at(h.form(h.ada, "house", "other.txt", "other words"))); strings.Contains(page, "In them lay") {
		t.Error("it is said where nothing lay in anything")
	}
}
