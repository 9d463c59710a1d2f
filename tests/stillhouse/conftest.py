"""The fixtures of a teacher and a house; what they are made of stands in `housekit`."""

import threading

import pytest
import yaml
from housekit import Teacher, Up, free_port


@pytest.fixture
def teacher():
    server = Teacher()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def house(tmp_path, teacher):
    """A configured house that is not started yet."""
    up = Up(
        folder=tmp_path,
        config=tmp_path / "stillhouse.yaml",
        gateway_port=free_port(),
        control_port=free_port(),
    )
    up.config.write_text(
        yaml.safe_dump(
            {
                "data": str(up.data),
                "gateway": {"port": up.gateway_port, "workers": 1},
                "control": {"port": up.control_port},
                "upstreams": [{"name": "local", "base_url": teacher.url}],
            }
        )
    )
    yield up
    if up.process is not None:
        up.stop()
