// Shows how far engine and model are that are still on their way to the machine.

const every = 2000; // milliseconds

// Looks until all is here, on the pages of somebody who is in.
export async function watch(place) {
  for (;;) {
    await new Promise((done) => setTimeout(done, every));
    let far;
    try {
      const response = await fetch(place.dataset.ready, { headers: { "Accept": "application/json" } });
      if (response.status === 401) return; // locked, or nobody is in yet
      if (!response.ok) continue;
      far = await response.json();
    } catch {
      continue; // the server is away for a moment
    }
    show(place, far);
    if (far.ready) return;
  }
}

function show(place, far) {
  const label = document.createElement("label");
  label.textContent = far.words;
  if (far.total > 0) {
    const bar = document.createElement("progress");
    bar.max = far.total;
    bar.value = far.done;
    label.append(" ", bar);
  }
  place.replaceChildren(label);
}
