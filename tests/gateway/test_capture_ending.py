"""The end of a stream is seen with the piece that brings it, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capture.ending import Ending

STREAMS = {
    "chat": b'data: {"choices":[{"delta":{"content":"event: message_stop\\n"}}]}\n\ndata: [DONE]\n\n',
    "completions": b'data: {"choices":[]}\r\n\r\ndata:[DONE]\r\n\r\n',
    "responses": b'event: response.output_text.delta\ndata: {"delta":"[DONE]"}\n\n'
    b'event: response.completed\ndata: {"response":{"output":[]}}\n\n',
    "messages": b'event: ping\ndata: {"type": "ping"}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
}
SHORTEST = {
    "chat": b"data: [DONE]",
    "completions": b"data:[DONE]",
}  # the mark is the end; elsewhere the blank line is


@pytest.mark.parametrize("surface", STREAMS)
@given(cuts=st.lists(st.integers(1, 200), max_size=8))
def test_the_end_comes_with_its_piece(surface, cuts):
    stream = STREAMS[surface]
    needed = stream.index(SHORTEST[surface]) + len(SHORTEST[surface]) if surface in SHORTEST else len(stream)
    places = sorted({cut for cut in cuts if cut < len(stream)} | {len(stream)})
    ending, at = Ending(surface), 0
    for place in places:
        assert ending.came_with(stream[at:place]) == (place >= needed)
        at = place
