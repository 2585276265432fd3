"""Asks a server through Ollama's own library for Python."""

import ollama
from checks import *
from padded import Padded

c = ollama.Client(host=BASE, headers={"Authorization": "Bearer " + KEY} if DOOR == "key" else {}, timeout=120)
ZERO = {"temperature": 0, "num_predict": 40}


def chat(text=QUESTION, model=MODEL, options=ZERO, **more):
    return c.chat(model=model, messages=more.pop("messages", None) or [{"role": "system", "content": TERSE}, {"role": "user", "content": text}], options=options, **more)


def whole():
    a = chat()
    paris(a.message.content)
    assert a.model == MODEL and a.done and a.done_reason == "stop" and a.eval_count and a.prompt_eval_count, a
    assert bool(a.total_duration) != SHAPED, a  # how long it took is what a shape hides


def streamed():
    pieces = list(chat(stream=True))
    paris("".join(p.message.content for p in pieces))
    assert len(pieces) > 2 and pieces[-1].done and pieces[-1].eval_count, len(pieces)


def generate():
    paris(c.generate(model=MODEL, prompt=QUESTION, system=TERSE, options=ZERO).response)
    paris("".join(p.response for p in c.generate(model=MODEL, prompt=QUESTION, system=TERSE, options=ZERO, stream=True)))


def raw():
    paris(c.generate(model=MODEL, prompt="The capital of France is", raw=True, options={"temperature": 0, "num_predict": 5}).response)


TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city.", "parameters": PLACE}}


def tools():
    # This dialect cannot force a call: an answer is a call or a text, and both are right.
    enough = {"temperature": 0, "num_predict": 200}
    a = chat("What is the weather in Paris?", tools=[TOOL], options=enough)
    assert a.message.content or a.message.tool_calls or a.done_reason == "length", a
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}]},
        {"role": "tool", "tool_name": "weather", "content": "sunny"},
    ]
    a = chat(messages=messages, tools=[TOOL], options=enough)
    assert a.message.content or a.message.tool_calls or a.done_reason == "length", a
    for p in chat("What is the weather in Paris?", tools=[TOOL], stream=True):
        pass
    assert p.done, p


def schema():
    fits(chat("Is Paris a big city?", format=SCHEMA, options={"temperature": 0, "num_predict": 100}).message.content)


def logprobs():
    first = chat(logprobs=True, top_logprobs=2).logprobs[0]
    assert first.token and first.logprob <= 0 and len(first.top_logprobs) == 2, first


def embed():
    x, y, z = c.embed(model=EMBEDDER, input=["a cat", "a kitten", "the stock market"]).embeddings
    near, far = (sum(p * q for p, q in zip(x, w)) for w in (y, z))
    assert len(x) == 384 and near > far, (len(x), near, far)
    assert len(c.embeddings(model=EMBEDDER, prompt="a cat").embedding) == 384


def models():
    names = [m.model for m in c.list().models]
    assert MODEL + ":latest" in names or MODEL in names, names
    shown = c.show(MODEL)
    assert shown.details.family == "llama" and "completion" in shown.capabilities, shown
    assert any(m.model.startswith(MODEL) for m in c.ps().models), c.ps()


def both(kind, words, **what):
    for stream in (False, True):
        e = raises(lambda: list(chat(stream=stream, **what)), kind, words)
        assert e.status_code >= 400 or stream, e.status_code


check("chat", whole)
check("chat, streamed", streamed)
check("generate", generate)
check("generate, raw", raw)
check("tools, offered and answered", tools)
check("JSON schema", schema)
check("log probabilities", logprobs)
check("embed, embeddings", embed)
check("list, show, ps", models)
if SHAPED:
    usual, c = c, ollama.Client(host=BASE, headers={"Authorization": "Bearer " + KEY}, transport=Padded(), event_hooks={"response": [seen]}, timeout=120)
    check("questions of one size", lambda: padded(lambda: (whole(), streamed())))
    c = usual
if DOOR == "key":
    right = c
    c = ollama.Client(host=BASE, headers={"Authorization": "Bearer abt_wrong"})
    check("error: wrong key", lambda: both(ollama.ResponseError, "key"))
    c = right
check("error: unknown model", lambda: both(ollama.ResponseError, "no-such-model", model="no-such-model"))
check("error: too long", lambda: both(ollama.ResponseError, "tokens", text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(chat(LONG + "ollama py " + DOOR, stream=True, options={"temperature": 0, "num_predict": 900})), ollama.ResponseError))
refused("pull", lambda: c.pull("llama3"), ollama.ResponseError, "abaton pull")
refused("create", lambda: c.create(model="mine", from_=MODEL), ollama.ResponseError, "abaton pull")
refused("push", lambda: c.push(MODEL), ollama.ResponseError, "abaton models")
refused("copy", lambda: c.copy(MODEL, "mine"), ollama.ResponseError, "abaton models")
refused("delete", lambda: c.delete(MODEL), ollama.ResponseError, "abaton models rm")
