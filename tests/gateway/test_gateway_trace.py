import pytest

from gateway import trace
from gateway.translate import Untranslatable

ASKED = {
    "chat": {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    },
    "responses": {"model": "m", "instructions": "Be brief.", "input": "Hi", "store": False},
    "messages": {
        "model": "m",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hi"}],
    },
}


@pytest.mark.parametrize("surface", ASKED)
def test_the_same_question_is_the_same_messages_on_every_surface(surface):
    assert trace.request(surface, ASKED[surface])["messages"] == ASKED["chat"]["messages"]


def test_a_continued_response_has_the_head_of_one_that_begins():
    going_on = {**ASKED["responses"], "previous_response_id": "resp_1"}
    with pytest.raises(Untranslatable, match="stateful"):
        trace.request("responses", going_on)
    assert (
        trace.request("responses", trace.alone("responses", going_on))["messages"][0]["content"]
        == "Be brief."
    )


def test_what_is_not_understood_has_no_trace():
    with pytest.raises(Untranslatable, match="opaque"):
        trace.request("embeddings", {})
    with pytest.raises(Untranslatable, match="opaque"):
        trace.completion("opaque", {})
