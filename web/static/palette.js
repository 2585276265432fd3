// The palette: what can be reached from a page, found by typing. It presses the links
// and buttons that the page has, so all of it can be done without.

let dialog, field, list, choices = [], at = 0;

export function palette() {
  dialog ??= make();
  if (dialog.open) return dialog.close();
  choices = gather();
  field.value = "";
  fill();
  dialog.showModal();
  field.focus();
}

// What the page offers, each by its words; of several alike the first.
function gather() {
  const seen = new Map();
  const from = ".about a, .about form:not([action*='/delete/'], [action*='/rename/']) button, .turn:last-child footer button, nav.side a, nav.side .foot button";
  for (const e of document.querySelectorAll(from)) {
    const words = (e.getAttribute("aria-label") ?? e.textContent).trim().replace(/\s+/g, " ");
    if (words && !e.matches(".copy, .danger") && !seen.has(words)) seen.set(words, { words, press: () => e.click() });
  }
  return [...seen.values()];
}

function fill() {
  const typed = field.value.trim();
  const parts = typed.toLocaleLowerCase().split(/\s+/);
  const fit = choices.filter((c) => parts.every((p) => c.words.toLocaleLowerCase().includes(p))).slice(0, 12);
  if (typed) fit.push({ words: "Search what was said for: " + typed, press: () => search(typed) });
  list.replaceChildren(...fit.map((choice, i) => {
    const e = document.createElement("li");
    e.id = "choice-" + i;
    e.role = "option";
    e.dir = "auto";
    e.textContent = choice.words;
    e.addEventListener("click", () => take(choice));
    e.press = () => take(choice);
    return e;
  }));
  go(0);
}

function go(to) {
  const all = list.children;
  at = all.length ? (to + all.length) % all.length : 0;
  for (const [i, e] of [...all].entries()) e.setAttribute("aria-selected", String(i === at));
  if (all[at]) field.setAttribute("aria-activedescendant", all[at].id);
  else field.removeAttribute("aria-activedescendant");
  all[at]?.scrollIntoView({ block: "nearest" });
}

function take(choice) {
  dialog.close();
  choice.press();
}

function search(words) {
  const form = document.querySelector("nav.side form.search");
  form.elements.namedItem("words").value = words;
  form.requestSubmit();
}

function make() {
  const d = document.createElement("dialog");
  d.className = "palette";
  d.setAttribute("aria-label", "Go to");
  field = document.createElement("input");
  field.type = "text";
  field.autocomplete = "off";
  field.placeholder = "Go to, or search";
  for (const [name, value] of [["role", "combobox"], ["aria-label", "Go to, or search what was said"], ["aria-expanded", "true"], ["aria-controls", "choices"], ["aria-autocomplete", "list"]]) field.setAttribute(name, value);
  list = document.createElement("ul");
  list.id = "choices";
  list.role = "listbox";
  list.setAttribute("aria-label", "What fits");
  field.addEventListener("input", fill);
  field.addEventListener("keydown", (e) => {
    if (e.isComposing || e.keyCode === 229) return;
    if (e.key === "ArrowDown") go(at + 1);
    else if (e.key === "ArrowUp") go(at - 1);
    else if (e.key === "Enter") list.children[at]?.press();
    else return;
    e.preventDefault();
  });
  d.addEventListener("click", (e) => { if (e.target === d) d.close(); });
  d.append(field, list);
  document.body.append(d);
  return d;
}
