package markup

import (
	"bytes"
	"strings"
)

// language is what colouring knows of one.
type language struct {
	line   []string // begin a comment up to the end of the line
	spaced bool     // but only behind a space
	block  []quote  // comments
	quotes []quote  // the longest first
	words  map[string]bool
	folds  bool   // its words may be written large
	also   string // what an identifier may have beside letters
	dashes bool   // and dashes
	hexes  bool   // #fff is a number
	keys   byte   // behind the name of a value; 0: none

	by func([]byte) []piece // takes it apart otherwise
}

// quote is what begins and ends a text or a comment.
type quote struct {
	open, close string
	escapes     bool // by a backslash
	lines       bool // it may have several
	single      bool // a lone one is none
}

// end is where the one that begins here ends.
func (q quote) end(b []byte) int {
	for i := len(q.open); i < len(b); i++ {
		switch {
		case q.escapes && b[i] == '\\':
			i++
		case b[i] == '\n' && !q.lines:
			return i
		case b[i] == q.close[0] && bytes.HasPrefix(b[i:], []byte(q.close)):
			return i + len(q.close)
		}
	}
	return len(b)
}

var (
	double    = quote{`"`, `"`, true, false, false}
	apostroph = quote{`'`, `'`, true, false, false}
	character = quote{`'`, `'`, true, false, true}
	backtick  = quote{"`", "`", true, true, false}
	raw       = quote{"`", "`", false, true, false}
	slashStar = quote{"/*", "*/", false, true, false}
	triples   = []quote{{`"""`, `"""`, true, true, false}, {`'''`, `'''`, true, true, false}}
	plainText = []quote{double, apostroph}
)

