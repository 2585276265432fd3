"""Asks a server through instructor: answers as Python objects."""

from checks import *
import instructor
import openai
from pydantic import BaseModel


class Town(BaseModel):
    """What is known of a town."""

    city: str
    big: bool


def client(mode, key=KEY):
    return instructor.from_openai(openai.OpenAI(base_url=BASE + "/v1", api_key=key, max_retries=0, timeout=120), mode=mode)


def ask(mode, **more):
    return client(mode, more.pop("key", KEY)).chat.completions.create(
        **dict(dict(model=MODEL, response_model=Town, max_retries=0, temperature=0, max_tokens=100, messages=[{"role": "user", "content": "Is Paris a big city?"}]), **more)
    )


def structured(mode):
    a = ask(mode)
    assert isinstance(a, Town), a


def partial():
    *_, last = ask(instructor.Mode.JSON_SCHEMA, response_model=instructor.Partial[Town], stream=True)
    assert isinstance(last.city, str) and isinstance(last.big, bool), last


def fails(kind, **what):
    e = raises(lambda: ask(instructor.Mode.TOOLS, **what), Exception, " ")
    causes = [e]
    while causes[-1].__cause__ or causes[-1].__context__:
        causes.append(causes[-1].__cause__ or causes[-1].__context__)
    assert any(isinstance(c, kind) for c in causes), repr(e)


check("structured answer", lambda: structured(instructor.Mode.JSON_SCHEMA))
check("structured answer, by tools", lambda: structured(instructor.Mode.TOOLS))
check("structured answer, streamed", partial)
if DOOR == "key":
    check("error: wrong key", lambda: fails(openai.AuthenticationError, key="abt_wrong"))
check("error: unknown model", lambda: fails(openai.NotFoundError, model="no-such-model"))
