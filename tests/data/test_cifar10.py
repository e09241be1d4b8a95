"""CIFAR-10 in all its forms, whole, damaged, hostile; synthetic, with 20 images a file."""

import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstudy.data import cifar10
from bnstudy.errors import UserError

N = 20
REAL_DATA = os.environ.get("BNSTUDY_DATA")


@pytest.fixture(autouse=True, scope="module")
def _small_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "IMAGES_PER_FILE", N)
        patch.delenv("BNSTUDY_DATA", raising=False)
        yield


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, without any cache."""
    for name in ("XDG_CACHE_HOME", "KERAS_HOME", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


# --- fixtures that are files -----------------------------------------------------------------


def python2_string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def official_pickle(pixels: np.ndarray, labels: list[int], dtype=b"u1", shape=None) -> bytes:
    """What Python 2 and an old NumPy wrote: protocol 2, byte strings, the old module name."""
    rows, columns = shape or pixels.shape
    raw = pixels.tobytes()
    return b"".join(
        (
            b"\x80\x02}q\x00(",
            python2_string(b"batch_label") + b"q\x01" + python2_string(b"a batch") + b"q\x02",
            python2_string(b"labels") + b"]q\x03(",
            *(b"K" + bytes([label]) for label in labels),
            b"e" + python2_string(b"data"),
            b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85q\x06",
            python2_string(b"b") + b"\x87q\x07Rq\x08(K\x01",
            b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86",
            b"cnumpy\ndtype\nq\x09" + python2_string(dtype) + b"K\x00K\x01\x87Rq\x0a(K\x03",
            python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + struct.pack("<i", len(raw)) + raw + b"tb",
            python2_string(b"filenames") + b"]q\x0b(" + python2_string(b"x.png") + b"eu.",
        )
    )


@functools.cache
def images_and_labels():
    """Images [6, N, 32, 32, 3] of six files, and balanced labels [6, N]."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, N, 32, 32, 3), dtype=np.uint8)
    train = rng.permutation(np.arange(5 * N) % 10).reshape(5, N)
    return images, np.concatenate([train, rng.permutation(np.arange(N) % 10)[None]])


def file_contents(form: str, labels=None) -> dict[str, bytes]:
    images, right_labels = images_and_labels()
    labels = right_labels if labels is None else labels
    contents = {}
    for name, part, part_labels in zip(cifar10.PYTHON_FILES, images, labels, strict=True):
        pixels = part.transpose(0, 3, 1, 2).reshape(N, 3072)
        if form == "py":
            contents[name] = official_pickle(pixels, list(part_labels))
        else:
            records = np.concatenate([part_labels[:, None].astype(np.uint8), pixels], axis=1)
            contents[f"{name}.bin"] = records.tobytes()
    return contents


