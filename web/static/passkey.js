// Passkeys: made and used here, for the secret that they keep for this page alone.
// The secret goes to this machine's own server, which opens the vault with it, and
// is kept nowhere. Without this script the passphrase does the same.

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = false;
  if (!globalThis.PublicKeyCredential || !isSecureContext) {
    form.replaceChildren("This browser has no passkeys.");
    continue;
  }
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    use(form);
  });
}

const info = new TextEncoder().encode("abaton.local/vault/passkey-prf/v1");
const words = {
  prf: "This passkey, or this browser, cannot keep a secret for a page (the extension PRF), so it cannot open a vault. Take another device or a newer browser, or use a passphrase. If a passkey for this page was made just now, delete it in your browser or system.",
  away: "The server does not answer. Try again.",
  NotAllowedError: "No passkey was used: it was called off, took too long, or there is none for this page on this device.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "This browser uses no passkeys at this address. Use your passphrase.",
  NotSupportedError: "This device makes no passkeys of the kind that a vault needs. Use your passphrase.",
};

async function use(form) {
  const what = form.dataset.passkey;
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  const say = (text) => { status.textContent = text; };
  const typed = (name) => document.getElementById(name)?.value.trim() ?? "";
  const who = what === "join" ? { name: typed("name"), ticket: typed("ticket") } : {};
  if (what === "join" && who.name === "") {
    document.getElementById("name").focus();
    return say("Type your name first.");
  }
  button.disabled = true;
  say("Waiting for your passkey…");
  let secret;
  try {
    const { publicKey } = await send(what + "/begin", who);
    const made = what === "unlock" ? await used(publicKey) : await fresh(publicKey);
    secret = made.secret;
    const accept = form.querySelector("[name=accept]");
    const body = { ...who, credential: JSON.stringify(made.credential), secret: text(secret) };
    if (accept?.checked) body.accept = accept.value;
    say("Opening your vault…");
    location.assign((await send(what, body)).to);
  } catch (e) {
    say(words[e.name] ?? (e instanceof Refusal ? e.message : words.away));
    if (e.accept) older(form, e.accept);
    button.disabled = false;
  } finally {
    secret?.fill(0);
  }
}

// The vault is older than this browser or this machine remembers: its person is
// asked, and presses the button again.
function older(form, accept) {
  const field = form.querySelector("[name=accept]");
  if (!field) return;
  field.value = accept;
  field.checked = false;
  form.querySelector("[data-older]").hidden = false;
}

class Refusal extends Error {}

async function send(path, body) {
  const response = await fetch("/page/passkey/" + path, {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "Accept": "application/json" },
  });
  const said = await response.json();
  if (response.ok) return said;
  const e = new Refusal(said.problem ?? words.away);
  e.accept = said.accept;
  throw e;
}

// Has a passkey answer that this browser has for this page.
async function used(ask) {
  const key = await navigator.credentials.get({ publicKey: decoded(ask) });
  const r = key.response;
  return {
    secret: await derived(key.getClientExtensionResults().prf?.results?.first),
    credential: {
      id: key.id, rawId: key.id, type: key.type, clientExtensionResults: {},
      response: {
        clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData),
        signature: text(r.signature), userHandle: r.userHandle ? text(r.userHandle) : undefined,
      },
    },
  };
}

// Makes a passkey. Many give their secret only when they are used, so one may be
// asked for a second time.
async function fresh(ask) {
  const key = await navigator.credentials.create({ publicKey: decoded(ask) });
  const r = key.response;
  const prf = key.getClientExtensionResults().prf;
  let first = prf?.results?.first;
  if (!first && prf?.enabled) {
    const again = await navigator.credentials.get({ publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: ask.rp.id, userVerification: "required",
      allowCredentials: [{ type: "public-key", id: key.rawId }], extensions: decoded(ask).extensions,
    } });
    first = again.getClientExtensionResults().prf?.results?.first;
  }
  return {
    secret: await derived(first),
    credential: {
      id: key.id, rawId: key.id, type: key.type, clientExtensionResults: { prf: { enabled: true } },
      response: { clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject) },
    },
  };
}

// What opens the vault. The passkey's own output never leaves this function.
async function derived(output) {
  if (!output) throw new Refusal(words.prf);
  const key = await crypto.subtle.importKey("raw", output, "HKDF", false, ["deriveBits"]);
  new Uint8Array(output).fill(0);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, key, 256);
  return new Uint8Array(bits);
}

// What the server asks for, with bytes where it has text.
function decoded(ask) {
  const { prf: { eval: { first } } } = ask.extensions;
  const all = { ...ask, challenge: bytes(ask.challenge), extensions: { prf: { eval: { first: bytes(first) } } } };
  if (ask.user) all.user = { ...ask.user, id: bytes(ask.user.id) };
  if (ask.excludeCredentials) all.excludeCredentials = ask.excludeCredentials.map((c) => ({ ...c, id: bytes(c.id) }));
  return all;
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
