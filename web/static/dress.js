// Adds to what was said the buttons that only a script can make work.

export function dress(root) {
  for (const block of root.querySelectorAll("div.code, pre.copies")) {
    if (block.nextElementSibling?.classList.contains("copy")) continue;
    const of = block.matches("pre") ? block : block.querySelector("pre");
    block.append(button("Copy", () => text(of)));
  }
  for (const article of root.matches?.(".turn.it") ? [root] : root.querySelectorAll(".turn.it:not(.live)")) {
    const foot = article.querySelector("footer");
    if (foot.querySelector(".copy")) continue;
    foot.append(button("Copy", () => text(article.querySelector(".said"))));
  }
}

// The text of an element without that of our own buttons.
function text(element) {
  const copy = element.cloneNode(true);
  for (const b of copy.querySelectorAll("button")) b.remove();
  document.body.append(copy); // innerText needs a place on the page for its lines
  const words = copy.innerText;
  copy.remove();
  return words;
}

function button(label, words) {
  const b = document.createElement("button");
  b.type = "button";
  b.className = "copy plain";
  b.textContent = label;
  b.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(words());
      b.textContent = "Copied";
    } catch {
      b.textContent = "Not copied";
    }
    setTimeout(() => { b.textContent = label; }, 1500);
  });
  return b;
}