func wordsOf(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// likeC is a language of the family with braces.
func likeC(words string, quotes ...quote) *language {
	return &language{line: []string{"//"}, block: []quote{slashStar}, quotes: quotes, words: wordsOf(words)}
}

const (
	cWords = "auto break case char const continue default do double else enum extern float for goto if inline int long register return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false NULL " +
		"#include #define #ifdef #ifndef #endif #if #else "
	jsWords = "async await break case catch class const continue debugger default delete do else export extends false finally for from function get if import in instanceof let new null of return set static super switch this throw true try typeof undefined var void while with yield "
)

// languages are those that are coloured, by the names that models give them.
var languages = named(map[string]*language{
	"go golang": likeC("break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var nil true false iota any bool byte error float64 int int64 rune string uint", double, raw, character),
	"c h":       {line: []string{"//"}, block: []quote{slashStar}, quotes: []quote{double, character}, words: wordsOf(cWords), also: "#"},
	"cpp c++ cc cxx hpp": {line: []string{"//"}, block: []quote{slashStar}, quotes: []quote{double, character}, also: "#", words: wordsOf(cWords +
		"catch class constexpr delete explicit friend mutable namespace new noexcept nullptr operator override private protected public template this throw try typename using virtual")},
	"java":                       likeC("abstract assert boolean break byte case catch char class const continue default do double else enum extends final finally float for if implements import instanceof int interface long native new null package private protected public record return short static super switch synchronized this throw throws transient true false try var void volatile while", triples[0], double, character),
	"cs c# csharp":               likeC("abstract as async await base bool break byte case catch char class const continue decimal default delegate do double else enum event false finally float for foreach get if in int interface internal is lock long namespace new null object out override params private protected public readonly record ref return sealed set short static string struct switch this throw true try typeof using var virtual void while yield", double, character),
	"kotlin kt":                  likeC("as break by class companion const continue data do else enum false final for fun if import in interface internal is null object open override package private protected public return sealed super suspend this throw true try typealias val var when while", triples[0], double, character),
	"swift":                      likeC("as associatedtype async await break case catch class continue default defer do else enum extension false fileprivate for func guard if import in init inout internal is let nil open override private protocol public return self static struct super switch throw throws true try typealias var where while", triples[0], double),
	"rust rs":                    likeC("as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while bool char f32 f64 i32 i64 str u8 u32 u64 usize", double, character),
	"scala":                      likeC("abstract case catch class def do else enum extends false final finally for given if implicit import lazy match new null object override package private protected return sealed super this throw trait true try type val var while with yield", triples[0], double, character),
	"dart":                       likeC("abstract as async await break case catch class const continue default do else enum extends false final finally for get if implements import in is late library new null on part required return set static super switch this throw true try typedef var void while with yield", append(triples, double, apostroph)...),
	"zig":                        likeC("align and break catch comptime const continue defer else enum errdefer error export extern false fn for if inline null or orelse pub return struct switch test true try undefined union unreachable var void while", double, character),
	"js javascript jsx mjs node": {line: []string{"//"}, block: []quote{slashStar}, quotes: []quote{double, apostroph, backtick}, words: wordsOf(jsWords), also: "$"},
	"ts typescript tsx": {line: []string{"//"}, block: []quote{slashStar}, quotes: []quote{double, apostroph, backtick}, also: "$", words: wordsOf(jsWords +
		"abstract any as boolean declare enum implements interface is keyof namespace never number private protected public readonly string type unknown")},
	"php":               {line: []string{"//", "#"}, block: []quote{slashStar}, quotes: plainText, also: "$", words: wordsOf("abstract array as break case catch class const continue default do echo else elseif extends false final finally fn for foreach function if implements include interface match namespace new null private protected public readonly require require_once return static switch throw trait true try use var while yield")},
	"python py python3": {line: []string{"#"}, quotes: append(triples, plainText...), also: "@", words: wordsOf("False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return self try while with yield")},
	"ruby rb":           {line: []string{"#"}, quotes: plainText, also: "@$", words: wordsOf("alias and begin break case class def defined? do else elsif end ensure false for if in module next nil not or redo require rescue retry return self super then true undef unless until when while yield")},
	"perl pl":           {line: []string{"#"}, quotes: plainText, also: "$", words: wordsOf("and cmp else elsif eq for foreach if last lt my next no not or our package print return sub undef unless until use while")},
	"r":                 {line: []string{"#"}, quotes: plainText, also: ".", words: wordsOf("TRUE FALSE NULL NA break else for function if in library next repeat return while")},
	"lua":               {block: []quote{{"--[[", "]]", false, true, false}}, line: []string{"--"}, quotes: plainText, words: wordsOf("and break do else elseif end false for function goto if in local nil not or repeat return then true until while")},
	"haskell hs":        {block: []quote{{"{-", "-}", false, true, false}}, line: []string{"--"}, quotes: []quote{double, character}, words: wordsOf("case class data deriving do else if import in infixl infixr instance let module newtype of otherwise then type where")},
	"sh bash shell zsh console shell-session": {line: []string{"#"}, spaced: true, quotes: []quote{{`"`, `"`, true, true, false}, {`'`, `'`, false, true, false}}, also: "$", dashes: true,
		words: wordsOf("case cd do done echo elif else esac exit export fi for function if in local return set shift source sudo then until while")},
	"dockerfile docker": {line: []string{"#"}, spaced: true, quotes: plainText, words: wordsOf("FROM RUN CMD COPY ADD ENV ARG WORKDIR EXPOSE ENTRYPOINT USER VOLUME LABEL AS HEALTHCHECK SHELL")},
	"makefile make":     {line: []string{"#"}, spaced: true, quotes: plainText, also: "$.", keys: ':', words: wordsOf("ifeq ifneq ifdef ifndef else endif include define endef export")},
	"sql sqlite mysql postgresql postgres plsql": {line: []string{"--"}, block: []quote{slashStar}, quotes: []quote{{`'`, `'`, false, true, false}, double}, folds: true,
		words: wordsOf("add all alter and any as asc begin between bigint boolean by case cast check column commit constraint create cross database date default delete desc distinct drop else end except exists false foreign from full group having if in index inner insert int integer intersect into is join key left like limit not null numeric offset on or order outer over partition primary references returning right rollback select serial set table text then timestamp true union unique update using values varchar view when where with")},
	"json jsonc json5":        {line: []string{"//"}, quotes: []quote{double}, words: wordsOf("true false null"), keys: ':'},
	"yaml yml":                {line: []string{"#"}, spaced: true, quotes: plainText, words: wordsOf("true false null yes no"), keys: ':', dashes: true, also: ".@"},
	"toml ini cfg properties": {line: []string{"#", ";"}, spaced: true, quotes: append(triples, plainText...), words: wordsOf("true false"), keys: '=', dashes: true},
	"css scss less":           {block: []quote{slashStar}, quotes: plainText, keys: ':', dashes: true, hexes: true, also: "@"},
	"html xml svg xhtml vue":  {by: tags},
	"diff patch":              {by: changes},
})

func named(by map[string]*language) map[string]*language {
	all := map[string]*language{}
	for names, l := range by {
		for name := range strings.FieldsSeq(names) {
			all[name] = l
		}
	}
	return all
}

// changes takes a list of changes apart, line by line.
func changes(code []byte) (list []piece) {
	for line := range bytes.Lines(code) {
		class := ""
		switch {
		case bytes.HasPrefix(line, []byte("@@")), bytes.HasPrefix(line, []byte("---")), bytes.HasPrefix(line, []byte("+++")), bytes.HasPrefix(line, []byte("diff ")):
			class = "comment"
		case line[0] == '+':
			class = "added"
		case line[0] == '-':
			class = "removed"
		}
		list = append(list, piece{class, line})
	}
	return list
}

var (
	remark   = quote{"<!--", "-->", false, true, false}
	inTag    = &language{quotes: []quote{{`"`, `"`, false, true, false}, {`'`, `'`, false, true, false}}, keys: '=', dashes: true, also: ":@"}
	tagEnd   = []byte(">")
	nameEnds = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:.!/?"
)

// tags takes a text with tags apart: their names, their attributes and values.
func tags(code []byte) (list []piece) {
	for len(code) > 0 {
		i := bytes.IndexByte(code, '<')
		if i < 0 {
			return append(list, piece{"", code})
		}
		if i > 0 {
			list = append(list, piece{"", code[:i]})
		}
		code = code[i:]
		if bytes.HasPrefix(code, []byte(remark.open)) {
			n := remark.end(code)
			list, code = append(list, piece{"comment", code[:n]}), code[n:]
			continue
		}
		name := 1
		for name < len(code) && strings.IndexByte(nameEnds, code[name]) >= 0 {
			name++
		}
		list = append(list, piece{"keyword", code[:name]})
		code = code[name:]
		if name == 1 {
			continue // no tag
		}
		c := colouring{language: inTag, code: code}
		for c.at < len(code) && !bytes.HasPrefix(code[c.at:], tagEnd) {
			c.next()
		}
		c.plain(c.at)
		list, code = append(list, c.list...), code[c.at:]
		if len(code) > 0 {
			list, code = append(list, piece{"keyword", code[:1]}), code[1:]
		}
	}
	return list
}
