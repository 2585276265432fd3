"""Asks a server through Anthropic's own library for Python."""

import anthropic
from checks import *
from padded import Padded, httpx2

c = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0, timeout=120)


def arguments(text=QUESTION, **more):
    return dict(dict(model=MODEL, system=TERSE, messages=[{"role": "user", "content": text}], max_tokens=40), **more)


def ask(*args, **more):
    return c.messages.create(**arguments(*args, **dict(dict(extra_body={"temperature": 0}), **more)))


def whole():
    a = ask()
    paris(a.content[0].text)
    assert a.type == "message" and a.stop_reason == "end_turn" and a.usage.input_tokens and a.usage.output_tokens and a.model == MODEL, a


def streamed():
    with c.messages.stream(**arguments(extra_body={"temperature": 0})) as s:
        pieces = list(s.text_stream)
        end = s.get_final_message()
    paris("".join(pieces))
    assert len(pieces) > (0 if SHAPED else 1) and end.stop_reason == "end_turn" and end.usage.output_tokens, end


TOOL = {"name": "weather", "description": "The weather of a city.", "input_schema": PLACE}
WEATHER = dict(text="What is the weather in Paris?", tools=[TOOL], tool_choice={"type": "any"}, max_tokens=100)


def called(a):
    call = next(b for b in a.content if b.type == "tool_use")
    assert call.name == "weather" and isinstance(call.input["city"], str) and a.stop_reason == "tool_use", a


def tools():
    a = ask(**WEATHER)
    called(a)
    calls = [b for b in a.content if b.type == "tool_use"]  # there may be several
    messages = [
        {"role": "user", "content": WEATHER["text"]},
        {"role": "assistant", "content": a.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": b.id, "content": "sunny"} for b in calls]},
    ]
    assert ask(messages=messages, tools=[TOOL]).content


def tools_streamed():
    with c.messages.stream(**arguments(**WEATHER)) as s:
        called(s.get_final_message())


def schema():
    a = ask("Is Paris a big city?", max_tokens=100, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    fits(a.content[0].text)


def count():
    n = c.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": QUESTION}]).input_tokens
    more = c.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": QUESTION * 2}]).input_tokens
    assert 0 < n < more, (n, more)


def models():
    assert MODEL in [m.id for m in c.models.list()]
    assert c.models.retrieve(MODEL).id == MODEL


def both(kind, streamed=None, **what):
    for stream in (False, True):
        raises(lambda: list(ask(stream=stream, **what)), streamed if stream and streamed else kind)


check("messages", whole)
check("messages, streamed", streamed)
check("tools, called and answered", tools)
check("tools, streamed", tools_streamed)
check("JSON schema", schema)
check("count_tokens", count)
check("models", models)
if SHAPED:
    usual, c = c, anthropic.Anthropic(base_url=BASE, api_key=KEY, http_client=httpx2.Client(transport=Padded(), event_hooks={"response": [seen]}, timeout=120))
    check("questions of one size", lambda: padded(lambda: (whole(), streamed())))
    c = usual
if DOOR == "key":
    right = c
    c = anthropic.Anthropic(base_url=BASE, auth_token=KEY, api_key=None, max_retries=0)
    check("messages, as a bearer token", whole)
    c = anthropic.Anthropic(base_url=BASE, api_key="abt_wrong", max_retries=0)
    check("error: wrong key", lambda: both(anthropic.AuthenticationError))
    c = right
check("error: unknown model", lambda: both(anthropic.NotFoundError, model="no-such-model"))
check("error: too long", lambda: both(anthropic.BadRequestError, SHAPED and anthropic.APIStatusError, text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(ask(LONG + "anthropic py " + DOOR, stream=True, max_tokens=900)), anthropic.APIError, "was killed"))
refused("batches", lambda: c.messages.batches.list(), anthropic.NotFoundError, "")
