"""Asks a server through litellm, in the dialect that the argument names."""

import sys

from checks import *
import litellm
import openai
from pydantic import BaseModel

litellm.telemetry = False
DIALECT = sys.argv[1]
BASES = {"openai": BASE + "/v1", "ollama_chat": BASE, "anthropic": BASE}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city.", "parameters": PLACE}}


class Town(BaseModel):
    city: str
    big: bool


def chat(text=QUESTION, model=MODEL, key=KEY, messages=None, **more):
    messages = messages or [{"role": "system", "content": TERSE}, {"role": "user", "content": text}]
    more = dict(dict(temperature=0, max_tokens=40, num_retries=0, max_retries=0, timeout=120), **more)
    return litellm.completion(model=f"{DIALECT}/{model}", api_base=BASES[DIALECT], api_key=key, messages=messages, **more)


def whole():
    a = chat()
    paris(a.choices[0].message.content)
    assert a.usage.prompt_tokens and a.usage.completion_tokens and a.choices[0].finish_reason == "stop", a


def streamed():
    pieces = [p.choices[0].delta.content for p in chat(stream=True) if p.choices and p.choices[0].delta.content]
    paris("".join(pieces))
    assert len(pieces) > 1, pieces


def tools():
    forced = {} if DIALECT == "ollama_chat" else {"tool_choice": "required"}
    m = chat("What is the weather in Paris?", tools=[TOOL], max_tokens=100, **forced).choices[0].message
    if forced:
        call = m.tool_calls[0].function
        assert call.name == "weather" and isinstance(json.loads(call.arguments)["city"], str), m
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    talk = [{"role": "user", "content": "What is the weather in Paris?"}, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    assert chat(messages=talk, tools=[TOOL]).choices[0].message


def structured():
    fits(chat("Is Paris a big city?", response_format=Town, max_tokens=100).choices[0].message.content)


def embedded():
    provider = "ollama" if DIALECT == "ollama_chat" else DIALECT
    a = litellm.embedding(model=f"{provider}/{EMBEDDER}", api_base=BASES[DIALECT], api_key=KEY, input=["a cat", "a kitten", "the stock market"])
    closer([v["embedding"] for v in a.data])


def responses():
    a = litellm.responses(model=f"openai/{MODEL}", api_base=BASES[DIALECT], api_key=KEY, instructions=TERSE, input=QUESTION, temperature=0, max_output_tokens=40, store=False)
    paris(a.output_text)


def pasted():
    answers, completion = [], litellm.completion
    litellm.completion = lambda **asked: answers.append(completion(max_tokens=40, **asked))
    try:
        exec(os.environ["LINES"], {})
    finally:
        litellm.completion = completion
    assert answers[0].choices[0].message.content


def both(kind, **what):
    for stream in (False, True):
        raises(lambda: list(chat(stream=stream, **what)), kind, " ")


check("chat", whole)
if "LINES" in os.environ:
    check("chat, by the lines of `abaton connect`", pasted)
check("chat, streamed", streamed)
check("tools", tools)
check("structured answer", structured)
if DIALECT != "anthropic":
    check("embeddings", embedded)
if DIALECT == "openai":
    check("responses", responses)
if DOOR == "key":
    check("error: wrong key", lambda: both(litellm.AuthenticationError, key="abt_wrong"))
check("error: unknown model", lambda: both(litellm.NotFoundError, model="no-such-model"))
# Of Ollama's servers it knows no such error, whatever they say.
check("error: too long", lambda: both(litellm.BadRequestError if DIALECT == "ollama_chat" else litellm.ContextWindowExceededError, text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(chat(LONG + "litellm " + DIALECT, stream=True, max_tokens=900)), openai.OpenAIError, " "))
