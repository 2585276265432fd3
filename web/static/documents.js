// Adds documents that were chosen or dropped: one after the other, large ones in
// pieces, so that none is ever held whole. What takes minutes, for its pages are
// pictures, comes to a row of its own, so that nothing waits for it. Without it the
// form adds what is chosen.

const most = 200 * 1024 * 1024; // bytes of a document
const longest = 60 * 60 * 1000; // milliseconds that a file waits for others
const pieceSize = 63 * 65536; // with what is said of it, a piece fills 4 MiB

const form = document.querySelector("form[data-add]");
const byName = new Intl.Collator(undefined, { numeric: true });
const drawn = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// Files that have no verdict yet, each with its line.
const row = () => ({ files: [], busy: false, upload: drawn(), tries: 0, since: 0, wake() {} });
const rows = [row(), row()], [quick, slow] = rows;
let stopping = null; // an AbortController while something is added
let counts, done, inside, why;
let list, state, buttons;

if (form) begin();

function begin() {
  state = line("p", "status");
  state.setAttribute("role", "status");
  list = line("ol", "verdicts");
  buttons = line("p", "buttons");
  form.after(state, buttons, list);
  const hint = document.createElement("p");
  hint.className = "quiet";
  hint.textContent = "Or drop files and folders anywhere on this page.";
  form.querySelector(".buttons").before(hint);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const field = form.elements.namedItem("file");
    take([...field.files].map((file) => ({ file, path: file.name })));
    field.value = "";
  });
  // A browser would open what is dropped, and leave this page.
  addEventListener("dragover", (e) => {
    if (!e.dataTransfer.types.includes("Files")) return;
    e.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (e) => {
    if (!e.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", async (e) => {
    if (!e.dataTransfer.types.includes("Files")) return;
    e.preventDefault();
    document.body.classList.remove("dropping");
    const dropped = [...e.dataTransfer.items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
    const found = [], out = { names: 0 };
    for (const d of dropped) await walk(d, "", found, out);
    found.sort((a, b) => byName.compare(a.path, b.path)); // a folder gives them in any order
    if (out.names) say(`Left out: ${count(out.names, "file or folder", "files or folders")} with a name that begins with a dot.`);
    take(found);
  });
  addEventListener("beforeunload", (e) => { if (stopping) e.preventDefault(); });
}

// Finds the files of what was dropped, those of folders too.
async function walk(entry, above, found, out) {
  if (!entry) return;
  if (entry instanceof File) return void found.push({ file: entry, path: entry.name });
  if (above && entry.name.startsWith(".")) return void out.names++;
  const path = above + entry.name;
  if (entry.isFile) {
    try {
      found.push({ file: await new Promise((yes, no) => entry.file(yes, no)), path });
    } catch {
      verdict(entryLine(path), { verdict: "refused", words: ["It cannot be read."] });
    }
    return;
  }
  const reader = entry.createReader();
  for (;;) { // it gives a hundred at a time
    let some;
    try {
      some = await new Promise((yes, no) => reader.readEntries(yes, no));
    } catch {
      return void verdict(entryLine(path), { verdict: "refused", words: ["This folder cannot be read."] });
    }
    if (!some.length) return;
    for (const e of some) await walk(e, path + "/", found, out);
  }
}

function take(files) {
  if (!files.length) return;
  const library = form.elements.namedItem("library").value;
  for (const f of files) quick.files.push({ ...f, library });
  quick.wake();
  work();
}

// Adds what waits, until nothing does, somebody stops it, or the vault has locked.
function work() {
  if (!stopping) {
    stopping = new AbortController();
    [counts, done, inside, why] = [{}, 0, 0, ""];
    offer(["Stop", () => stopping.abort()]);
    state.scrollIntoView({ block: "nearest" }); // a drop falls anywhere
  }
  for (const r of rows) if (r.files.length && !r.busy) run(r);
}

async function run(r) {
  r.busy = true;
  while (r.files.length && !why) {
    const f = r.files[0];
    f.line ??= entryLine(f.path);
    if (!r.tries) tell(r, `Adding ${done + 1} of ${done + left()}…`);
    let got;
    try {
      got = await add(f, r);
    } catch (e) {
      why ||= e.why ?? "The server does not answer.";
      f.line.querySelector("progress")?.remove();
      f.line.querySelector("strong").textContent = "not added";
      break;
    }
    r.files.shift();
    if (got.wait) { // behind those of its row, which may be small enough
      f.held = true;
      f.line.querySelector("strong").textContent = "waits";
      r.files.push(f);
      if (r.files.every((x) => x.held)) await room(r);
      continue;
    }
    [r.tries, r.since] = [0, 0];
    if (got.later) {
      f.line.querySelector("progress")?.removeAttribute("value");
      f.line.querySelector("strong").textContent = "text recognition";
      slow.files.push(f);
      slow.wake();
      if (!slow.busy) run(slow);
      continue;
    }
    verdict(f.line, got);
    counts[got.verdict] = (counts[got.verdict] ?? 0) + 1;
    done++, inside += got.inside ?? 0;
    for (const x of rows) x.wake(); // what was in the way may have been this
  }
  [r.busy, r.tries, r.since] = [false, 0, 0];
  if (!rows.some((x) => x.busy)) await end();
}

// Waits until there may be room for the files of a row: a little longer each time, for
// each try sends a piece, and no longer than an hour. What was added, what is dropped
// and Stop end it at once.
async function room(r) {
  if (Date.now() - (r.since ||= Date.now()) > longest) why ||= "Other files are still in the way: they are arriving, or being read.";
  if (why) return;
  tell(r, `${count(r.files.length, "file waits", "files wait")} for others that are arriving or being read. This goes on by itself.`);
  await new Promise((over) => {
    const timer = setTimeout(over, Math.min(1000 * 2 ** r.tries++, 15_000));
    r.wake = () => { clearTimeout(timer); over(); };
    stopping.signal.addEventListener("abort", r.wake, { once: true });
    if (stopping.signal.aborted) r.wake();
  });
  for (const f of r.files) f.held = false;
}

const left = () => quick.files.length + slow.files.length;

async function end() {
  stopping = null;
  const [words, some] = [Object.entries(counts).map(([v, n]) => `${n} ${v}`).join(", "), done];
  if (counts.added) document.getElementById("none")?.remove();
  if (counts.added || counts.changed) await post("/page/documents/added", "").catch(() => {}); // the server counts it when the vault locks
  if (stopping) return; // more was dropped meanwhile
  // Those that somebody has to see to come first: many may have been added.
  list.prepend(...list.querySelectorAll(":scope > li:has(> strong.refused)"));
  say([words && words + ".", inside && `In them lay ${count(inside, "more document", "more documents")}: attachments, and files of archives.`, why && `${why} ${count(left(), "file waits", "files wait")}.`].filter(Boolean).join(" "));
  const after = [];
  if (left()) after.push(["Go on", work], ["Leave them out", leave]);
  if (some) after.push(["Show the list", () => location.reload()]);
  offer(...after);
}

function leave() {
  for (const r of rows) {
    for (const f of r.files) f.line?.remove();
    r.files = [];
  }
  say("");
  offer();
}

// Sends one file, and gives its verdict. What it throws ends the adding.
async function add(f, r) {
  const size = f.file.size;
  if (size > most) return { verdict: "refused", words: ["It is larger than 200 MB: split it."] };
  const bar = f.line.querySelector("progress");
  for (let at = 0; ; at += pieceSize) {
    let data;
    try {
      data = await f.file.slice(at, at + pieceSize).arrayBuffer();
    } catch {
      return { verdict: "refused", words: ["It changed, or went, while it was read."] };
    }
    const head = JSON.stringify({ library: f.library, path: f.path, size, modified: f.file.lastModified, upload: r.upload, at, length: data.byteLength, quick: r === quick }) + "\n";
    const answer = await post("/page/documents/piece", padded(new TextEncoder().encode(head), data));
    if (answer.problem) return { verdict: "refused", words: [answer.problem] };
    if (answer.later) return answer;
    if (answer.outcome) return answer.outcome;
    if (answer.wait) return answer;
    if (f.held || r.tries) { // there is room
      [f.held, r.tries] = [false, 0];
      f.line.querySelector("strong").textContent = "";
      tell(r, `Adding ${done + 1} of ${done + left()}…`);
    }
    if (bar) bar.value = (at + data.byteLength) / size;
    if (at + data.byteLength >= size) return { verdict: "refused", words: ["Nobody said what became of it: add it again."] };
  }
}

// The size of a document tells much of it. It is sent in few sizes.
function padded(head, data) {
  const size = head.length + data.byteLength;
  const to = [4096, 16384, 65536, 262144].find((n) => n >= size) ?? Math.ceil(size / 1048576) * 1048576;
  return new Blob([head, data, new Uint8Array(to - size)]);
}

async function post(to, body) {
  let response;
  try {
    response = await fetch(to, { method: "POST", body, signal: stopping?.signal, headers: { "Accept": "application/json", "Content-Type": "application/octet-stream" } });
  } catch (e) {
    throw e.name === "AbortError" ? { why: "Stopped." } : { why: "The server does not answer." };
  }
  if (response.status === 401) throw { why: "Your vault has locked. Unlock it in another tab, then go on." };
  if (response.status === 204) return {};
  try {
    return await response.json();
  } catch {
    throw { why: "The server broke off." };
  }
}

function entryLine(path) {
  const li = document.createElement("li");
  const name = document.createElement("bdi");
  name.textContent = path;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", "How much of it was sent");
  const what = document.createElement("strong");
  li.append(name, " ", what, bar);
  list.append(li);
  return li;
}

function verdict(li, got) {
  li.querySelector("progress")?.remove();
  if (got.name) li.querySelector("bdi").textContent = got.name;
  const what = li.querySelector("strong");
  what.textContent = got.verdict;
  what.className = got.verdict;
  for (const words of got.words ?? []) {
    const p = document.createElement("p");
    p.className = "note";
    p.textContent = words;
    li.append(p);
  }
  if (got.within?.length) {
    const inner = document.createElement("ol");
    for (const x of got.within) {
      const one = document.createElement("li");
      one.append(document.createElement("bdi"), " ", document.createElement("strong"));
      verdict(one, x);
      inner.append(one);
    }
    li.append(inner);
  }
}

function line(tag, name) {
  const e = document.createElement(tag);
  e.className = name;
  return e;
}

// Says how far a row is, where the quick one does not say it.
function tell(r, words) { if (r === quick || !quick.busy) say(words); }

function say(words) { state.textContent = words; }

function offer(...choices) {
  buttons.replaceChildren(...choices.map(([label, press]) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = label;
    b.addEventListener("click", press, { once: true });
    return b;
  }));
}

function count(n, one, many) { return n === 1 ? `1 ${one}` : `${n} ${many}`; }
