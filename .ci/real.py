"""Launches the simulator with each misbehaviour of the process, and holds what run and fuzz say of it against what they should.

Usage: real.py FOLDER [NAME...], the folder with both programs.
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

FOLDER = pathlib.Path(sys.argv[1]).resolve()
ONLY = sys.argv[2:]
SUITE = str(FOLDER / "portmaster-conformance")
# No run may take longer, whatever befalls its target: seconds.
LIMIT = 180


def launch(mutant=None):
    words = f"{FOLDER}/portmaster-simulator --listen {{addr}} --data {{data}} --control off --external-auth {{auth}}"
    return words + (f" --mutant {mutant}" if mutant else "")


def ended(words):
    """How a program ended that may take no longer than the limit, and what it said."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            # It ends its target, if it still can.
            process.send_signal(signal.SIGINT)
            try:
                said, _ = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            return "too late", said


def run(mutant):
    """The verdicts of a run on a target with that mutant, by check, and how it ended."""
    return asked("--launch", launch(mutant), *LESS.get(mutant, []))


def asked(*more):
    """The same of a run with these words."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.jsonl"
        words = [SUITE, "run", "--seed", "1", "--report", f"json={report}", *more]
        begun = time.time()
        status, said = ended(words)
        took = time.time() - begun
        lines = [json.loads(line) for line in report.read_text().splitlines()]
    checks = {line["id"]: line for line in lines if line.get("type") == "check"}
    return checks, status, said, took


def verdict(check):
    found = check["verdict"]
    return found if isinstance(found, str) else found.get("name", found)


def failed(checks):
    return {id for id, check in checks.items() if verdict(check) in ("fail", "error")}


# What a run says beside what it says of a simulator without misbehaviour: the failures, and words of their evidence.
RUNS = {
    "exits-on-restart": ([], []),
    "insert-panics": (["websocket/survives/insert-another-type"], ["panic: reflect.Set", "StructAccessor"]),
    "settings-deadlock": (["websocket/survives/settings-at-once"], ["setConfigOption", "unanswered for", "on its way:", "|config:"]),
    "slow-self-check": ([], []),
    "one-profile": ([], []),
    "drops-connections": (["target/dropped-connections"], ["ended without an answer"]),
    "slow-start": ([], []),
}
# What falls by the number of requests is whoever's doing that has sent many: one failure, of whatever name.
COUNTED = {
    "hangs": ["runWorker", "unanswered for"],
    "slows-down": ["a ping takes"],
    "forgets-settings": ["its keys are not known any more"],
}
# What takes long by itself is asked less: a start takes half a minute, and what asks hundreds of questions in a row meets answers that
# take ever longer.
LESS = {
    "slow-start": ["actions", "credentials", "websocket/config", "catalogue"],
    "slows-down": ["catalogue", "badges", "credentials", "content", "methods", "headers", "actions"],
}
# What fuzz finds within two minutes, untold.
FUZZED = {
    "insert-panics": ("crash", ["panic: reflect.Set"]),
    "settings-deadlock": ("hang", ["setConfigOption"]),
}


def fuzz(mutant, oracle, words):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "found"
        told = [SUITE, "fuzz", "--launch", launch(mutant), "--seed", "1", "--for", "40s", "--out", str(out)]
        begun = time.time()
        ended(told)
        took = time.time() - begun
        files = sorted(out.glob(f"{oracle}-*.json")) if out.exists() else []
        fitting = [file for file in files if all(word in file.read_text() for word in words)]
        if not fitting:
            return f"fuzz found nothing of it ({[file.name for file in files]})"
        replays = 0
        for _ in range(5):
            again = [SUITE, "fuzz", "replay", str(fitting[0]), "--launch", launch(mutant)]
            replays += ended(again)[0] == 1
        if replays < 5:
            return f"replayed {replays} of 5"
        print(f"     fuzz: {len(files)} of its kind in {took:.0f} s, replayed {replays} of 5")
    return None


def told(mutant, usual):
    """Whether a run says what it should of a mutant, and what it says."""
    checks, status, said, took = run(mutant)
    more = failed(checks) - usual
    if mutant in COUNTED:
        wanted, words = more, COUNTED[mutant]
        fine = len(more) == 1
    else:
        wanted, words = RUNS[mutant]
        # A check with so many connections that one of them is dropped twice over fails beside.
        fine = more >= set(wanted) if mutant == "drops-connections" else more == set(wanted)
    missing = "".join(f" without {word!r}" for word in words if word not in said)
    # Whatever ended it otherwise, it did not say what it should.
    fine = fine and status == (1 if failed(checks) else 0)
    return fine and not missing, f"{mutant}: {sorted(more)}, status {status}, {took:.0f} s{missing}"


def found(mutant):
    """The same of a fuzzer."""
    wrong = fuzz(mutant, *FUZZED[mutant])
    return wrong is None, f"fuzz {mutant}{': ' + wrong if wrong else ''}"


def main():
    with ThreadPoolExecutor(2) as pool:
        (plain, status, said, took), (own, *_) = (one.result() for one in (pool.submit(run, None), pool.submit(asked)))
    usual = failed(plain)
    # What is known of the suite's own simulators is no surprise there.
    like = lambda check: verdict(check).replace("expected-failure", "fail")
    # One target for all has one world; what another check used up, or another world shows, is not there to be seen.
    unseen = lambda check: check.get("reason") in ("nothing-to-see", "no-success")
    differs = lambda id: id not in own or id not in plain or (like(own[id]) != like(plain[id]) and not unseen(plain[id]))
    differing = sorted(id for id in plain.keys() | own.keys() if differs(id))
    bad = bool(differing) or status != (1 if usual else 0)
    print(f"{'BAD ' if bad else 'ok  '} none: {len(plain)} checks, {sorted(usual)}, otherwise than embedded {differing}, status {status}, {took:.0f} s", flush=True)
    of = lambda names: [name for name in names if not ONLY or name in ONLY]
    # They wait most of the time. What takes longest begins first.
    order = sorted(of([*RUNS, *COUNTED]), key=lambda name: not name.startswith("slow-"))
    with ThreadPoolExecutor(5) as pool:
        doings = [pool.submit(told, mutant, usual) for mutant in order] + [pool.submit(found, one) for one in of(FUZZED)]
        for doing in as_completed(doings):
            fine, text = doing.result()
            bad += not fine
            print("ok  " if fine else "BAD ", text, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
