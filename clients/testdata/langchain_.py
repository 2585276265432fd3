"""Asks a server through LangChain, in the dialect that the argument names."""

import sys

from checks import *
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

DIALECT = sys.argv[1]
ASKED = [SystemMessage(TERSE), HumanMessage(QUESTION)]


class Town(BaseModel):
    """What is known of a town."""

    city: str
    big: bool


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny"


def llm(key=KEY, model=MODEL, tokens=40):
    """The model as the documentation of each package shows it."""
    if DIALECT == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(base_url=BASE + "/v1", api_key=key, model=model, temperature=0, max_tokens=tokens, max_retries=0, stream_usage=True)
    if DIALECT == "ollama":
        from langchain_ollama import ChatOllama

        kwargs = {"headers": {"Authorization": "Bearer " + key}} if DOOR == "key" else {}
        return ChatOllama(base_url=BASE, model=model, temperature=0, num_predict=tokens, client_kwargs=kwargs)
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(base_url=BASE, api_key=key, model=model, temperature=0, max_tokens=tokens, max_retries=0)


def whole():
    a = llm().invoke(ASKED)
    paris(a.text)
    assert a.usage_metadata["input_tokens"] and a.usage_metadata["output_tokens"], a


def streamed():
    pieces = list(llm().stream(ASKED))
    paris("".join(p.text for p in pieces))
    assert len(pieces) > 1 and any(p.usage_metadata for p in pieces), pieces[-1]


def tools():
    # Ollama's dialect cannot force a call: there an answer is a call or a text.
    forced = {} if DIALECT == "ollama" else {"tool_choice": "any"}
    a = llm(tokens=100).bind_tools([weather], **forced).invoke("What is the weather in Paris?")
    if DIALECT != "ollama":
        assert a.tool_calls and a.tool_calls[0]["name"] == "weather" and isinstance(a.tool_calls[0]["args"]["city"], str), a
    calls = a.tool_calls or [{"name": "weather", "args": {"city": "Paris"}, "id": "call_1", "type": "tool_call"}]
    talk = [HumanMessage("What is the weather in Paris?"), AIMessage("", tool_calls=calls), *(ToolMessage("sunny", tool_call_id=c["id"]) for c in calls)]
    b = llm().bind_tools([weather]).invoke(talk)
    assert b.text or b.tool_calls or b.response_metadata, b


def structured():
    a = llm(tokens=100).with_structured_output(Town).invoke("Is Paris a big city?")
    assert isinstance(a, Town), a


def embedded():
    if DIALECT == "openai":
        from langchain_openai import OpenAIEmbeddings

        # Without check_embedding_ctx_length it sends token numbers of OpenAI's own models.
        e = OpenAIEmbeddings(base_url=BASE + "/v1", api_key=KEY, model=EMBEDDER, check_embedding_ctx_length=False, max_retries=0)
    else:
        from langchain_ollama import OllamaEmbeddings

        e = OllamaEmbeddings(base_url=BASE, model=EMBEDDER, client_kwargs={"headers": {"Authorization": "Bearer " + KEY}} if DOOR == "key" else {})
    closer(e.embed_documents(["a cat", "a kitten", "the stock market"]))
    assert len(e.embed_query("a cat")) == 384


def errors():
    if DIALECT == "openai":
        import openai as sdk
    elif DIALECT == "anthropic":
        import anthropic as sdk
    else:
        from ollama import ResponseError

        return ResponseError, ResponseError, ResponseError, ResponseError
    return sdk.AuthenticationError, sdk.NotFoundError, sdk.BadRequestError, sdk.APIError


def both(kind, text=QUESTION, **what):
    """Wants the same class whole and streamed; frameworks make classes of their own from it."""
    for act in (lambda: llm(**what).invoke(text), lambda: list(llm(**what).stream(text))):
        e = raises(act, Exception, " ")
        assert isinstance(e, kind), repr(e)


def pasted():
    names = {}
    exec(os.environ["LINES"], names)
    assert names["model"].invoke(ASKED).text


wrong_key, unknown, too_long, broken = errors()
check("chat", whole)
if "LINES" in os.environ:
    check("chat, by the lines of `abaton connect`", pasted)
check("chat, streamed", streamed)
check("tools", tools)
check("structured answer", structured)
if DIALECT != "anthropic":
    check("embeddings", embedded)
if DOOR == "key":
    check("error: wrong key", lambda: both(wrong_key, key="abt_wrong"))
check("error: unknown model", lambda: both(unknown, model="no-such-model"))
check("error: too long", lambda: both(too_long, text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(llm(tokens=900).stream(LONG + "langchain " + DIALECT)), broken, " "))
