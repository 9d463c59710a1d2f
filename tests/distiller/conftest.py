import pytest
from slowpath import House


@pytest.fixture
def house(tmp_path):
    made = House.make(tmp_path)
    yield made
    made.close()
