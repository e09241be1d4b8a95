"""Hostile pickles: nothing is called, nothing large is allocated."""

import os
import pickle
import struct

import numpy as np
import pytest
from cifar10_helpers import N, file_contents, refused, write_folder

GOOD = {"data": np.zeros((N, 3072), np.uint8), "labels": [i % 10 for i in range(N)]}


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
