// What pages cannot do by themselves. Each page works without it.

import { follow, toEnd } from "./live.js";
import { dress } from "./dress.js";
import { palette } from "./palette.js";
import { watch } from "./ready.js";
import * as road from "./road.js";
import { clean } from "./clean.js";
import { settle, versionsAfter } from "./narrow.js";

const form = document.querySelector("form.ask");
const text = document.getElementById("text");
const status = document.getElementById("status");
let sending = false; // a question is on its way

const long = 20000; // characters of a text of which less is measured

dress(document);
if (road.narrow) road.keep();
if (form) compose();
const anew = document.querySelector("form[data-pads]");
anew?.addEventListener("submit", differently);
for (const article of document.querySelectorAll(".turn.live")) follow(article, status);
for (const place of document.querySelectorAll("[data-ready]")) watch(place);
document.addEventListener("submit", stopping);
if (form) document.addEventListener("submit", more);
document.addEventListener("keydown", shortcuts);
for (const field of document.querySelectorAll("textarea")) field.addEventListener("beforeinput", direct);
offer();
if (form?.dataset.next && !location.hash) toEnd();
// A claim or an invitation in the address is good once, and need not stay there.
if (location.search) history.replaceState(null, "", location.pathname);
// A page that the browser kept and brings back may be from before the lock.
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

function compose() {
  const fit = () => { // measured with every key, what is long would keep who types waiting
    const most = innerHeight * 0.4, short = text.value.length < long;
    if (short) text.style.height = "auto";
    text.style.height = (short ? Math.min(text.scrollHeight, most) : most) + "px";
  };
  text.addEventListener("input", fit);
  text.addEventListener("keydown", (e) => {
    // Enter also ends a word in input methods: that one is theirs.
    if (e.key !== "Enter" || e.shiftKey || e.isComposing || e.keyCode === 229) return;
    e.preventDefault();
    if (text.value.trim() !== "") form.requestSubmit();
  });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    ask(fit);
  });
  fit();
}

// Looking for the direction of a megabyte, line by line, Chromium stands still for ten
// seconds. That of a long text is told by its first letter.
function direct(e) {
  const field = e.target, length = field.value.length + (e.data?.length ?? 0);
  if (length < long) {
    if (field.dir !== "auto") field.dir = "auto";
  } else if (field.dir === "auto") {
    const letter = (field.value + (e.data ?? "")).match(/\p{L}/u)?.[0] ?? "";
    field.dir = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(letter) ? "rtl" : "ltr";
  }
}

// The size of what is sent tells how long a question is. It is sent in one of few sizes.
function padded(fields) {
  fields.set("pad", "");
  const size = new URLSearchParams(fields).toString().length;
  const to = [4096, 16384, 65536, 262144].find((n) => n >= size) ?? Math.ceil(size / 1048576) * 1048576;
  fields.set("pad", "x".repeat(to - size));
  return fields;
}

// Sends a form, and gives what is said to it; null where it did not get there, which
// was told.
async function send(path, fields, place, what) {
  place.textContent = "Sending…";
  const far = (part) => { if (part < 1) place.textContent = `Sending… ${Math.floor(part * 100)} %`; };
  try {
    const { status, said } = await road.ask(path, fields, far);
    if (status === 401) place.textContent = `Your vault has locked. ${what} is still here: unlock in another tab, then send it again.`;
    else if (status >= 400) place.textContent = said.problem;
    else return said;
  } catch (e) {
    if (e.long) place.textContent = `${what} is longer than the channel takes at once, which is 1 MB. It is still here.`;
    else place.textContent = `The server does not answer. ${what} is still here: send it again.`;
  }
  return null;
}

async function ask(fit) {
  if (sending) return;
  if (document.querySelector(".turn.live")) {
    status.textContent = "An answer is being written. Wait until it ends, or stop it.";
    return;
  }
  const words = text.value;
  const fields = padded(new FormData(form));
  sending = true;
  const said = await send(form.dataset.next ? "ask/" + form.dataset.next : "ask", fields, status, "Your question");
  if (said && !form.dataset.next && !road.narrow) return location.assign("/page/c/" + said.conversation); // which shows the answer
  sending = false;
  if (!said) return;
  if (!form.dataset.next) settle(said.conversation, words, fields.has("fleeting"));
  follows(said.question); // until the answer has a name
  if (text.value.startsWith(words)) text.value = text.value.slice(words.length).trimStart(); // what was typed meanwhile stays
  fit();
  const thread = document.getElementById("thread");
  for (const old of thread.querySelectorAll("footer > form")) old.remove();
  thread.append(turn("you", words, said.question));
  answering(thread);
}

// Names the turn that the next question follows.
function follows(turn) {
  form.elements.namedItem("after").value = turn;
}

