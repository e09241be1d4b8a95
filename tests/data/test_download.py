"""The download: over a server of our own, interrupted, damaged, offline."""

import hashlib
import http.server
import socket
import sys
import threading

import pytest
from cifar10_helpers import assert_is_the_data, intact_archive, make, refused

from bnstudy.data import cifar10, download


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = intact_archive("py")
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-1000] if self.path == "/truncated" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(home, monkeypatch):
    """The address of a server that has our small archive as the official one."""
    sha256 = hashlib.sha256(intact_archive("py")).hexdigest()
    monkeypatch.setattr(download, "PYTHON_SHA256", sha256)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def assert_cache_is_empty():
    cache = download.cache_dir()
    assert not cache.exists() or list(cache.iterdir()) == []
    assert cifar10.find() is None


@pytest.mark.parametrize("terminal", [True, False])
def test_fetch(terminal, server, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    path = download.fetch(f"{server}/good")
    assert path == cifar10.find() == download.cache_dir() / "cifar-10-python.tar.gz"
    assert download.is_official(path)
    assert_is_the_data(cifar10.load())
    assert ("B/s" in capsys.readouterr().err) == terminal
    assert download.fetch(f"{server}/missing") == path  # it is there: nothing is asked for


def test_fetch_replaces_a_damaged_archive(server):
    path = make("cifar-10-python.tar.gz", download.cache_dir())
    path.write_bytes(b"damaged")
    assert download.is_official(download.fetch(server))


def test_fetch_refuses_a_wrong_checksum(server, monkeypatch):
    monkeypatch.setattr(download, "PYTHON_SHA256", "0" * 64)
    refused(server, server, "SHA-256", "deleted", "--data", call=download.fetch)
    assert_cache_is_empty()


@pytest.mark.parametrize(("path", "word"), [("missing", "404"), ("truncated", "bytes")])
def test_fetch_reports_a_failed_download(path, word, server):
    refused(f"{server}/{path}", word, "curl -LO", "--data", "--preset quick", call=download.fetch)
    assert_cache_is_empty()


def test_fetch_offline(home):
    with socket.socket() as closed:  # bound and not listening: refuses connections
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        message = refused(url, url, "refused", f"curl -LO {url}", "quick", call=download.fetch)
    assert "Max retries" not in message
    assert_cache_is_empty()


def test_fetch_interrupted_leaves_nothing(server, monkeypatch):
    import requests

    def stop(*_, **__):
        yield b"begin"
        raise KeyboardInterrupt

    monkeypatch.setattr(requests.Response, "iter_content", stop)
    with pytest.raises(KeyboardInterrupt):
        download.fetch(server)
    assert_cache_is_empty()


def test_fetch_without_a_place_to_write(server, home):
    (home / ".cache").write_text("a file where the cache must be")
    refused(server, "cannot write to the cache", call=download.fetch)


def test_is_official(tmp_path):
    assert not download.is_official(make("cifar-10-binary.tar.gz", tmp_path))
    assert not download.is_official(tmp_path)
    refused(tmp_path / "none", "none", call=download.is_official)
