// What pages cannot do by themselves. Each page works without it.

import { follow, toEnd } from "./live.js";
import { dress } from "./dress.js";
import { palette } from "./palette.js";
import { watch } from "./ready.js";
import * as road from "./road.js";
import { settle, versionsAfter } from "./narrow.js";

const form = document.querySelector("form.ask");
const text = document.getElementById("text");
const status = document.getElementById("status");
let sending = false; // a question is on its way

dress(document);
if (road.narrow) road.keep();
if (form) compose();
const anew = document.querySelector("form[data-pads]");
anew?.addEventListener("submit", differently);
for (const article of document.querySelectorAll(".turn.live")) follow(article, status);
for (const place of document.querySelectorAll("[data-ready]")) watch(place);
document.addEventListener("submit", stopping);
if (road.narrow) document.addEventListener("submit", more);
document.addEventListener("keydown", shortcuts);
offer();
if (form?.dataset.next && !location.hash) toEnd();
// A claim or an invitation in the address is good once, and need not stay there.
if (location.search) history.replaceState(null, "", location.pathname);
// A page that the browser kept and brings back may be from before the lock.
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

function compose() {
  const fit = () => {
    text.style.height = "auto";
    text.style.height = Math.min(text.scrollHeight, innerHeight * 0.4) + "px";
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

// The size of a question tells how long it is. It is sent in one of few sizes.
function pad(form) {
  let field = form.elements.namedItem("pad");
  if (!field) {
    field = document.createElement("input");
    field.type = "hidden";
    field.name = "pad";
    form.append(field);
  }
  field.value = "";
  const size = new URLSearchParams(new FormData(form)).toString().length;
  const to = [4096, 16384, 65536, 262144].find((n) => n >= size) ?? Math.ceil(size / 1048576) * 1048576;
  field.value = "x".repeat(to - size);
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
  pad(form);
  const fields = new FormData(form);
  form.elements.namedItem("pad").value = "";
  sending = true;
  const said = await send(form.dataset.next ? "ask/" + form.dataset.next : "ask", fields, status, "Your question");
  if (said && !form.dataset.next && !road.narrow) return location.assign("/page/c/" + said.conversation); // which shows the answer
  sending = false;
  if (!said) return;
  if (!form.dataset.next) settle(said.conversation, words, fields.has("fleeting"));
  form.elements.namedItem("after").value = said.question; // until the answer has a name
  if (text.value.startsWith(words)) text.value = text.value.slice(words.length).trimStart(); // what was typed meanwhile stays
  fit();
  const thread = document.getElementById("thread");
  for (const old of thread.querySelectorAll("footer form")) old.remove();
  thread.append(turn("you", words, said.question));
  answering(thread);
}

// Adds the place of an answer, and follows it.
function answering(thread, versions) {
  const answer = turn("it", "");
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
    said.textContent = words;
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

// With a channel, another answer and more of one are asked for without another page.
async function more(e) {
  const [, what] = new URL(e.target.action).pathname.match(/^\/page\/(again|on)\//) ?? [];
  if (!what) return;
  e.preventDefault();
  if (!await send(what + "/" + form.dataset.next, new FormData(e.target), status, "What you asked")) return;
  const thread = document.getElementById("thread"), last = thread.querySelector(".turn:last-of-type");
  let versions = null;
  if (last.matches(".it")) versions = what === "again" ? versionsAfter(last, form.dataset.next) : last.querySelector(".versions");
  if (last.matches(".it")) last.remove();
  for (const old of thread.querySelectorAll("footer form, :scope > form, :scope > .ending")) old.remove();
  answering(thread, versions);
}

// What is asked differently; the conversation is another page.
async function differently(e) {
  e.preventDefault();
  if (sending) return;
  sending = true;
  pad(anew);
  const place = anew.querySelector("[role=status]");
  const said = await send(new URL(anew.action).pathname.slice("/page/".length), new FormData(anew), place, "Your question");
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
