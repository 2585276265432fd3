// Shows by name what cannot be seen, or turns the order of a text around. Package
// web/markup does the same (clean.go), and a test holds the two together.

const strange = /\r\n?|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0d\uffa0\u{e0100}-\u{e01ef}]/gu;
const seen = /[\n\t\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;

export function clean(text) {
  return text.replace(strange, (c) => {
    const n = c.codePointAt(0);
    if (n === 13) return "\n";
    if (seen.test(c)) return c;
    if (n < 32) return String.fromCodePoint(0x2400 + n);
    if (n === 127) return "\u2421";
    if (n >= 0xd800 && n <= 0xdfff) return "\ufffd"; // a half of a character, which is none
    return "\u27e8U+" + n.toString(16).toUpperCase().padStart(4, "0") + "\u27e9";
  });
}
