"""Checks a Portmaster core against its API's contract: `run(url)` returns a Report."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Check", "ConformanceError", "Report", "find_binary", "run"]

NAME = "portmaster-conformance" + (".exe" if sys.platform == "win32" else "")


class ConformanceError(Exception):
    """The suite could not do its work: a wrong flag, a target that cannot be reached, nothing selected.

    `status` is the exit status of the program.
    """

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Check:
    """One check and what came of it. `line` has all that the report says, such as `expected`, `got` and `curl`."""

    id: str
    family: str
    level: str
    verdict: str
    sentence: str
    line: dict


@dataclass(frozen=True)
class Report:
    """What a run found."""

    target: str
    contract: str
    checks: list
    summary: dict

    @property
    def failures(self):
        """The checks that failed, unexpectedly passed, or could not be done."""
        return [check for check in self.checks if check.verdict in ("fail", "stale", "error")]

    @property
    def ok(self):
        """Whether nothing failed."""
        return not self.failures


def find_binary():
    """The path of the program: `PORTMASTER_CONFORMANCE`, the one that came with this package, or the one on PATH."""
    told = os.environ.get("PORTMASTER_CONFORMANCE")
    if told:
        return told
    for scheme in [sysconfig.get_default_scheme(), *sysconfig.get_scheme_names()]:
        path = Path(sysconfig.get_path("scripts", scheme)) / NAME
        if path.is_file():
            return str(path)
    found = shutil.which(NAME)
    if found is None:
        raise ConformanceError(f"no {NAME} found: PORTMASTER_CONFORMANCE is not set, and neither this Python nor PATH has it", 127)
    return found


def run(url=None, *, select=(), contract=None, user_key=None, admin_key=None, allow=(), seed=None, baseline=None, args=()):
    """Checks the core at `url` (an embedded simulator without) and returns a Report.

    `select` are ids and selectors of checks, `allow` has `"writes"` or `"disruptive"`, `args` are further flags. Failing
    checks are no exception: look at `report.failures`.
    """
    with tempfile.TemporaryDirectory(prefix="portmaster-conformance-") as folder:
        file = Path(folder) / "report.jsonl"
        command = [find_binary(), "run", "--report", f"json={file}"]
        flags = {"target": url, "contract": contract, "seed": seed, "baseline": baseline}
        for flag, value in flags.items():
            if value is not None:
                command += [f"--{flag}", str(value)]
        for what in allow:
            command += ["--allow", what]
        # Keys go by the environment, where no list of processes shows them.
        secrets = {"USER_KEY": user_key, "ADMIN_KEY": admin_key}
        environment = os.environ | {name: key for name, key in secrets.items() if key is not None}
        done = subprocess.run([*command, *args, *select], env=environment, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode not in (0, 1, 5):
            raise ConformanceError(done.stderr.decode(errors="replace").strip(), done.returncode)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
    head = next(line for line in lines if line["type"] == "run")
    fields = ("id", "family", "level", "verdict", "sentence")
    checks = [Check(*(line[field] for field in fields), line) for line in lines if line["type"] == "check"]
    summary = next(line for line in lines if line["type"] == "summary")
    return Report(head["target"], head["contract"], checks, summary)
