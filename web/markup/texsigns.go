package markup

import "strings"

// pairs reads a table of names and what they stand for.
func pairs(table string) map[string]string {
	m := map[string]string{}
	f := strings.Fields(table)
	for i := 0; i+1 < len(f); i += 2 {
		m[f[i]] = f[i+1]
	}
	return m
}

var letters = pairs(`alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ
rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω
Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
infty ∞ partial ∂ nabla ∇ hbar ℏ ell ℓ Re ℜ Im ℑ aleph ℵ emptyset ∅ varnothing ∅ imath ı jmath ȷ wp ℘ angle ∠ top ⊤ bot ⊥ prime ′ degree °
% % $ $ # # _ _`)

var operators = pairs(`cdot ⋅ times × div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet ∙ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ wedge ∧ land ∧ vee ∨ lor ∨ cap ∩ cup ∪ setminus ∖ neg ¬ lnot ¬
le ≤ leq ≤ leqslant ≤ ge ≥ geq ≥ geqslant ≥ ne ≠ neq ≠ ll ≪ gg ≫ approx ≈ equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ doteq ≐ lt < gt >
in ∈ notin ∉ ni ∋ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊ mid ∣ nmid ∤ parallel ∥ perp ⊥ vdash ⊢ models ⊨
to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⟹ impliedby ⟸ iff ⟺ mapsto ↦ longrightarrow ⟶ longleftarrow ⟵ longmapsto ⟼ uparrow ↑ downarrow ↓ hookrightarrow ↪ rightharpoonup ⇀ rightleftharpoons ⇌ xrightarrow →
forall ∀ exists ∃ nexists ∄ therefore ∴ because ∵ ldots … dots … cdots ⋯ dotsc … dotsb ⋯ vdots ⋮ ddots ⋱ colon : coloneqq ≔ triangle △ square □ dagger † ddagger ‡
lbrace { rbrace } { { } } langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ vert | lvert | rvert | Vert ‖ lVert ‖ rVert ‖ | ‖ backslash \ & &`)

var large = pairs(`sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀`)

var accents = pairs(`hat ^ widehat ^ tilde ~ widetilde ~ vec → overrightarrow → overleftarrow ← dot ˙ ddot ¨ check ˇ breve ˘ acute ´ grave ` + "`" + ` mathring ˚`)

var spaces = map[string]string{",": "\u2009", ":": "\u2005", ";": "\u2004", " ": "\u00a0", "quad": "\u2003", "qquad": "\u2003\u2003", "enspace": "\u2002", "thinspace": "\u2009"}

var functions = wordsOf("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp arg deg dim hom ker")

var limits = map[string]string{"lim": "lim", "limsup": "lim sup", "liminf": "lim inf", "max": "max", "min": "min", "sup": "sup", "inf": "inf", "det": "det", "gcd": "gcd", "Pr": "Pr", "argmax": "arg max", "argmin": "arg min"}

// fences are the brackets that grow, the longest name first.
var fences = []struct{ name, sign string }{
	{`\lfloor`, "⌊"}, {`\rfloor`, "⌋"}, {`\langle`, "⟨"}, {`\rangle`, "⟩"}, {`\lbrace`, "{"}, {`\rbrace`, "}"}, {`\lceil`, "⌈"}, {`\rceil`, "⌉"}, {`\lvert`, "|"}, {`\rvert`, "|"},
	{`\lVert`, "‖"}, {`\rVert`, "‖"}, {`\vert`, "|"}, {`\Vert`, "‖"}, {`\{`, "{"}, {`\}`, "}"}, {`\|`, "‖"},
	{"(", "("}, {")", ")"}, {"[", "["}, {"]", "]"}, {"|", "|"}, {"/", "/"}, {"<", "⟨"}, {">", "⟩"}, {".", ""},
}

// Letters that an alphabet has elsewhere than in its row.
var elsewhere = map[string]map[rune]rune{
	"mathbb":   {'C': 'ℂ', 'H': 'ℍ', 'N': 'ℕ', 'P': 'ℙ', 'Q': 'ℚ', 'R': 'ℝ', 'Z': 'ℤ'},
	"mathcal":  {'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ', 'e': 'ℯ', 'g': 'ℊ', 'o': 'ℴ'},
	"mathfrak": {'C': 'ℭ', 'H': 'ℌ', 'I': 'ℑ', 'R': 'ℜ', 'Z': 'ℨ'},
}

// styled is a letter of another alphabet, itself where that has none.
func styled(name string, r rune) rune {
	first := rune(0x1d400) // bold
	switch name {
	case "mathbb":
		first = 0x1d538
	case "mathcal", "mathscr":
		name, first = "mathcal", 0x1d49c
	case "mathfrak":
		first = 0x1d504
	}
	if x, ok := elsewhere[name][r]; ok {
		return x
	}
	switch {
	case r >= 'A' && r <= 'Z':
		return first + r - 'A'
	case r >= 'a' && r <= 'z':
		return first + 26 + r - 'a'
	case r >= '0' && r <= '9' && first == 0x1d400:
		return 0x1d7ce + r - '0'
	case r >= '0' && r <= '9' && name == "mathbb":
		return 0x1d7d8 + r - '0'
	}
	return r
}
