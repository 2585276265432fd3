package markup

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// node is one of a page's tree, however it was made.
type node struct {
	tag, class, start, text string
	children                []*node
}

func (n *node) String() string {
	var b strings.Builder
	n.print(&b, "")
	return b.String()
}

func (n *node) print(b *strings.Builder, in string) {
	if n.tag == "" {
		fmt.Fprintf(b, "%s%q\n", in, n.text)
		return
	}
	fmt.Fprintf(b, "%s<%s %s %s>\n", in, n.tag, n.class, n.start)
	for _, c := range n.children {
		c.print(b, in+"  ")
	}
}

// page does what the page's script does with operations, as they are on the wire.
type page struct {
	root *node
	at   []*node // from the root to where we are
	ops  int
}

func newPage() *page {
	root := &node{tag: "root"}
	return &page{root: root, at: []*node{root}}
}

func (p *page) do(t testing.TB, ops []Op) {
	t.Helper()
	b, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	var wire [][]any
	if err := json.Unmarshal(b, &wire); err != nil {
		t.Fatal(err)
	}
	for _, op := range wire {
		p.ops++
		last := p.at[len(p.at)-1]
		switch op[0] {
		case "o":
			n := &node{tag: op[1].(string)}
			if len(op) > 2 {
				n.class = op[2].(string)
			}
			if len(op) > 3 {
				n.start = op[3].(string)
			}
			if classes, ok := allowed[n.tag]; !ok || !slices.Contains(classes, n.class) {
				t.Fatalf("%v is not allowed", op)
			}
			last.children = append(last.children, n)
			p.at = append(p.at, n)
		case "t":
			if k := len(last.children); k > 0 && last.children[k-1].tag == "" {
				last.children[k-1].text += op[1].(string)
			} else {
				last.children = append(last.children, &node{text: op[1].(string)})
			}
		case "c":
			p.at = p.at[:len(p.at)-1]
		case "b":
			n := p.root
			p.at = []*node{n}
			for _, i := range op[1].([]any) {
				k := int(i.(float64))
				n.children = n.children[:k+1]
				n = n.children[k]
				p.at = append(p.at, n)
			}
			n.children = n.children[:int(op[2].(float64))]
		}
	}
	if len(p.at) != 1 {
		t.Fatal("operations leave elements open")
	}
}

// parsed is the tree that a browser makes of HTML. Whatever is not on the list is
// an error.
func parsed(t testing.TB, text string) *node {
	t.Helper()
	body := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	list, err := html.ParseFragment(strings.NewReader(text), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		body.AppendChild(n)
	}
	root := &node{tag: "root"}
	collect(t, body, root)
	return root
}

func collect(t testing.TB, from *html.Node, to *node) {
	for c := from.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case html.TextNode:
			to.children = append(to.children, &node{text: c.Data})
		case html.ElementNode:
			n := &node{tag: c.Data}
			for _, a := range c.Attr {
				switch {
				case a.Key == "class":
					n.class = a.Val
				case a.Key == "start" && c.Data == "ol" && strings.Trim(a.Val, "0123456789") == "":
					n.start = a.Val
				case a.Key == "dir" && a.Val == "auto" && directed(c.Data):
				default:
					t.Fatalf("attribute %s=%q of %s", a.Key, a.Val, c.Data)
				}
			}
			if classes, ok := allowed[n.tag]; !ok || !slices.Contains(classes, n.class) {
				t.Fatalf("element %s.%s", n.tag, n.class)
			}
			to.children = append(to.children, n)
			collect(t, c, n)
		default:
			t.Fatalf("a node of type %v: %q", c.Type, c.Data)
		}
	}
}

// same holds the page of a streamed text against that of its HTML.
func same(t testing.TB, text string, pieces []string) {
	t.Helper()
	p, s := newPage(), Stream{}
	for _, piece := range pieces {
		p.do(t, s.Add(piece))
	}
	p.do(t, s.End())
	if got, want := p.root.String(), parsed(t, string(HTML(text))).String(); got != want {
		t.Fatalf("text %q in pieces %q:\nstreamed\n%s\nas HTML\n%s", text, pieces, got, want)
	}
}

// payloads are texts that try to fetch or to run.
func payloads(t testing.TB) (list []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/payloads.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, text)
	}
	if len(list) < 200 {
		t.Fatalf("only %d payloads", len(list))
	}
	return list
}

// each gives a text in pieces of n bytes.
func each(text string, n int) (pieces []string) {
	for len(text) > n {
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return append(pieces, text)
}

// TestThePagesList holds the script that builds trees to the same list.
func TestThePagesList(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "static", "tree.js"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "const allowed = ")
	list, _, _ := strings.Cut(rest, ";\n")
	var theirs map[string][]string
	if err := json.Unmarshal([]byte(list), &theirs); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(allowed, theirs, slices.Equal) {
		t.Errorf("here %v, in the script %v", allowed, theirs)
	}
	_, rest, _ = strings.Cut(string(b), "const directed = new Set(")
	list, _, _ = strings.Cut(rest, ");\n")
	var turned []string
	if err := json.Unmarshal([]byte(list), &turned); err != nil {
		t.Fatal(err)
	}
	for tag := range allowed {
		if directed(tag) != slices.Contains(turned, tag) {
			t.Errorf("%s finds its direction here: %v", tag, directed(tag))
		}
	}
}
