"""Each exported document, read and served by the tool that it is for: WireMock, Prism, Postman's runner and Playwright."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SIMULATOR = str(pathlib.Path("target/release/portmaster-simulator").resolve())
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WIREMOCK = "org.wiremock:wiremock-standalone:3.9.1"

# What a core answers otherwise to a key, and after all the requests before: a key may not trigger events, and who logged out
# has no profile.
OTHERWISE = {"POST /modules/{moduleName}/trigger/{eventName}", "GET /spn/account/user/profile"}

# Asks a page that knows nothing but the archive.
ARCHIVED = """
const { chromium } = require("playwright-core");
(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
  const page = await browser.newPage();
  await page.routeFromHAR(process.argv[1], { notFound: "abort" });
  for (const path of process.argv.slice(3)) {
    const answer = await page.goto("http://127.0.0.1:817" + path);
    console.log(JSON.stringify([answer.status(), await answer.text()]));
  }
  await browser.close();
})();
"""


def exported(form):
    done = subprocess.run([SIMULATOR, "export", form], check=True, capture_output=True)
    return json.loads(done.stdout)


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def asked(url, method="GET", headers=()):
    request = urllib.request.Request(url, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class Served:
    """A server that runs while it is asked."""

    def __init__(self, command, url):
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.url = url

    def __enter__(self):
        end = time.monotonic() + 90
        while True:
            try:
                asked(self.url)
                return self
            except OSError:
                assert self.child.poll() is None and time.monotonic() < end, "the server does not start"
                time.sleep(0.1)

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def wiremock(work):
    (work / "mappings").mkdir()
    document = exported("wiremock")
    (work / "mappings" / "home-office.json").write_text(json.dumps(document))
    jar = ["mvn", "-q", "dependency:copy", f"-Dartifact={WIREMOCK}", f"-DoutputDirectory={work}"]
    subprocess.run(jar, check=True, stdout=subprocess.DEVNULL)
    port = free()
    command = ["java", "-jar", str(next(work.glob("wiremock*.jar"))), "--port", str(port), "--bind-address", "127.0.0.1"]
    with Served([*command, "--root-dir", str(work)], f"http://127.0.0.1:{port}/api/v1/ping"):
        for stub in document["mappings"]:
            status, body = asked(f"http://127.0.0.1:{port}{stub['request']['urlPath']}", stub["request"]["method"])
            assert status == stub["response"]["status"], stub["request"]
            if "body" in stub["response"]:
                assert body.decode() == stub["response"]["body"], stub["request"]
    return len(document["mappings"])


def prism(work):
    document = exported("openapi")
    (work / "openapi.json").write_text(json.dumps(document))
    port, count = free(), 0
    command = ["prism", "mock", "-h", "127.0.0.1", "-p", str(port), str(work / "openapi.json")]
    with Served(command, f"http://127.0.0.1:{port}/ping"):
        for path, item in document["paths"].items():
            content = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
            examples = [(mime, told["example"]) for mime, told in content.items() if "example" in told]
            if "{" in path or "?" in path or item.get("get", {}).get("parameters") or not examples:
                continue
            mime, example = examples[0]
            bearer = {"Authorization": "Bearer any", "Accept": mime}
            status, body = asked(f"http://127.0.0.1:{port}{path}", headers=bearer.items())
            assert status == 200, (path, status, body[:200])
            if mime == "application/json":
                assert json.loads(body) == example, path
            count += 1
    return count


def postman(work):
    document = exported("postman")
    (work / "collection.json").write_text(json.dumps(document))
    key = "export-0123456789abcdef"
    flags = ["--listen", "127.0.0.1:0", "--control", "off", "--ready", "json", "--clock", "running"]
    # Requests that end the core would end the others' answers.
    ends = ["core/shutdown", "core/restart"]
    for folder in document["item"]:
        folder["item"] = [one for one in folder["item"] if not any(end in one["name"] for end in ends)]
    (work / "collection.json").write_text(json.dumps(document))
    command = [SIMULATOR, *flags, "--external-auth", "grant", "--api-key", f"{key}?read=admin&write=admin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as core:
        url = json.loads(core.stdout.readline())["api"]
        run = ["newman", "run", str(work / "collection.json"), "--env-var", f"base={url}", "--env-var", f"key={key}"]
        subprocess.run([*run, "--reporters", "json", "--reporter-json-export", str(work / "said.json")])
        core.kill()
    said = json.loads((work / "said.json").read_text())["run"]
    failed = {failure["source"]["name"] for failure in said["failures"]}
    assert failed <= OTHERWISE, failed - OTHERWISE
    return said["stats"]["assertions"]["total"]


def archive(work):
    document = exported("har")
    (work / "answers.har").write_text(json.dumps(document))
    paths = ["/api/v1/ping", "/api/v1/network/gateways", "/api/v1/endpoints"]
    run = ["node", "-e", ARCHIVED, str(work / "answers.har"), CHROMIUM, *paths]
    lines = subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()
    entries = {entry["request"]["url"]: entry["response"] for entry in document["log"]["entries"]}
    for path, line in zip(paths, lines, strict=True):
        recorded = entries[f"http://127.0.0.1:817{path}"]
        assert json.loads(line) == [recorded["status"], recorded["content"]["text"]], path
    return len(lines)


def main():
    for check in (wiremock, prism, postman, archive):
        with tempfile.TemporaryDirectory() as work:
            count = check(pathlib.Path(work))
        print(f"{check.__name__}: {count} answers are those of the scenario")
        assert count > 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