def write_folder(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def regular(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def archive_bytes(members, compress=True) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    raw = buffer.getvalue()
    return gzip.compress(raw, 1, mtime=0) if compress else raw


@functools.cache
def whole_archive(form: str) -> bytes:
    folder = f"cifar-10-batches-{form}"
    directory = tarfile.TarInfo(folder)
    directory.type = tarfile.DIRTYPE
    files = [regular(f"{folder}/{n}", c) for n, c in reversed(file_contents(form).items())]
    readme = regular(f"{folder}/readme.html", b"<html>")
    return archive_bytes([(directory, b""), *files[:3], readme, *files[3:]])


def make(form: str, place: Path) -> Path:
    if "batches" in form:
        return write_folder(place / form, file_contents(form[-3:].strip("-")))
    place.mkdir(parents=True, exist_ok=True)
    path = place / form
    path.write_bytes(whole_archive("py" if "python" in form else "bin"))
    return path


def assert_is_the_data(arrays):
    images, labels = images_and_labels()
    train_images, train_labels, test_images, test_labels = arrays
    np.testing.assert_array_equal(train_images, images[:5].reshape(-1, 32, 32, 3))
    np.testing.assert_array_equal(train_labels, labels[:5].ravel())
    np.testing.assert_array_equal(test_images, images[5])
    np.testing.assert_array_equal(test_labels, labels[5])
    assert train_images.dtype == test_images.dtype == np.uint8
    assert train_labels.dtype == test_labels.dtype == np.int64


def refused(path, *words, call=cifar10.read) -> str:
    """Assert that `call(path)` raises a UserError of one line that holds the words."""
    with pytest.raises(UserError) as caught:
        call(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


# --- read: whole ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", cifar10.FORMS)
def test_every_form_gives_the_same_arrays(form, tmp_path):
    assert_is_the_data(cifar10.read(make(form, tmp_path)))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_pickles_of_todays_python_are_read(protocol, tmp_path):
    images, labels = images_and_labels()
    for name, part, part_labels in zip(cifar10.PYTHON_FILES, images, labels, strict=True):
        pixels = part.transpose(0, 3, 1, 2).reshape(N, 3072)
        pixels = np.asfortranarray(pixels) if protocol == 4 else np.ascontiguousarray(pixels)
        batch = {"data": pixels, "labels": part_labels.tolist()}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol))
    assert_is_the_data(cifar10.read(tmp_path))


@pytest.mark.parametrize("prefix", ["", "./", "./a/b/"])
@pytest.mark.parametrize("compress", [True, False])
def test_archive_is_known_by_its_content_not_by_its_name(prefix, compress, tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    members = [regular(prefix + name, c) for name, c in file_contents("bin").items()]
    path.write_bytes(archive_bytes(members, compress))
    assert_is_the_data(cifar10.read(path))


def test_archive_writes_nothing(tmp_path, monkeypatch):
    path = make("cifar-10-python.tar.gz", tmp_path)
    monkeypatch.chdir(tmp_path)
    cifar10.read(path)
    assert list(tmp_path.rglob("*")) == [path]


def test_import_needs_neither_tensorflow_nor_pooch():
    code = "import sys, bnstudy.data.cifar10; sys.exit(bool({'tensorflow', 'pooch'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


# --- read: wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["py", "bin"])
def test_missing_file_is_named(form, tmp_path):
    contents = file_contents(form)
    name = sorted(contents)[2]
    del contents[name]
    refused(write_folder(tmp_path / "folder", contents), name)
    (tmp_path / "x").write_bytes(archive_bytes(regular(n, c) for n, c in contents.items()))
    refused(tmp_path / "x", name, "lacks")


def test_nothing_there(tmp_path):
    refused(tmp_path, "data_batch_1")
    refused(tmp_path / "none", "none")
    (tmp_path / "other.tar").write_bytes(archive_bytes([regular("a/b", b"c")]))
    refused(tmp_path / "other.tar", "no complete CIFAR-10", "data_batch_1")


@pytest.mark.parametrize("part", [0, 5])
@pytest.mark.parametrize("form", ["py", "bin"])
def test_classes_out_of_balance(form, part, tmp_path):
    labels = images_and_labels()[1].copy()
    labels[part][labels[part] == 3] = 4
    words = ("training", f"must be {N // 2}") if part == 0 else ("test", f"must be {N // 10}")
    refused(write_folder(tmp_path, file_contents(form, labels)), "class 3", *words)


@pytest.mark.parametrize("form", ["py", "bin"])
def test_label_out_of_range(form, tmp_path):
    labels = images_and_labels()[1].copy()
    labels[2, 7] = 10
    refused(write_folder(tmp_path, file_contents(form, labels)), "data_batch_3", "label")


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: b""])
def test_binary_file_of_wrong_length(change, tmp_path):
    contents = file_contents("bin")
    contents["data_batch_2.bin"] = change(contents["data_batch_2.bin"])
    refused(write_folder(tmp_path, contents), "data_batch_2.bin", f"{N * 3073:,}")


