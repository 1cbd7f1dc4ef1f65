"""Reads the simulator's documents and metrics as other programs do; called by `.ci/documents`."""

import json
import pathlib
import subprocess
import sys
import urllib.request

import jsonschema_rs
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from prometheus_client.parser import text_string_to_metric_families

CONTRACTS = sorted(folder.name for folder in pathlib.Path("fixtures/contracts").iterdir())


def printed(simulator, what, contract):
    return json.loads(subprocess.check_output([simulator, what, "--contract", contract]))


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def metrics(text):
    """Every family has a name, and no sample comes twice. What is no metric the parser refuses."""
    seen = set()
    for family in text_string_to_metric_families(text):
        assert family.samples, f"{family.name} has no sample"
        for sample in family.samples:
            one = (sample.name, *sorted(sample.labels.items()))
            assert one not in seen, f"{one} comes twice"
            seen.add(one)
    return len(seen)


def served(simulator, contract):
    """The metrics, and the control plane's description of itself."""
    command = [simulator, "--listen", "127.0.0.1:0", "--contract", contract, "--dev-mode", "--ready", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            ready = json.loads(server.stdout.readline())
            count = metrics(get(ready["api"] + "/metrics?level=developer"))
            assert count > 10, f"{contract}: only {count} metrics"
            control = json.loads(get(ready["control"] + "/openapi.json"))
        finally:
            server.kill()
    return count, control


def main(simulator, asyncapi):
    schema = pathlib.Path(asyncapi)
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text())) if schema.exists() else None
    for contract in CONTRACTS:
        validate(printed(simulator, "openapi", contract), cls=OpenAPIV31SpecValidator)
        if validator:
            validator.validate(printed(simulator, "asyncapi", contract))
        count, control = served(simulator, contract)
        validate(control, cls=OpenAPIV31SpecValidator)
        print(f"{contract}: OpenAPI, {'AsyncAPI, ' if validator else ''}{count} metrics")


main(*sys.argv[1:])
