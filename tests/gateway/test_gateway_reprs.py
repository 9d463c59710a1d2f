"""What a traceback or a log may show of a call's values: neither what an app said nor a credential."""

import pytest

from gateway.bodies import Body
from gateway.upstream.port import Outgoing
from gateway.wire import parse

SAID = b'{"model": "m", "messages": [{"role": "user", "content": "planted"}]}'


@pytest.mark.parametrize(
    "value",
    [
        parse(SAID, max_depth=16),
        Body(sent=SAID, plain=SAID),
        Outgoing(method="POST", url="http://u/?key=planted", headers=((b"api-key", b"planted"),), body=SAID),
    ],
)
def test_a_value_is_named_not_told(value):
    assert "planted" not in repr(value)
