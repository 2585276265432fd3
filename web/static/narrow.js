// What a page makes by itself, so that no other one is loaded: with a channel all of
// it, else the place of another answer.

import { clean } from "./clean.js";

// Makes the page of a new conversation that of one which has begun.
export function settle(id, words, fleeting) {
  const form = document.querySelector("form.ask");
  form.dataset.next = id;
  form.action = "/page/ask/" + id;
  const after = document.createElement("input");
  after.type = "hidden";
  after.name = "after";
  form.append(after);
  for (const old of form.querySelectorAll("label.fleeting, p.fleeting, details.instruction")) old.remove();
  const thread = document.createElement("div");
  thread.className = "thread";
  thread.id = "thread";
  document.querySelector(".hello").replaceWith(thread);
  document.querySelector(".chat").classList.remove("fresh");
  history.replaceState(null, "", "/page/c/" + id);
  list(id, clean(words.trim().split("\n")[0].slice(0, 60)), fleeting ? "Temporary" : "Today");
}

// Lists it at the side.
function list(id, title, under) {
  const all = document.querySelector("nav.side .list");
  let group = [...all.querySelectorAll("h2")].find((h) => h.textContent === under)?.nextElementSibling;
  if (!group) {
    all.querySelector(":scope > .quiet")?.remove();
    const head = document.createElement("h2");
    head.textContent = under;
    group = document.createElement("ul");
    all.prepend(head, group);
  }
  const link = document.createElement("a");
  link.href = "/page/c/" + id;
  link.dir = "auto";
  link.textContent = title;
  for (const e of document.querySelectorAll("nav.side [aria-current]")) e.removeAttribute("aria-current");
  link.setAttribute("aria-current", "page");
  const item = document.createElement("li");
  item.append(link);
  group.prepend(item);
}

// The place among its versions of an answer that is written beside the last one.
export function versionsAfter(last, id) {
  const [, at, of] = last.querySelector(".versions")?.textContent.match(/(\d+) of (\d+)/) ?? [null, "1", "1"];
  const place = document.createElement("span");
  place.className = "versions";
  const turn = last.id.slice("t-".length);
  if (at === of && turn) {
    const a = document.createElement("a");
    a.href = `/page/c/${id}/${turn}#t-${turn}`;
    a.setAttribute("aria-label", "Previous version");
    a.textContent = "‹";
    place.append(a);
  }
  place.append(` ${Number(of) + 1} of ${Number(of) + 1} `);
  return place;
}
