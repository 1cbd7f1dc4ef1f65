"""What schemathesis is kept from, with the reason for each."""

import schemathesis
from hypothesis import strategies as st


def lasting(value):
    """The same without `shutdown: true`, which ends the simulator, as it should: nothing could be asked after it."""
    if isinstance(value, dict):
        return {key: lasting(member) for key, member in value.items() if not (key == "shutdown" and member is True)}
    if isinstance(value, list):
        return [lasting(member) for member in value]
    return value


@schemathesis.hook
def before_call(context, case, kwargs):
    case.body = lasting(case.body)
    if case.operation.path == "/journal/wait" and isinstance(case.body, dict) and "timeout" in case.body:
        # The same, sooner: a wait may last ten minutes.
        case.body["timeout"] = "10ms" if isinstance(case.body["timeout"], str) else case.body["timeout"]


# Formats that JSON Schema has no name for, as the simulator's types call them.
schemathesis.openapi.format("ip", st.ip_addresses().map(str))
schemathesis.openapi.format("net", st.ip_addresses(v=4).map(lambda ip: f"{ip}/32"))