// Adds the place of an answer, and follows it.
function answering(thread, versions, model) {
  const answer = turn("it", "");
  if (model) answer.querySelector("h2").textContent = model;
  answer.classList.add("live");
  answer.dataset.live = "/page/live/" + form.dataset.next;
  answer.querySelector(".said").setAttribute("aria-busy", "true");
  const foot = answer.querySelector("footer");
  if (versions) foot.append(versions);
  foot.append(stopper());
  thread.append(answer);
  toEnd();
  follow(answer, status);
}

// A question or an answer, as the server writes it.
function turn(whose, words, question) {
  const article = document.createElement("article");
  article.className = "turn " + whose;
  if (question) article.id = "t-" + question;
  const head = document.createElement("h2");
  const said = document.createElement("div");
  said.className = "said";
  if (whose === "you") {
    head.className = "unseen";
    head.textContent = "You";
    said.className = "said plain";
    said.dir = "auto";
    said.textContent = clean(words);
    const foot = document.createElement("footer");
    const edit = document.createElement("a");
    edit.href = "/page/edit/" + form.dataset.next + "/" + question;
    edit.textContent = "Edit";
    foot.append(edit);
    article.append(head, said, foot);
    return article;
  }
  head.textContent = document.getElementById("model")?.value ?? "";
  article.append(head, said, document.createElement("footer"));
  return article;
}

function stopper() {
  const f = document.createElement("form");
  f.method = "post";
  f.action = "/page/stop/" + form.dataset.next;
  f.dataset.stop = "";
  const b = document.createElement("button");
  b.textContent = "Stop";
  f.append(b);
  return f;
}

// Stopping ends the model's work and not the stream, whose shape goes on.
function stopping(e) {
  if (!("stop" in e.target.dataset)) return;
  e.preventDefault();
  status.textContent = "Stopping…";
  const path = new URL(e.target.action).pathname.slice("/page/".length);
  road.ask(path, new FormData(e.target)).catch(() => { if (!road.narrow) e.target.submit(); });
}

// Another answer and more of one are asked for without another page, with which what
// somebody has typed meanwhile would go.
async function more(e) {
  const [, what] = new URL(e.target.action).pathname.match(/^\/page\/(again|on)\//) ?? [];
  if (!what) return;
  e.preventDefault();
  if (sending) return;
  const fields = new FormData(e.target), model = document.getElementById("model")?.value;
  if (what === "again" && model) fields.set("model", model); // the one that is chosen now
  sending = true;
  const said = await send(what + "/" + form.dataset.next, padded(fields), status, "What you asked");
  sending = false;
  if (!said) return;
  const thread = document.getElementById("thread"), last = thread.querySelector(".turn:last-of-type");
  let versions = null;
  if (last.matches(".it")) { // of one that broke off with nothing, nothing was kept: the next takes its place
    versions = what === "again" && last.id ? versionsAfter(last, form.dataset.next) : last.querySelector(".versions");
    last.remove();
  }
  for (const old of thread.querySelectorAll("footer > form, :scope > form, :scope > .ending, :scope > .coming")) old.remove();
  const question = [...thread.querySelectorAll(".turn.you")].at(-1);
  if (what === "again" && question) follows(question.id.slice("t-".length));
  history.replaceState(null, "", "/page/c/" + form.dataset.next); // an older version was named there
  answering(thread, versions, what === "on" && last.querySelector("h2").textContent);
}

// What is asked differently; the conversation is another page.
async function differently(e) {
  e.preventDefault();
  if (sending) return;
  sending = true;
  const place = anew.querySelector("[role=status]");
  const said = await send(new URL(anew.action).pathname.slice("/page/".length), padded(new FormData(anew)), place, "Your question");
  if (said) return location.assign("/page/c/" + said.conversation);
  sending = false;
}

// Those of the list at /page/keyboard. None is a single letter, which people who speak
// to their machine would press by chance.
function shortcuts(e) {
  const key = e.key.toLowerCase(), mod = e.ctrlKey || e.metaKey;
  const inside = document.querySelector("nav.side");
  if (e.key === "Escape" && document.querySelector("dialog[open]")) return; // closes it
  if (e.key === "Escape" && e.shiftKey) text?.focus();
  else if (e.key === "Escape") document.querySelector("form[data-stop]")?.requestSubmit();
  else if (mod && key === "k" && inside) palette();
  else if (mod && e.key === "/" && inside) location.assign("/page/keyboard");
  else if (mod && e.shiftKey && key === "o") location.assign("/page/");
  else if (e.key === "ArrowUp" && e.target === text && text.value === "" && !mod && !e.shiftKey && !e.altKey) [...document.querySelectorAll(".turn.you footer a[href^='/page/edit/']")].at(-1)?.click();
  else return;
  e.preventDefault();
}

// A passphrase that is offered can be taken with a click.
function offer() {
  const words = document.getElementById("offer");
  const field = document.getElementById("passphrase");
  if (!words || !field) return;
  const b = document.createElement("button");
  b.type = "button";
  b.className = "plain";
  b.textContent = "Take these";
  b.addEventListener("click", () => { field.value = words.textContent; });
  words.after(" ", b);
}
