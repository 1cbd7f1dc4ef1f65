"""One simulator, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

NAME = "portmaster-simulator" + (".exe" if sys.platform == "win32" else "")


class SimulatorError(Exception):
    """The simulator does not start, or its control plane refused.

    `status` is the HTTP status or None, `problem` all that the answer said.
    """

    def __init__(self, message, status=None, problem=None):
        super().__init__(message)
        self.status = status
        self.problem = problem


def find_binary():
    """The path of the program: `PORTMASTER_SIMULATOR`, the one that came with this package, or the one on PATH."""
    told = os.environ.get("PORTMASTER_SIMULATOR")
    if told:
        return told
    for scheme in [sysconfig.get_default_scheme(), *sysconfig.get_scheme_names()]:
        path = Path(sysconfig.get_path("scripts", scheme)) / NAME
        if path.is_file():
            return str(path)
    found = shutil.which(NAME)
    if found is None:
        raise SimulatorError(f"no {NAME} found: PORTMASTER_SIMULATOR is not set, and neither this Python nor PATH has it")
    return found


class Simulator:
    """A simulated core. Use it in a `with` block, or call `stop`.

    `scenario` is the name of a bundled one, a YAML file, or a scenario itself as a dict; `set` has options of the core by
    key; whatever is left out is as on the command line, and `args` are further flags.
    """

    def __init__(self, *, scenario=None, contract=None, seed=None, clock=None, start=None, dev_mode=False, api_keys=(),
                 external_auth=None, ui=None, assets=None, set=None, listen="127.0.0.1:0", args=(), binary=None):
        command = [binary or find_binary(), "--listen", listen, "--control", "127.0.0.1:0", "--ready", "json"]
        with tempfile.TemporaryDirectory(prefix="portmaster-simulator-") as folder:
            if isinstance(scenario, dict):
                file = Path(folder) / "scenario.yaml"
                file.write_text(json.dumps(scenario))  # JSON is YAML, too.
                scenario = file
            flags = {"scenario": scenario, "contract": contract, "seed": seed, "clock": clock, "start": start,
                     "external-auth": external_auth, "ui": ui, "assets": assets}
            for flag, value in flags.items():
                if value is not None:
                    command += [f"--{flag}", str(value)]
            for key, value in (set or {}).items():
                command += ["--set", f"{key}={json.dumps(value)}"]
            for key in api_keys:
                command += ["--api-key", key]
            if dev_mode:
                command.append("--dev-mode")
            with tempfile.TemporaryFile() as said:
                try:
                    self._process = subprocess.Popen([*command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
                except OSError as error:
                    raise SimulatorError(f"{command[0]} cannot be started: {error}") from error
                line = self._process.stdout.readline()
                if not line:
                    status = self._process.wait()
                    said.seek(0)
                    text = said.read().decode(errors="replace").strip()
                    self._process.stdout.close()
                    raise SimulatorError(f"the simulator ended with status {status}\n{text}")
        ready = json.loads(line)
        # It says more when it restarts: somebody has to read.
        threading.Thread(target=self._drain, daemon=True).start()
        #: The address of the API, `http://127.0.0.1:…`.
        self.url = ready["api"]
        #: The address of the control plane.
        self.control_url = ready["control"]
        #: The seed of all chance.
        self.seed = ready["seed"]

    def _drain(self):
        with self._process.stdout as output:
            for _ in output:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it. Stopping twice is stopping once."""
        self._process.terminate()
        self._process.wait()

    def control(self, method, path, body=None):
        """Asks the control plane for anything; its `/openapi.json` says what there is. The answer is parsed JSON or None."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                text = refusal.read()
            try:
                problem = json.loads(text)
                message = problem["detail"]
            except (ValueError, KeyError, TypeError):
                problem, message = text.decode(errors="replace"), f"{method} {path}: {refusal}"
            raise SimulatorError(message, refusal.code, problem) from None
        return json.loads(text) if text else None

    def change(self, change):
        """Something happens now, in the words of a scenario's timeline: all of it, or nothing."""
        self.control("POST", "/changes", change)

    def patch(self, patch):
        """Changes the state by a JSON Merge Patch; None takes away."""
        self.control("PATCH", "/state", patch)

    def state(self, path=""):
        """The world in the words of scenarios, whole or below a path such as `network/online`."""
        return self.control("GET", f"/state/{path}".rstrip("/"))

    def advance(self, by):
        """Moves the clock on by a span such as `5m`; what is due on the way happens first. The new instant."""
        return self.control("POST", "/clock/advance", {"by": by})["now"]

    def load(self, scenario):
        """Begins another world, by name or as a dict; clients stay connected."""
        self.control("PUT", "/scenario", {"scenario" if isinstance(scenario, dict) else "name": scenario})

    def reset(self):
        """Everything as at the beginning: world, clock, rules, faults, journal."""
        self.control("POST", "/reset")

    def fault(self, fault):
        """Something goes wrong from now on. Returns what takes it back."""
        index = self.control("POST", "/faults", fault)["index"]
        return lambda: self.control("DELETE", f"/faults/{index}")

    def snapshot(self, name=None):
        """Keeps the world as it is. Returns what puts it back."""
        kept = self.control("POST", "/snapshots", {} if name is None else {"name": name})["id"]
        return lambda: self.control("POST", f"/snapshots/{kept}/restore")

    def fingerprint(self):
        """The digest of the world: equal worlds have equal ones."""
        return self.control("GET", "/fingerprint")["fingerprint"]

    def wait_for(self, count=1, timeout="5s", **match):
        """Waits until so many entries of the journal fit: `wait_for(method="POST", path="dns/clear")`.

        Raises SimulatorError with the near misses when they do not in time.
        """
        self.control("POST", "/journal/wait", {"match": match, "count": count, "timeout": timeout})

    def journal(self, **match):
        """The entries that fit, oldest first: `journal(path="ping")`."""
        return self.control("GET", "/journal?" + urllib.parse.urlencode(match))["entries"]
