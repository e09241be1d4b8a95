"""The official folders: intact, incomplete, damaged and hostile files."""

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from cifar10_helpers import (
    EDITS,
    N,
    assert_is_the_data,
    file_contents,
    images_and_labels,
    mutate,
    official_pickle,
    reads_or_refuses,
    refused,
    write_folder,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstudy.data import cifar10
from bnstudy.data.packagings import batches, common


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_pickles_of_todays_python_are_read(protocol, tmp_path):
    images, labels = images_and_labels()
    for name, part, part_labels in zip(batches.PYTHON_FILES, images, labels, strict=True):
        pixels = part.transpose(0, 3, 1, 2).reshape(N, 3072)
        pixels = np.asfortranarray(pixels) if protocol == 4 else np.ascontiguousarray(pixels)
        batch = {"data": pixels, "labels": part_labels.tolist()}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol))
    assert_is_the_data(cifar10.read(tmp_path))


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
        (pickle.dumps({**GOOD, "data": PIXELS.tolist()}), "array `data`"),
        (pickle.dumps({**GOOD, "data": None}), "array `data`"),
        (pickle.dumps({"labels": LABELS}), "array `data`"),
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
        (b"\x80\x02}r\xff\xff\xff\x7f.", "array `data`"),  # a memo of 2 billion entries
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


SMALL_PICKLE = official_pickle(np.zeros((2, 3072), np.uint8), [1, 2])


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.builds(mutate, st.just(SMALL_PICKLE), EDITS))
def test_any_pickle_is_read_or_refused(content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "IMAGES_PER_FILE", 2)
        result = reads_or_refuses(batches.decode_pickle, content, Path("file"))
    if result is not None:
        pixels, labels = result
        assert pixels.shape == (2, 3072)
        assert pixels.dtype == np.uint8
        assert set(labels) <= set(range(10))
