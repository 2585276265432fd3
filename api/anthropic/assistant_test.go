package anthropic

import (
	"os"
	"testing"
)

// What a coding assistant sends with its first question is taken whole: 24 tools,
// notes to the company, marks for its cache.
func TestAssistantsRequest(t *testing.T) {
	body, err := os.ReadFile("testdata/assistant.json")
	if err != nil {
		t.Fatal(err)
	}
	req, err := DecodeMessages(body)
	if err != nil {
		t.Fatal(err)
	}
	if o := req.Ask.Options; len(o.Tools) != 24 || o.Tools[1].Name != "Bash" || len(o.Tools[16].Parameters) == 0 || !req.Stream {
		t.Errorf("%d tools", len(o.Tools))
	}
	if m := req.Ask.Messages; len(m) != 2 || m[0].Content != "You help with a program." {
		t.Errorf("%+v", m)
	}
}
