"""What schemathesis is kept from, with the reason for each, and checks of its own with named exceptions."""

import fnmatch
import pathlib
import re

import schemathesis
import yaml
from schemathesis.checks import not_a_server_error
from schemathesis.openapi.checks import UnsupportedMethodResponse
from schemathesis.specs.openapi.checks import unsupported_method

# Cores say with 500 what their callers did wrong. Which texts are answers, and why, is what the fuzzer goes by, too.
FUZZ = pathlib.Path("conformance/src/fuzz/expectations.yaml")
ANSWERS = [
    (one["endpoint"], one.get("status", 500), re.compile(one["text"]))
    for one in yaml.safe_load(FUZZ.read_text())["errors"]
]


def slug(path):
    """An endpoint's path as the fuzzer names it: `/dns/cache/{query}` is `dns/cache/:query`."""
    return re.sub(r"\{(\w+)\}", r":\1", path.removeprefix("/"))


@schemathesis.check
def no_accident(ctx, response, case):
    """In the place of `not_a_server_error`: no status of 500 or more but the listed ones. HEAD has the status alone."""
    if response.status_code < 500 or response.request.method == "HEAD":
        return None
    for endpoint, status, text in ANSWERS:
        if (
            fnmatch.fnmatchcase(slug(case.operation.path), endpoint)
            and status == response.status_code
            and text.search(response.text)
        ):
            return None
    return not_a_server_error(ctx, response, case)


@schemathesis.check
def undeclared_method_refused(ctx, response, case):
    """In the place of `unsupported_method`: 405, without the header Allow, which cores never send (core-1.x §5.5)."""
    try:
        return unsupported_method(ctx, response, case)
    except UnsupportedMethodResponse as fault:
        if fault.failure_reason == "missing_allow_header":
            return None
        # Questions know the method, and refuse it in their own way (netquery §1).
        asks = case.operation.path.startswith(("/netquery/query", "/netquery/charts/"))
        # A picture is sent with one that has no body, and misses it (core-2.2 §6.6).
        sends = case.operation.path == "/profile/icon"
        if asks and response.status_code == 400 and fault.method in ("DELETE", "HEAD"):
            return None
        if sends and response.status_code == 400 and fault.method == "DELETE":
            return None
        raise


@schemathesis.serializer("image/png")
def picture(ctx, value):
    """Whatever the bytes are, but for none: what draws them does not heed `minLength`."""
    return (value if isinstance(value, bytes) else str(value).encode()) or b"\0"
