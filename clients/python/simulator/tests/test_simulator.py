import urllib.error
import urllib.request

import pytest

from portmaster_simulator import Simulator, SimulatorError


def get(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.simulator(contract="v2.2", clock="manual", dev_mode=True, seed=7)
def test_answers_changes_and_tells_what_was_asked(simulator):
    assert get(simulator.url + "/api/v1/ping") == (200, "Pong.\n")
    assert simulator.seed == 7
    simulator.change({"network": {"online": "offline"}})
    assert simulator.state("network/online") == "offline"
    simulator.patch({"network": {"online": "portal"}})
    assert simulator.state("network/online") == "portal"
    simulator.advance("5m")
    simulator.wait_for(path="ping")
    assert len(simulator.journal(path="ping")) == 1


def test_a_world_is_kept_and_put_back(simulator):
    before = simulator.fingerprint()
    restore = simulator.snapshot("calm")
    simulator.change({"network": {"online": "offline"}})
    assert simulator.fingerprint() != before
    restore()
    assert simulator.fingerprint() == before
    simulator.load("captive-portal")
    assert simulator.state("network/online") == "portal"
    simulator.reset()


def test_faults_come_and_go(simulator):
    mend = simulator.fault({"when": {"path": "ping"}, "effect": {"status": 503}})
    assert get(simulator.url + "/api/v1/ping")[0] == 503
    mend()
    assert get(simulator.url + "/api/v1/ping")[0] == 200


def test_mistakes_say_what_is_wrong(simulator):
    with pytest.raises(SimulatorError, match="(?s)status 2.*nowhere"):
        Simulator(scenario="nowhere")
    with pytest.raises(SimulatorError, match="cannot be started"):
        Simulator(binary="/does/not/exist")
    with pytest.raises(SimulatorError, match="netwerk") as refused:
        simulator.change({"netwerk": {}})
    assert refused.value.status == 400
    with pytest.raises(SimulatorError, match="expected 1, found 0"):
        simulator.wait_for(path="dns/clear", timeout="0s")


@pytest.mark.simulator(scenario={"name": "mine", "about": "Mine.", "network": {"online": "limited"}})
class TestAScenarioOfItsOwn:
    def test_as_a_dict(self, simulator):
        assert simulator.state("network/online") == "limited"

    @pytest.mark.simulator(scenario="captive-portal")
    def test_a_nearer_marker_wins(self, simulator):
        assert simulator.state("network/online") == "portal"
