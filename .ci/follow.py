"""Follows a page word for word in a folder: follow.py PAGE FOLDER.

A code block that begins with a comment which is the name of a file (`// status.mjs`, `# test_core.py`, `<!-- index.html -->`) is
written there. Each `$ line` of a console block is run by a shell in the folder, and what it prints, standard error included, has to
be the lines below it; `…` stands for anything, a port of 127.0.0.1 above 30000 for any, and a line may be broken where it has a space.
A line `$ NAME=value` holds for those after it; a line `$ program &` goes on in the background until another such line, or the page,
ends it. Exit status 1 when something else was printed. Blocks with other languages are for reading.
"""
import os, re, select, signal, subprocess, sys
from pathlib import Path

page, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
wrong = ran = 0
background = None
# Pages show curl without the switch that keeps it from drawing how far it is.
(folder / ".curlrc").write_text("silent\nshow-error\n")
os.environ["CURL_HOME"] = str(folder.resolve())


def pattern(lines):
    # A line of `…` alone may stand for no line at all.
    text = re.sub(r"(?m)^…\n", "…", "\n".join(lines).strip())
    words = ".*?".join(map(re.escape, text.split("…")))
    words = re.sub(r"(127\\\.0\\\.0\\\.1:)[3-6]\d{4}", r"\1\\d+", words)
    return re.compile(r"\s*" + re.sub(r"(\\\s)+", r"\\s+", words) + r"\s*", re.DOTALL)


def steps(block):
    """The block's commands, each with the lines that it is to print."""
    for line in block.splitlines():
        if line.startswith("$ "):
            found = [line[2:], []]
            yield found
        elif found:
            found[1].append(line)


def end(process):
    """Ends a background program, if there is one."""
    if process:
        process.send_signal(signal.SIGINT)
        process.wait()


def first_words(process, expected):
    """What a background program says at first: until that is what is expected, or nothing more comes for ten seconds."""
    said = ""
    while select.select([process.stdout], [], [], 10)[0]:
        words = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
        said += words
        if not words or pattern(expected).fullmatch(said):
            break
    return said


for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
    name = re.match(r"(?://|#|<!--) ([\w./-]+\.\w+)(?: -->)?\n", block)
    if name:
        file = folder / name[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block)
    if language != "console":
        continue
    found = None
    for command, expected in [step for step in steps(block)]:
        if assigned := re.fullmatch(r"([A-Z_]+)=(\S+)", command):
            os.environ[assigned[1]] = assigned[2]
            continue
        ran += 1
        if command.endswith(" &"):
            end(background)
            background = subprocess.Popen(["bash", "-c", "exec " + command[:-2]], cwd=folder, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            said = first_words(background, expected)
        else:
            done = subprocess.run(["bash", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=300)
            said = done.stdout.decode(errors="replace")
        if not pattern(expected).fullmatch(re.sub(r"\x1b\[[0-9;]*m", "", said)):
            wrong += 1
            print(f"{page.name}: $ {command}\n--- expected\n" + "\n".join(expected).strip() + f"\n--- printed\n{said}")
end(background)
print(f"{page.name}: {ran - wrong} of {ran} commands printed what the page says")
sys.exit(bool(wrong) or not ran)
