"""Asks a running server through the official Python library and reports what it saw as JSON."""

import json
import os

import openai

BASE, TOKEN, MODEL = (os.environ[n] for n in ("BASE_URL", "TOKEN", "MODEL"))
INSTRUCTION, QUESTION = os.environ["INSTRUCTION"], os.environ["QUESTION"]


def client(token):
    return openai.OpenAI(base_url=BASE, api_key=token, max_retries=0)


def request(model=MODEL, text=QUESTION, **more):
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]
    return dict(model=model, messages=messages, temperature=0, max_tokens=40, **more)


def raised(act):
    try:
        act()
    except openai.OpenAIError as e:
        return type(e).__name__
    return "nothing"


c = client(TOKEN)
seen = {"version": openai.__version__, "errors": {}}
seen["answer"] = c.chat.completions.create(**request()).choices[0].message.content
streamed, pieces, usage = "", 0, 0
for chunk in c.chat.completions.create(**request(stream=True, stream_options={"include_usage": True})):
    if chunk.usage:
        usage = chunk.usage.completion_tokens
    if chunk.choices and chunk.choices[0].delta.content:
        streamed += chunk.choices[0].delta.content
        pieces += 1
seen |= {"streamed": streamed, "pieces": pieces, "usage": usage}
seen["models"] = [m.id for m in c.models.list()]

cases = {
    "wrong token": (client("abt_wrong"), request()),
    "unknown model": (c, request(model="no-such-model")),
    "too long": (c, request(text="word " * 60000)),
}
for name, (who, what) in cases.items():
    seen["errors"][name] = raised(lambda: who.chat.completions.create(**what))
    seen["errors"][name + " streamed"] = raised(lambda: list(who.chat.completions.create(**what, stream=True)))
print(json.dumps(seen))
