"""The fixture `simulator`: a core for each test, started as its marker says."""

import pytest

from .simulator import Simulator


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "simulator(**options): how the fixture `simulator` is started, as portmaster_simulator.Simulator takes it"
    )


@pytest.fixture
def simulator(request):
    """A simulated Portmaster core, stopped after the test. Markers nearer to the test win."""
    options = {}
    for marker in reversed(list(request.node.iter_markers("simulator"))):
        options.update(marker.kwargs)
    with Simulator(**options) as running:
        yield running
