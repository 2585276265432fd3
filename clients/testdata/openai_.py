"""Asks a server through OpenAI's own library for Python."""

import json

import openai
from checks import *
from padded import Padded, httpx2

c = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0, timeout=120)


def chat(text=QUESTION, **more):
    messages = [{"role": "system", "content": TERSE}, {"role": "user", "content": text}]
    return c.chat.completions.create(**dict(dict(model=MODEL, messages=messages, temperature=0, max_tokens=40), **more))


def whole():
    a = chat()
    paris(a.choices[0].message.content)
    assert a.model == MODEL and a.id and a.created and a.choices[0].finish_reason == "stop", a
    assert a.usage.total_tokens == a.usage.prompt_tokens + a.usage.completion_tokens > 0, a.usage


def streamed():
    text, pieces, usage = "", 0, None
    for chunk in chat(stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        if chunk.choices and chunk.choices[0].delta.content:
            text += chunk.choices[0].delta.content
            pieces += 1
    paris(text)
    assert pieces > (0 if SHAPED else 1) and usage.completion_tokens > 0, (pieces, usage)


TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city.", "parameters": PLACE}}


def called(name, arguments):
    assert name == "weather" and isinstance(json.loads(arguments)["city"], str), (name, arguments)


def tools():
    calls = chat("What is the weather in Paris?", tools=[TOOL], tool_choice="required", max_tokens=100).choices[0].message.tool_calls
    called(calls[0].function.name, calls[0].function.arguments)
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump() for call in calls]},
        *({"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls),
    ]
    assert chat(messages=messages, tools=[TOOL], tool_choice="none").choices[0].message.content


def tools_streamed():
    name, arguments, finish = "", "", None
    for chunk in chat("What is the weather in Paris?", tools=[TOOL], tool_choice="required", max_tokens=100, stream=True):
        finish = chunk.choices[0].finish_reason or finish
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    called(name, arguments)
    assert finish == "tool_calls", finish


def schema():
    form = {"type": "json_schema", "json_schema": {"name": "town", "schema": SCHEMA, "strict": True}}
    fits(chat("Is Paris a big city?", response_format=form, max_tokens=100).choices[0].message.content)


def logprobs():
    first = chat(logprobs=True, top_logprobs=2).choices[0].logprobs.content[0]
    assert first.token and first.logprob <= 0 and len(first.top_logprobs) == 2, first


def completions():
    a = c.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=5, temperature=0)
    paris(a.choices[0].text)
    paris("".join(x.choices[0].text for x in c.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=5, temperature=0, stream=True) if x.choices))


def responses():
    a = c.responses.create(model=MODEL, instructions=TERSE, input=QUESTION, temperature=0, max_output_tokens=40, store=False)
    paris(a.output_text)
    assert a.status == "completed" and a.usage.output_tokens > 0, a


def responses_streamed():
    events = list(c.responses.create(model=MODEL, instructions=TERSE, input=QUESTION, temperature=0, max_output_tokens=40, store=False, stream=True))
    paris("".join(e.delta for e in events if e.type == "response.output_text.delta"))
    assert events[0].type == "response.created" and events[-1].type == "response.completed", [e.type for e in events]
    paris(events[-1].response.output_text)


def embeddings():
    a = c.embeddings.create(model=EMBEDDER, input=["a cat", "a kitten", "the stock market"])
    x, y, z = (v.embedding for v in a.data)
    near, far = (sum(p * q for p, q in zip(x, w)) for w in (y, z))
    assert len(x) == 384 and near > far and a.usage.prompt_tokens > 0, (len(x), near, far)


def models():
    assert MODEL in [m.id for m in c.models.list()]
    assert c.models.retrieve(MODEL).id == MODEL


def whole_and_streamed(kind, streamed=None, **what):
    for stream in (False, True):
        raises(lambda: list(chat(stream=stream, **what)), streamed if stream and streamed else kind)


check("chat", whole)
check("chat, streamed", streamed)
check("tools, called and answered", tools)
check("tools, streamed", tools_streamed)
check("JSON schema", schema)
check("log probabilities", logprobs)
check("completions", completions)
check("responses", responses)
check("responses, streamed", responses_streamed)
check("embeddings", embeddings)
if SHAPED:
    usual, c = c, openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, http_client=httpx2.Client(transport=Padded(), event_hooks={"response": [seen]}, timeout=120))
    check("questions of one size", lambda: padded(lambda: (whole(), streamed())))
    c = usual
check("models", models)
if DOOR == "key":
    wrong = c
    c = openai.OpenAI(base_url=BASE + "/v1", api_key="abt_wrong", max_retries=0)
    check("error: wrong key", lambda: whole_and_streamed(openai.AuthenticationError))
    c = wrong
check("error: unknown model", lambda: whole_and_streamed(openai.NotFoundError, model="no-such-model"))
check("error: too long", lambda: whole_and_streamed(openai.BadRequestError, SHAPED and openai.APIError, text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(chat(LONG + "openai py " + DOOR, stream=True, max_tokens=900)), openai.APIError))
refused("a model removed", lambda: c.models.delete(MODEL), openai.PermissionDeniedError, "abaton models rm")
refused("a parameter not served", lambda: chat(logit_bias={"50256": -100}), openai.BadRequestError, "logit_bias")
refused("files", lambda: c.files.list(), openai.NotFoundError, "")
