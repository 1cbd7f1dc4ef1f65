import http.server
import threading

import pytest

import portmaster_conformance


def test_a_run_of_the_embedded_simulator():
    report = portmaster_conformance.run(select=["actions/ping", "badges/ping/*"])
    assert report.ok, report.failures
    assert report.contract == "docs"
    assert "actions/ping" in [check.id for check in report.checks]
    assert report.summary["fail"] == 0


class Silent(http.server.BaseHTTPRequestHandler):
    """A core that says `Pong.` to everything."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"Pong.\n")

    do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


def test_what_fails_is_told():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        report = portmaster_conformance.run(f"http://127.0.0.1:{server.server_port}", select=["catalogue/list"])
        server.shutdown()
    assert not report.ok
    assert all(check.sentence for check in report.failures)


def test_a_target_that_is_not_there():
    with pytest.raises(portmaster_conformance.ConformanceError) as missing:
        portmaster_conformance.run("http://127.0.0.1:9")
    assert missing.value.status == 3