PIXELS = np.zeros((N, 3072), np.uint8)
LABELS = [i % 10 for i in range(N)]
GOOD = {"data": PIXELS, "labels": LABELS}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "pickle"),
        (b"no pickle at all", "pickle"),
        (official_pickle(PIXELS, LABELS)[:-3000], "pickle"),
        (official_pickle(PIXELS, LABELS, shape=(N, 3071)), "shape"),
        (official_pickle(PIXELS, LABELS, shape=(3072, N)), "shape"),
        (official_pickle(PIXELS[1:], LABELS), "shape"),
        (official_pickle(PIXELS[1:], LABELS, shape=(N, 3072)), "uint8 array"),
        (official_pickle(PIXELS, LABELS, dtype=b"i1"), "uint8 array"),
        (official_pickle(PIXELS, LABELS, dtype=b"O8"), "uint8 array"),
        (official_pickle(PIXELS, LABELS[1:]), "list of 20"),
        (pickle.dumps({**GOOD, "data": PIXELS.astype(np.int64)}), "uint8 array"),
        (pickle.dumps({**GOOD, "data": PIXELS.astype(object)}, 2), "uint8 array"),
        (pickle.dumps({**GOOD, "data": PIXELS.tolist()}), "no array"),
        (pickle.dumps({**GOOD, "data": None}), "no array"),
        (pickle.dumps({"labels": LABELS}), "no array"),
        (pickle.dumps({"data": PIXELS}, 4), "list of 20"),
        (pickle.dumps({**GOOD, "labels": [-1] * N}, 4), "label"),
        (pickle.dumps({**GOOD, "labels": [True] * N}, 4), "label"),
        (pickle.dumps({**GOOD, "labels": [10**30] * N}, 4), "label"),
        (pickle.dumps({**GOOD, "labels": ["1"] * N}, 4), "label"),
        (pickle.dumps([PIXELS, LABELS], 4), "dictionary"),
    ],
)
def test_wrong_pickle(content, word, tmp_path):
    contents = {**file_contents("py"), "data_batch_4": content}
    refused(write_folder(tmp_path, contents), "data_batch_4", word)


# --- hostile ----------------------------------------------------------------------------------


class Call:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("nest", [lambda x: x, lambda x: {**GOOD, "filenames": [{"a": (x,)}]}])
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (eval, "eval"), (getattr, "getattr"), (np.load, "load")],
)
def test_pickle_that_calls_is_refused(function, name, nest, protocol, tmp_path):
    witness = tmp_path / "witness"
    content = pickle.dumps(nest(Call(function, f"touch {witness}")), protocol)
    contents = {**file_contents("py"), "data_batch_1": content}
    refused(write_folder(tmp_path, contents), "data_batch_1 refused", name)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "no array"),  # a memo of 2 billion entries
        (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".", "opcode 150"),  # bytearray, 1 TB
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".", "pickle"),  # bytes of 1 TB
        (b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b".", "pickle"),  # a frame of 1 TB
        (b"\x80\x02cnumpy\nndarray\n\x8a\x06\0\0\0\0\0\x01\x85R.", "dictionary"),  # array, 1 TB
        (b"\x80\x02\x82\x01.", "opcode 130"),  # the extension registry
        (b"\x80\x02Pabc\n.", "opcode 80"),  # a persistent id
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "opcode 129"),  # NEWOBJ
        (b"\x80\x02cnumpy\nndarray\n}U\x01aK\x01sb.", "pickle"),  # state for the class itself
        (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aU\x04zlib\x86R.", "latin1"),  # another codec
    ],
)
def test_pickle_bombs_are_refused_without_harm(content, word, tmp_path):
    contents = {**file_contents("py"), "test_batch": content}
    refused(write_folder(tmp_path, contents), "test_batch", word)


def test_control_characters_of_a_pickle_do_not_reach_the_terminal(tmp_path):
    content = b"\x80\x02c\x1b[2Jos\r\nsystem\n."
    contents = {**file_contents("py"), "data_batch_1": content}
    message = refused(write_folder(tmp_path, contents))
    assert "\x1b" not in message
    assert "\r" not in message


