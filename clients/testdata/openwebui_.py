"""Serves Open WebUI as the arguments say, and uses it as its own page in a browser does."""

import subprocess
import sys
import time

import httpx
from checks import *

web = subprocess.Popen([*sys.argv[1:], "--port", "8080"], stdout=sys.stderr)
c = httpx.Client(base_url="http://127.0.0.1:8080", timeout=300)
NAME = MODEL if "OPENAI_API_BASE_URL" in os.environ else MODEL + ":latest"  # as each dialect lists it


def ready():
    while web.poll() is None:  # the test ends this script where it takes too long
        try:
            if c.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise AssertionError(f"it ended with {web.returncode}")


def good(answer):
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    return answer.json()


def signed_up():
    user = good(c.post("/api/v1/auths/signup", json={"name": "Ada", "email": "ada@example.org", "password": "A passphrase 1 of a test!"}))
    assert user["role"] == "admin", user
    c.headers["Authorization"] = "Bearer " + user["token"]


def models():
    names = [m["id"] for m in good(c.get("/api/models"))["data"]]
    assert NAME in names, names


def ask(stream):
    messages = [{"role": "system", "content": TERSE}, {"role": "user", "content": QUESTION}]
    return {"model": NAME, "messages": messages, "stream": stream, "params": {"temperature": 0, "max_tokens": 40}}


def whole():
    paris(good(c.post("/api/chat/completions", json=ask(False)))["choices"][0]["message"]["content"])


def streamed():
    text, pieces = "", 0
    with c.stream("POST", "/api/chat/completions", json=ask(True)) as lines:
        for line in lines.iter_lines():
            if line.startswith("data: {"):
                choices = json.loads(line[6:]).get("choices") or [{}]
                piece = choices[0].get("delta", {}).get("content") or ""
                text, pieces = text + piece, pieces + bool(piece)
    paris(text)
    assert pieces > 1, pieces


def title():
    talk = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "Paris."}]
    assert good(c.post("/api/v1/tasks/title/completions", json={"model": NAME, "messages": talk}))["choices"][0]["message"]["content"]


def documents():
    """A document is uploaded, cut, embedded and found again."""
    text = b"The lighthouse keeper is called Ines. She has kept the light for forty years."
    file = good(c.post("/api/v1/files/", params={"process": True, "process_in_background": False}, files={"file": ("keeper.txt", text, "text/plain")}))
    assert file.get("data", {}).get("status") != "failed", file
    found = good(c.post("/api/v1/retrieval/query/doc", json={"collection_name": "file-" + file["id"], "query": "Who keeps the lighthouse?", "k": 1}))
    assert "Ines" in found["documents"][0][0], found


check("started and signed up", lambda: (ready(), signed_up()))
check("models", models)
check("chat", whole)
check("chat, streamed", streamed)
check("title of a conversation", title)
check("documents found", documents)
web.terminate()
web.wait()
