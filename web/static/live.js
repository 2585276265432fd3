// Shows an answer while it is written.

import { Tree } from "./tree.js";
import { dress } from "./dress.js";
import { lines, narrow } from "./road.js";

const tries = 5;

// What is said of an answer that did not end by itself, beside its own words.
const endings = { interrupted: "Stopped.", failed: "The answer broke off.", length: "The answer is as long as one may be." };

// Follows the stream of an article's answer until it ends. Where the connection
// breaks, it is taken up again: the server tells the answer from its beginning.
export async function follow(article, status) {
  const said = article.querySelector(".said");
  const tree = new Tree(said);
  status.textContent = "Answering…";
  for (let i = 0; i < tries; i++) {
    try {
      tree.clear();
      const end = await once(article, tree, status);
      if (end) return finish(article, said, end, status);
    } catch (e) {
      if (e.locked) return locked(article, status); // all else is told below, where no try is left
    }
    status.textContent = "The connection broke off. Trying again…";
    await new Promise((done) => setTimeout(done, 500 * 2 ** i));
  }
  status.textContent = "The server does not answer. Open this page anew once it does: what was answered is kept.";
}

async function once(article, tree, status) {
  let first = true;
  for await (const line of lines(article.dataset.live.slice("/page/".length))) {
    if (first) status.textContent = "Answering…";
    first = false;
    if (line.thinks) status.textContent = "Thinking…";
    if (line.ops) {
      const near = atEnd();
      tree.apply(line.ops);
      if (near) toEnd();
    }
    if (line.end) return line.end;
  }
  return null;
}

function finish(article, said, end, status) {
  if (end.finish === "locked") return locked(article, status);
  const over = end.finish === "over"; // it ended before we came
  // The page has it, and the sources. Over a channel none is loaded unasked: that would show when an answer ended.
  if ((over || end.anew) && !narrow && !typed()) return location.reload();
  if (over) after("");
  said.removeAttribute("aria-busy");
  article.classList.remove("live");
  const foot = article.querySelector("footer");
  const versions = foot.querySelector(".versions");
  foot.replaceChildren();
  if (end.words) {
    const p = document.createElement("p");
    p.className = "ending";
    p.textContent = end.words;
    foot.before(p);
  }
  const count = document.createElement("span");
  if (end.answer) count.textContent = `${end.prompt ?? 0} + ${end.answer} tokens`;
  count.title = "tokens read and written";
  const id = article.dataset.live.split("/").pop();
  foot.append(count);
  if (versions) foot.append(versions);
  if (end.turn) {
    article.id = "t-" + end.turn;
    after(end.turn);
  }
  if (over || end.anew) foot.append(anew(over ? "Show the answer" : "Show what was read"));
  if (!end.read && (said.querySelector(".address") || said.textContent.includes("://"))) foot.append(addresses(id));
  if (!end.anew && ["length", "interrupted", "failed"].includes(end.finish) && said.hasChildNodes()) foot.append(asking("on", "Go on", id, end.turn));
  foot.append(asking("again", "Try again", id, end.turn));
  fill(end);
  dress(article);
  status.textContent = endings[end.finish] ?? "The answer is complete.";
}

// How full the context is, as the engine counted.
function fill(end) {
  const place = document.getElementById("fill");
  if (!place || !end.prompt) return;
  const taken = end.prompt + (end.answer ?? 0);
  const meter = place.querySelector("meter");
  if (end.context) meter.max = end.context;
  meter.value = taken;
  place.querySelector("span").textContent = `${taken} of ${meter.max} tokens`;
  place.hidden = false;
}

// What was typed and not sent yet would be lost with the page.
function typed() {
  return document.getElementById("text")?.value;
}

// The next question follows this turn; none: the newest.
function after(turn) {
  const field = document.querySelector("form.ask [name=after]");
  if (field) field.value = turn;
}

function locked(article, status) {
  if (!typed()) return location.reload();
  article.remove();
  after("");
  status.textContent = "Your vault has locked. What you typed is still here: unlock in another tab, then send it.";
}

// Shows all there is to somebody who typed meanwhile, or whose page came by a channel.
function anew(label) {
  const b = document.createElement("button");
  b.type = "button";
  b.className = "plain";
  b.textContent = label;
  if (narrow) b.title = "The network sees that a page is loaded";
  b.addEventListener("click", () => location.reload());
  return b;
}

// Leads to the page that shows the addresses of these answers, as the server writes it.
function addresses(id) {
  const a = document.createElement("a");
  a.className = "links";
  a.href = "/page/links/" + id;
  a.textContent = "Addresses";
  return a;
}

// The form that asks for another answer, or for more of it, as the server writes it.
function asking(what, label, id, turn) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/page/" + what + "/" + id;
  const after = document.createElement("input");
  after.type = "hidden";
  after.name = "after";
  after.value = turn ?? "";
  form.append(after);
  const button = document.createElement("button");
  button.className = "plain";
  button.textContent = label;
  form.append(button);
  return form;
}

function atEnd() {
  const page = document.scrollingElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < 120;
}

export function toEnd() {
  const page = document.scrollingElement;
  page.scrollTop = page.scrollHeight;
}