@pytest.mark.parametrize("prefix", ["/tmp/cifar/", "../", "a/../../b/"])
def test_members_outside_are_not_read(prefix, tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archive_bytes(regular(prefix + n, c) for n, c in file_contents("py").items()))
    refused(path, "lacks")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_followed(kind, tmp_path):
    contents = file_contents("py")
    secret = tmp_path / "secret"
    secret.write_bytes(contents.pop("data_batch_2"))
    link = tarfile.TarInfo("c/data_batch_2")
    link.type, link.linkname = kind, str(secret)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(
        archive_bytes([(link, b""), *(regular(f"c/{n}", c) for n, c in contents.items())])
    )
    refused(path, "lacks data_batch_2")


def test_files_of_two_folders_are_not_mixed(tmp_path):
    contents = list(file_contents("py").items())
    members = [regular(f"{'ab'[i % 2]}/{n}", c) for i, (n, c) in enumerate(contents)]
    (tmp_path / "x").write_bytes(archive_bytes(members))
    refused(tmp_path / "x", "lacks data_batch_2, data_batch_4, test_batch")


def test_sizes_are_bounded(tmp_path, monkeypatch):
    folder = make("cifar-10-batches-bin", tmp_path)
    archive = make("cifar-10-binary.tar.gz", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(cifar10, "MAX_FILE_BYTES", N * 3073 - 1)
        refused(folder, "data_batch_1.bin", "larger")
        refused(archive, ".bin", "larger")
    for limit in ("MAX_ARCHIVE_BYTES", "MAX_MEMBERS"):
        with monkeypatch.context() as patch:
            patch.setattr(cifar10, limit, 5)
            refused(archive, "more than 5")


def test_hostile_long_name_header_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE_BYTES", 4_000_000)
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 60_000_000
    bomb = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(60_000_000), 1)
    (tmp_path / "x").write_bytes(bomb)
    refused(tmp_path / "x", "unpacks to more than")


@pytest.mark.parametrize("keep", [0, 1, 2, 300, 0.5, 0.99, -4])
def test_truncated_archive(keep, tmp_path):
    whole = whole_archive("py")
    count = int(keep * len(whole)) if isinstance(keep, float) else keep
    (tmp_path / "x.tar.gz").write_bytes(whole[:count])
    refused(tmp_path / "x.tar.gz", "x.tar.gz")


def test_damaged_archive(tmp_path):
    damaged = bytearray(whole_archive("py"))
    damaged[-6] ^= 1  # in gzip's checksum, behind all data
    (tmp_path / "x.tar.gz").write_bytes(damaged)
    refused(tmp_path / "x.tar.gz", "no whole archive", "CRC")


def test_archive_is_read_to_its_checksum(tmp_path):
    padded = gzip.decompress(whole_archive("py")) + bytes(3_000_000)  # more than a block
    damaged = bytearray(gzip.compress(padded, 1))
    damaged[-6] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(damaged)
    refused(tmp_path / "x.tar.gz", "CRC")


# --- fuzz -------------------------------------------------------------------------------------

edits = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.binary(max_size=6)), max_size=4
)


def mutate(content: bytes, changes) -> bytes:
    """Replace a few bytes at a few places; half of the places are near an end."""
    for place, cut, new in changes:
        place %= 2 * len(content) + 1
        if place > len(content):
            place = (place % 300) * (1 if place % 2 else -1) % (len(content) + 1)
        content = content[:place] + new + content[place + cut :]
    return content


def reads_or_refuses(function, *arguments):
    """Return the result, or None after a UserError; every other exception fails the test."""
    try:
        return function(*arguments)
    except UserError:
        return None


SMALL_PICKLE = official_pickle(np.zeros((2, 3072), np.uint8), [1, 2])


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.builds(mutate, st.just(SMALL_PICKLE), edits))
def test_any_pickle_is_read_or_refused(content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "IMAGES_PER_FILE", 2)
        result = reads_or_refuses(cifar10._decode_pickle, content, Path("file"))
    if result is not None:
        pixels, labels = result
        assert pixels.shape == (2, 3072)
        assert pixels.dtype == np.uint8
        assert set(labels) <= set(range(10))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), compress=st.booleans())
