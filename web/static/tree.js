// Builds the tree of an answer from operations. Nodes are made one by one, from
// the list below: there is no way from a text to an element that is not on it.
// Package web/markup has the same list, and a test holds the two together.

const allowed = {
  "p": [""], "h3": [""], "h4": [""], "h5": [""], "h6": [""],
  "ul": [""], "ol": [""], "li": [""], "blockquote": [""], "hr": [""], "br": [""],
  "em": [""], "strong": [""], "del": [""],
  "code": ["", "math"], "pre": ["", "plain"],
  "div": ["code", "table"],
  "span": ["language", "link", "address", "image", "task", "keyword", "string", "comment", "number", "name", "added", "removed"],
  "table": [""], "thead": [""], "tbody": [""], "tr": [""],
  "th": ["", "left", "center", "right"], "td": ["", "left", "center", "right"],
  "math": ["", "block"], "mrow": [""], "mi": ["", "upright"], "mn": [""], "mo": [""], "mtext": [""],
  "mfrac": [""], "msqrt": [""], "mroot": [""], "msub": [""], "msup": [""], "msubsup": [""],
  "munder": [""], "mover": [""], "munderover": [""],
  "mtable": ["", "cases", "aligned"], "mtr": [""], "mtd": [""]
};

const maths = "http://www.w3.org/1998/Math/MathML"; // a name, which nobody asks for

const directed = new Set(["p", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table"]);

export class Tree {
  constructor(root) {
    this.root = root;
    this.at = root;
  }

  clear() {
    this.root.replaceChildren();
    this.at = this.root;
  }

  apply(ops) {
    for (const op of ops) {
      switch (op[0]) {
        case "o": this.open(op[1], op[2] ?? "", op[3] ?? ""); break;
        case "t": this.say(op[1]); break;
        case "c": if (this.at !== this.root) this.at = this.at.parentNode; break;
        case "b": this.back(op[1], op[2]); break;
        default: throw new Error("no such operation");
      }
    }
  }

  open(tag, name, start) {
    if (!Object.hasOwn(allowed, tag) || !allowed[tag].includes(name)) throw new Error("no such element");
    const node = tag[0] === "m" ? document.createElementNS(maths, tag) : document.createElement(tag);
    if (name !== "") node.className = name;
    if (tag === "ol" && /^[0-9]{1,9}$/.test(start)) node.start = Number(start);
    if (directed.has(tag)) node.dir = "auto";
    this.at.append(node);
    this.at = node;
  }

  say(text) {
    const last = this.at.lastChild;
    if (last instanceof Text) last.appendData(text);
    else this.at.append(new Text(text));
  }

  // Goes to a place and drops all that comes after it.
  back(path, kept) {
    let node = this.root;
    for (const i of path) {
      trim(node, i + 1);
      node = node.childNodes[i];
    }
    trim(node, kept);
    this.at = node;
  }
}

function trim(node, kept) {
  while (node.childNodes.length > kept) node.lastChild.remove();
}
