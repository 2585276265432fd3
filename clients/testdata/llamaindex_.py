"""Asks a server through LlamaIndex, in the dialect that the argument names."""

import sys

from checks import *
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

DIALECT = sys.argv[1]
ASKED = [ChatMessage(role="system", content=TERSE), ChatMessage(role="user", content=QUESTION)]


class Town(BaseModel):
    """What is known of a town."""

    city: str
    big: bool


def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny"


def llm(key=KEY, model=MODEL, tokens=40):
    if DIALECT == "openai":
        from llama_index.llms.openai_like import OpenAILike

        return OpenAILike(api_base=BASE + "/v1", api_key=key, model=model, is_chat_model=True, is_function_calling_model=True, temperature=0, max_tokens=tokens, max_retries=0)
    from llama_index.llms.ollama import Ollama

    return Ollama(client=client(key), model=model, temperature=0, context_window=2048, additional_kwargs={"num_predict": tokens})


def client(key=KEY):
    """Where an Ollama asks for a key, LlamaIndex takes a client that sends it."""
    import ollama

    return ollama.Client(host=BASE, headers={"Authorization": "Bearer " + key} if DOOR == "key" else {}, timeout=120)


def embedder():
    if DIALECT == "openai":
        from llama_index.embeddings.openai_like import OpenAILikeEmbedding

        return OpenAILikeEmbedding(api_base=BASE + "/v1", api_key=KEY, model_name=EMBEDDER, max_retries=0)
    from llama_index.embeddings.ollama import OllamaEmbedding

    headers = {"headers": {"Authorization": "Bearer " + KEY}} if DOOR == "key" else {}
    return OllamaEmbedding(base_url=BASE, model_name=EMBEDDER, client_kwargs=headers)


def whole():
    paris(llm().chat(ASKED).message.content)


def streamed():
    pieces = list(llm().stream_chat(ASKED))
    paris(pieces[-1].message.content)
    assert len(pieces) > 1, pieces


def pasted():
    names = {}
    exec(os.environ["LINES"], names)
    assert names["model"].chat(ASKED).message.content


def tools():
    forced = {"tool_required": True} if DIALECT == "openai" else {}
    a = llm(tokens=100).chat_with_tools([FunctionTool.from_defaults(weather)], user_msg="What is the weather in Paris?", **forced)
    calls = llm().get_tool_calls_from_response(a, error_on_no_tool_call=False)
    if DIALECT == "openai":
        assert calls and calls[0].tool_name == "weather" and isinstance(calls[0].tool_kwargs["city"], str), a


def structured():
    a = llm(tokens=100).as_structured_llm(Town).complete("Is Paris a big city?")
    assert isinstance(a.raw, Town), a


def embedded():
    e = embedder()
    closer(e.get_text_embedding_batch(["a cat", "a kitten", "the stock market"]))


def answered():
    """Documents are embedded, found and answered from: what the framework is for."""
    index = VectorStoreIndex.from_documents([Document(text="The lighthouse keeper is called Ines."), Document(text="Bread is made of flour.")], embed_model=embedder())
    a = index.as_query_engine(llm=llm(), similarity_top_k=1).query("Who keeps the lighthouse?")
    assert "Ines" in a.source_nodes[0].text and a.response, a


def both(kind, text=QUESTION, **what):
    for act in (lambda: llm(**what).complete(text), lambda: list(llm(**what).stream_complete(text))):
        e = raises(act, Exception, " ")
        assert isinstance(e, kind), repr(e)


if DIALECT == "openai":
    import openai

    errors = openai.AuthenticationError, openai.NotFoundError, openai.BadRequestError, openai.APIError
else:
    from ollama import ResponseError

    errors = (ResponseError,) * 4
wrong_key, unknown, too_long, broken = errors
check("chat", whole)
if "LINES" in os.environ:
    check("chat, by the lines of `abaton connect`", pasted)
check("chat, streamed", streamed)
check("tools", tools)
check("structured answer", structured)
check("embeddings", embedded)
check("documents found and answered from", answered)
if DOOR == "key":
    check("error: wrong key", lambda: both(wrong_key, key="abt_wrong"))
check("error: unknown model", lambda: both(unknown, model="no-such-model"))
check("error: too long", lambda: both(too_long, text=TOO_LONG))
check("error in the middle of a stream", lambda: raises(lambda: break_off(llm(tokens=900).stream_complete(LONG + "llamaindex " + DIALECT)), broken, " "))
