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


def break_off(pieces):
    """Takes the engine's process away after the first piece, and reads on."""
    pieces = iter(pieces)
    next(pieces)
    urllib.request.urlopen(os.environ["BREAKER"]).read()
    for _ in pieces:
        pass


def closer(vectors):
    """Wants the first two of three vectors to be nearer to each other than the first and the last."""
    x, y, z = vectors
    near, far = (sum(p * q for p, q in zip(x, w)) for w in (y, z))
    assert len(x) == 384 and near > far, (len(x), near, far)
