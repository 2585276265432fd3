"""What scripts have in common: checks, each of which says one line of JSON."""

import json
import os
import sys
import traceback
import urllib.request

BASE, KEY, DOOR, MODEL, EMBEDDER = (os.environ[n] for n in ("BASE", "KEY", "DOOR", "MODEL", "EMBEDDER"))
TERSE = "Answer the question truthfully and in few words."  # the model is very small
QUESTION = "What is the capital of France?"
LONG = "Tell me a very long story about a lighthouse, a storm and a ship, with many chapters. "
TOO_LONG = "word " * 60000
SHAPED = os.environ["SHAPED"] == "yes"  # then several words may be one piece, and failures of the engine come in the stream
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "big": {"type": "boolean"}},
    "required": ["city", "big"],
    "additionalProperties": False,
}
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def check(name, act, outcome="pass"):
    """Runs act; what it raises is why the check failed."""
    if DOOR != "key" and name not in os.environ["BRIEF"].split("|"):
        return
    try:
        act()
    except Exception as e:
        traceback.print_exc()
        outcome = f"{type(e).__name__}: {e}"[:300]
    print(json.dumps({"check": name, "outcome": outcome}), flush=True)


def refused(name, act, kind, words):
    """Checks that act is refused on purpose: with kind, in a sentence that holds words."""
    check(name, lambda: raises(act, kind, words), "refused")


def raises(act, kind, words=""):
    try:
        act()
    except kind as e:
        if type(e) is not kind and not words:
            raise AssertionError(f"{type(e).__name__} was raised, not {kind.__name__}") from e
        if words not in str(e):
            raise AssertionError(f"{words!r} is not in {str(e)!r}") from e
        return e
    raise AssertionError(f"no {kind.__name__} was raised")


def paris(text):
    assert "Paris" in text, f"the answer is {text!r}"


def fits(text):
    value = json.loads(text)
    assert set(value) == {"city", "big"} and isinstance(value["city"], str) and isinstance(value["big"], bool), text


def seen(response):
    """Notes the shape of a response: a hook of httpx."""
    shapes.append(response.headers.get("x-abaton-shape", ""))


shapes = []


def padded(ask):
    """Checks that a question that was asked through a padding transport was taken for padded."""
    ask()
    assert shapes[-1].endswith("; upload=padded"), shapes


def break_off(pieces):
    """Takes the engine's process away after the first piece with text, and reads on."""
    pieces = iter(pieces)
    first = next(pieces)
    while SHAPED and not worded(first):
        first = next(pieces)
    urllib.request.urlopen(os.environ["BREAKER"]).read()
    for _ in pieces:
        pass


def worded(piece):
    """Tells whether a piece of a stream, of any dialect, has text."""
    p = piece.model_dump()
    texts = [x["delta"].get("content") for x in p.get("choices") or []]
    texts += [(p.get(name) or {}).get(field) for name, field in (("delta", "text"), ("message", "content"))]
    return any(texts)


def closer(vectors):
    """Wants the first two of three vectors to be nearer to each other than the first and the last."""
    x, y, z = vectors
    near, far = (sum(p * q for p, q in zip(x, w)) for w in (y, z))
    assert len(x) == 384 and near > far, (len(x), near, far)
