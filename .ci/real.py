"""Launches the simulator with each misbehaviour of the process, and holds what run and fuzz say of it against what they should.

Usage: real.py FOLDER [NAME...], the folder with both programs.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

FOLDER = pathlib.Path(sys.argv[1]).resolve()
ONLY = sys.argv[2:]
SUITE = str(FOLDER / "portmaster-conformance")


def launch(mutant=None):
    words = f"{FOLDER}/portmaster-simulator --listen {{addr}} --data {{data}} --control off"
    return words + (f" --mutant {mutant}" if mutant else "")


def run(mutant):
    """The verdicts of a run on a target with that mutant, by check, and how it ended."""
    return asked("--launch", launch(mutant))


def asked(*more):
    """The same of a run with these words."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.jsonl"
        words = [SUITE, "run", "--seed", "1", "--report", f"json={report}", *more]
        begun = time.time()
        ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900)
        lines = [json.loads(line) for line in report.read_text().splitlines()]
    checks = {line["id"]: line for line in lines if line.get("type") == "check"}
    return checks, ended.returncode, ended.stdout + ended.stderr, time.time() - begun


def verdict(check):
    found = check["verdict"]
    return found if isinstance(found, str) else found.get("name", found)


def failed(checks):
    return {id for id, check in checks.items() if verdict(check) in ("fail", "error")}


# What a run says beside what it says of a simulator without misbehaviour: the failures, and words of their evidence.
RUNS = {
    "exits-on-restart": ([], []),
    "insert-panics": (["websocket/survives/insert-another-type"], ["panic: reflect.Set", "StructAccessor"]),
    "settings-deadlock": (["websocket/survives/settings-at-once"], ["setConfigOption", "unanswered for 10 s"]),
    "slow-self-check": ([], []),
    "one-profile": ([], []),
    "drops-connections": (["target/dropped-connections"], ["ended without an answer"]),
    "slow-start": ([], []),
}
# What falls by the number of requests is whoever's doing that has sent many: one failure, of whatever name.
COUNTED = {
    "hangs": ["runWorker", "unanswered for 10 s"],
    "slows-down": ["a ping takes"],
    "forgets-settings": ["its keys are not known any more"],
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
        subprocess.run(told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        took = time.time() - begun
        files = sorted(out.glob(f"{oracle}-*.json")) if out.exists() else []
        fitting = [file for file in files if all(word in file.read_text() for word in words)]
        if not fitting:
            return f"fuzz found nothing of it ({[file.name for file in files]})"
        replays = 0
        for _ in range(5):
            again = [SUITE, "fuzz", "replay", str(fitting[0]), "--launch", launch(mutant)]
            replays += subprocess.run(again, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300).returncode == 1
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
    return fine and not missing, f"{mutant}: {sorted(more)}, status {status}, {took:.0f} s{missing}"


def found(mutant):
    """The same of a fuzzer."""
    wrong = fuzz(mutant, *FUZZED[mutant])
    return wrong is None, f"fuzz {mutant}{': ' + wrong if wrong else ''}"


def main():
    plain, status, said, took = run(None)
    own, *_ = asked()
    usual = failed(plain)
    # What is known of the suite's own simulators is no surprise there.
    same = usual == {id for id, check in own.items() if verdict(check) in ("fail", "error", "expected-failure")}
    # A program's own authenticator is all that a launched target cannot be given.
    closed = [id for id, check in plain.items() if check.get("reason") == "not-in-development-mode"]
    bad = not same or bool(closed)
    print(f"{'BAD ' if bad else 'ok  '} none: {len(plain)} checks, {sorted(usual)}, {len(closed)} closed, status {status}, {took:.0f} s", flush=True)
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
