package markup

import (
	"regexp"
	"strings"
	"testing"
)

// nothing is an address that nobody gave.
func nothing(string) bool { return false }

// TestGroundedHasNoLink (R4): whatever a text asks for, and however it is written,
// no address is left and nothing but the list of elements.
func TestGroundedHasNoLink(t *testing.T) {
	follow := regexp.MustCompile(`(?i)://|\bwww\.|mailto:|javascript:|data:[a-z]|class="(link|image|address)"`)
	texts := append(payloads(t),
		"[a](https://sink.example/x?d=SECRET)", "![a](https://sink.example/x)", "<https://sink.example>", "see https://sink.example/a).", "www.sink.example/x",
		"[a][r]\n\n[r]: https://sink.example/x", "[a]\n\n[a]: <https://sink.example> 'x'", "![a][r]\n[r]: //sink.example", "`https://sink.example`", "```\nhttps://sink.example\n```",
		"|a|\n|-|\n|https://sink.example|", "# https://sink.example", "> https://sink.example", "- https://sink.example", "**https://sink.example**", "mailto:a@sink.example", "[x](javascript:alert(1))",
		"[x](data:text/html,a)", "<a href=\"https://sink.example\">x</a>", "<img src=https://sink.example>", "\\[https://sink.example\\]", "https:\\\\sink.example", "HTTPS://SINK.EXAMPLE", "ftp://sink.example", "[ ![a](https://sink.example/1) ](https://sink.example/2)",
	)
	if len(texts) < 60 {
		t.Fatalf("%d payloads", len(texts))
	}
	for _, text := range texts {
		got := string(Grounded(text, nothing))
		// A scheme that is shown by name, or cut in two by an element, can be followed by nobody.
		if m := follow.FindString(got); m != "" {
			t.Errorf("%q\n%s has %s", text, got, m)
		}
	}
}

// TestGroundedKeepsWhatIsGiven: the words of a link stay, and an address that the
// person has is shown, as text.
func TestGroundedKeepsWhatIsGiven(t *testing.T) {
	given := func(a string) bool { return a == "https://bank.example/a" }
	for text, want := range map[string]string{
		"[the bank](https://bank.example/a)":   `<p dir="auto">the bank (https://bank.example/a)</p>`,
		"[the bank](https://bank.example/a?x)": `<p dir="auto">the bank ([address left out])</p>`,
		"see https://bank.example/a.":          `<p dir="auto">see https://bank.example/a.</p>`,
		"see https://bank.example/ab.":         `<p dir="auto">see [address left out].</p>`,
		"*a* `b` <https://bank.example/a>":     `<p dir="auto"><em>a</em> <code>b</code> https://bank.example/a</p>`,
		"- ![logo](https://sink.example)\n- b": `<ul dir="auto"><li>logo ([address left out])</li><li>b</li></ul>`,
	} {
		if got := string(Grounded(text, given)); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
	if long := strings.Repeat("x ", Most); !strings.Contains(string(Grounded(long+"https://sink.example", nothing)), leftOut) {
		t.Error("a long text keeps its addresses")
	}
}