def test_any_archive_is_read_or_refused(data, compress, tmp_path_factory):
    raw = gzip.decompress(whole_archive("bin"))
    content = data.draw(st.binary(max_size=100) | st.builds(mutate, st.just(raw), edits))
    if compress:
        content = mutate(gzip.compress(content, 1), data.draw(edits))
    path = tmp_path_factory.getbasetemp() / "fuzz.tar.gz"
    path.write_bytes(content)
    reads_or_refuses(cifar10.read, path)


# --- find -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", cifar10.FORMS)
def test_find_accepts_the_form_itself_or_the_folder_around(form, home, tmp_path, monkeypatch):
    place = tmp_path / "data"
    path = make(form, place)
    assert cifar10.find(path) == cifar10.find(str(place)) == path
    for value in (path, place):
        monkeypatch.setenv("BNSTUDY_DATA", str(value))
        assert cifar10.find() == path
    assert_is_the_data(cifar10.load())


def test_find_knows_renamed_forms_and_the_home(home):
    folder = write_folder(home / "renamed", file_contents("bin"))
    assert cifar10.find("~/renamed") == folder
    archive = make("cifar-10-python.tar.gz", home / "a")
    archive = archive.rename(home / "mine.tgz")
    assert_is_the_data(cifar10.load(archive))


def test_find_prefers_what_is_complete(home, tmp_path):
    make("cifar-10-batches-py", tmp_path)
    binary = make("cifar-10-batches-bin", tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    assert cifar10.find(tmp_path) == binary


def test_find_reports_an_incomplete_form_of_the_user(home, tmp_path):
    (make("cifar-10-batches-py", tmp_path) / "test_batch").unlink()
    refused(tmp_path, "test_batch", call=cifar10.load)


def test_given_place_without_data_is_refused_and_nothing_is_loaded(home, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "fetch", lambda: pytest.fail("downloads"))
    make("cifar-10-batches-py", home / ".keras" / "datasets")
    refused(tmp_path / "none", "--data", "none", "not exist", *cifar10.FORMS, call=cifar10.load)
    monkeypatch.setenv("BNSTUDY_DATA", str(tmp_path))
    refused(None, "$BNSTUDY_DATA", str(tmp_path), "no CIFAR-10", call=cifar10.load)
    monkeypatch.setenv("BNSTUDY_DATA", "")
    assert cifar10.find() is not None


def test_given_place_wins_over_the_environment(home, tmp_path, monkeypatch):
    monkeypatch.setenv("BNSTUDY_DATA", str(make("cifar-10-batches-bin", tmp_path / "environment")))
    path = make("cifar-10-batches-py", tmp_path / "given")
    assert cifar10.find(path) == path


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py-target"])
def test_find_in_the_caches(inner, home, tmp_path, monkeypatch):
    assert cifar10.find() is None
    keras = make("cifar-10-batches-py", home / ".keras" / "datasets" / inner)
    assert cifar10.find() == keras
    ours = make("cifar-10-python.tar.gz", cifar10.cache_dir())
    assert home in ours.parents
    assert cifar10.find() == ours
    ours.unlink()
    (keras / "data_batch_5").unlink()  # what an interrupted Keras leaves
    assert cifar10.find() is None
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "k"))
    keras = make("cifar-10-batches-py", tmp_path / "k" / "datasets" / inner)
    assert cifar10.find() == keras


# --- fetch ------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = whole_archive("py")
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-1000] if self.path == "/truncated" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(home, monkeypatch):
    """The address of a server that has our small archive as the official one."""
    sha256 = hashlib.sha256(whole_archive("py")).hexdigest()
    monkeypatch.setattr(cifar10, "PYTHON_SHA256", sha256)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def assert_cache_is_empty():
    cache = cifar10.cache_dir()
    assert not cache.exists() or list(cache.iterdir()) == []
    assert cifar10.find() is None


