"""The official folders: intact, incomplete and damaged files."""

import pickle
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
