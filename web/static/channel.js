// The channel of somebody who wants no mark at all: frames of one size at fixed
// moments, both ways, for as long as the page is open. One response without an end
// brings them; for every so many of them a request takes one the other way, whether
// there is anything to say or not. Package shaper has the same form (pipe.go).

const down = 512; // bytes of a frame
const places = document.querySelectorAll("[data-channel]"); // where it is said what can be seen
export const wanted = places.length > 0;
const address = places[0]?.dataset.channel;

let opening = null; // a promise of the channel, while there is one
let gone = []; // to be told when it closes
let count = 0; // of what was asked
const waits = new Map(); // by its number: { reply, fail }

// Asks as a form would, and gives { status, said }.
export async function ask(path, fields, progress) {
  const channel = await open();
  const n = ++count;
  return new Promise((done, fail) => {
    channel.put({ n, path, fields }, progress);
    waits.set(n, { reply: (x) => { waits.delete(n); done({ status: x.status, said: x.said ?? {} }); }, fail });
  });
}

// Gives the lines of an answer as they come.
export async function* lines(path) {
  const channel = await open();
  const n = ++count, queue = [];
  let wake, broken;
  waits.set(n, { reply: (x) => { queue.push(x); wake?.(); }, fail: (e) => { broken = e; wake?.(); } });
  channel.put({ n, path, fields: {} });
  try {
    for (;;) {
      while (queue.length) {
        const x = queue.shift();
        if (!x.line) throw new Error("refused");
        yield x.line;
      }
      if (broken) throw broken;
      await new Promise((done) => { wake = done; });
    }
  } finally {
    waits.delete(n);
  }
}

// Opens the channel where there is none.
export function open() {
  opening ??= new Promise((done, fail) => { run(done).catch((e) => e).then((e) => close(e ?? new Error("closed"), fail)); });
  return opening;
}

// Waits until it closes, and says why.
export function closed() {
  return new Promise((_, fail) => { gone.push(fail); });
}

function close(why, fail) {
  opening = null;
  for (const tell of gone.splice(0)) tell(why);
  say(why.locked ? "Your vault has locked, and the channel is closed" : "The channel is closed: nothing can be asked until it is open again", false);
  fail(why);
  for (const x of waits.values()) x.fail(why);
  waits.clear();
}

async function run(done) {
  say("The channel is being opened", false);
  const abort = new AbortController();
  try {
    const response = await fetch(address, { referrer: address, headers: { "Accept": "application/octet-stream" }, signal: abort.signal });
    if (!response.ok) throw Object.assign(new Error("refused"), { locked: response.status === 401 });
    const out = new Outlet(abort), inlet = new Inlet();
    const reader = response.body.getReader();
    let rest = new Uint8Array(0);
    for (;;) {
      const { done: over, value } = await reader.read();
      if (over) throw new Error("ended");
      rest = joined(rest, value);
      for (; rest.length >= down; rest = rest.subarray(down)) {
        out.tick(); // first: what is in the frame shall not change when that happens
        for (const x of inlet.take(rest.subarray(0, down))) {
          if (x.locked) throw Object.assign(new Error("locked"), { locked: true });
          if (x.channel) {
            out.begin(address + "/" + x.channel, x.frame, x.every);
            say("Nobody on the network sees whether you ask or are answered here, while this page is open", true);
            done(out);
          } else waits.get(x.n)?.reply(x);
        }
      }
    }
  } finally {
    abort.abort();
  }
}

function say(words, hidden) {
  for (const place of places) {
    place.textContent = words;
    place.classList.toggle("hidden", hidden);
  }
}

// What waits to be sent.
class Outlet {
  constructor(abort) {
    this.abort = abort;
    this.waiting = [];
    this.ticks = 0;
    this.every = 0;
    this.busy = false;
  }

  begin(address, size, every) {
    this.address = address;
    this.size = size;
    this.every = every;
  }

  put(message, progress) {
    const text = new TextEncoder().encode(JSON.stringify(message));
    if (text.length > 1048576) throw Object.assign(new Error("too long"), { long: true });
    const length = [];
    for (let n = text.length; ; n >>>= 7) {
      length.push(n < 128 ? n : n & 127 | 128);
      if (n < 128) break;
    }
    this.waiting.push({ bytes: joined(Uint8Array.from(length), text), sent: 0, progress });
  }

  tick() {
    if (!this.every || ++this.ticks % this.every || this.busy) return;
    this.busy = true;
    this.send().catch(() => this.abort.abort()).finally(() => { this.busy = false; });
  }

  async send() {
    const frame = new Uint8Array(this.size);
    let used = 0;
    while (this.waiting.length && used < this.size - 2) {
      const first = this.waiting[0];
      const part = first.bytes.subarray(first.sent, first.sent + this.size - 2 - used);
      frame.set(part, 2 + used);
      used += part.length;
      first.sent += part.length;
      first.progress?.(first.sent / first.bytes.length);
      if (first.sent === first.bytes.length) this.waiting.shift();
    }
    frame[0] = used >> 8;
    frame[1] = used & 255;
    // The address of the page, which a browser would name, has not always one length.
    const response = await fetch(this.address, { method: "POST", body: frame, referrer: address, headers: { "Content-Type": "application/octet-stream" } });
    if (response.status !== 204) throw new Error("refused");
  }
}

// Puts messages together from frames.
class Inlet {
  constructor() {
    this.partly = new Uint8Array(0);
  }

  take(frame) {
    const used = frame[0] << 8 | frame[1];
    if (used === 0) return [];
    this.partly = joined(this.partly, frame.subarray(2, 2 + used));
    const whole = [];
    for (;;) {
      let length = 0, n = 0;
      while (n < this.partly.length && this.partly[n] > 127) length |= (this.partly[n] & 127) << 7 * n++;
      if (n === this.partly.length) return whole;
      length |= this.partly[n] << 7 * n++;
      if (this.partly.length < n + length) return whole;
      whole.push(JSON.parse(new TextDecoder().decode(this.partly.subarray(n, n + length))));
      this.partly = this.partly.slice(n + length);
    }
  }
}

function joined(a, b) {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