@pytest.mark.parametrize("terminal", [True, False])
def test_fetch(terminal, server, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    path = cifar10.fetch(f"{server}/good")
    assert path == cifar10.find() == cifar10.cache_dir() / "cifar-10-python.tar.gz"
    assert cifar10.is_official(path)
    assert_is_the_data(cifar10.load())
    assert ("B/s" in capsys.readouterr().err) == terminal
    assert cifar10.fetch(f"{server}/missing") == path  # it is there: nothing is asked for


def test_fetch_replaces_a_damaged_archive(server):
    path = make("cifar-10-python.tar.gz", cifar10.cache_dir())
    path.write_bytes(b"damaged")
    assert cifar10.is_official(cifar10.fetch(server))


def test_fetch_refuses_a_wrong_checksum(server, monkeypatch):
    monkeypatch.setattr(cifar10, "PYTHON_SHA256", "0" * 64)
    refused(server, server, "SHA-256", "deleted", "--data", call=cifar10.fetch)
    assert_cache_is_empty()


@pytest.mark.parametrize(("path", "word"), [("missing", "404"), ("truncated", "bytes")])
def test_fetch_reports_a_failed_download(path, word, server):
    refused(f"{server}/{path}", word, "curl -LO", "--data", "--preset quick", call=cifar10.fetch)
    assert_cache_is_empty()


def test_fetch_offline(home):
    with socket.socket() as closed:  # bound and not listening: refuses connections
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        message = refused(url, url, "refused", f"curl -LO {url}", "quick", call=cifar10.fetch)
    assert "Max retries" not in message
    assert_cache_is_empty()


def test_fetch_interrupted_leaves_nothing(server, monkeypatch):
    import requests

    def stop(*_, **__):
        yield b"begin"
        raise KeyboardInterrupt

    monkeypatch.setattr(requests.Response, "iter_content", stop)
    with pytest.raises(KeyboardInterrupt):
        cifar10.fetch(server)
    assert_cache_is_empty()


def test_fetch_without_a_place_to_write(server, home):
    (home / ".cache").write_text("a file where the cache must be")
    refused(server, "cannot write to the cache", call=cifar10.fetch)


def test_is_official(tmp_path):
    assert not cifar10.is_official(make("cifar-10-binary.tar.gz", tmp_path))
    assert not cifar10.is_official(tmp_path)
    refused(tmp_path / "none", "none", call=cifar10.is_official)


# --- the real data ----------------------------------------------------------------------------


@pytest.mark.skipif(not REAL_DATA, reason="needs $BNSTUDY_DATA")
def test_real_data(monkeypatch):
    monkeypatch.setattr(cifar10, "IMAGES_PER_FILE", 10_000)
    path = cifar10.find(REAL_DATA)
    train_images, train_labels, test_images, test_labels = arrays = cifar10.read(path)
    assert train_images.shape == (50_000, 32, 32, 3)
    assert test_images.shape == (10_000, 32, 32, 3)
    assert train_labels.shape == (50_000,)
    assert test_labels.shape == (10_000,)
    total = total_square = np.zeros((32, 32, 3), np.int64)
    for part in np.split(train_images, 50):
        total = total + part.sum(axis=0, dtype=np.int64)
        total_square = total_square + np.square(part, dtype=np.int32).sum(axis=0)
    mean = total.mean(axis=(0, 1)) / 50_000 / 255
    square = total_square.mean(axis=(0, 1)) / 50_000 / 255**2
    np.testing.assert_allclose(mean, [0.49140, 0.48216, 0.44653], atol=6e-6)
    np.testing.assert_allclose(np.sqrt(square - mean**2), [0.24703, 0.24349, 0.26159], atol=6e-6)
    other = path.with_name("cifar-10-batches-bin")
    if path.name == "cifar-10-batches-py" and other.is_dir():
        for one, two in zip(arrays, cifar10.read(other), strict=True):
            np.testing.assert_array_equal(one, two)
