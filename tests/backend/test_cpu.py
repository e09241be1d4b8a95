"""The processor, as the operating system describes it."""

import pytest

from bnstudy.backend import cpu


@pytest.fixture
def cpuinfo(tmp_path):
    def write(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("model name\t: X\nflags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx512f amx_bf16\n", True),
        ("flags\t\t: fpu avx2 fma avx512f\n", False),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_the_flags_decide_whether_it_has_bfloat16(cpuinfo, text, has):
    assert cpu.has_bfloat16(cpuinfo(text)) is has


def test_the_model_is_that_of_the_first_core(cpuinfo):
    text = "processor\t: 0\nmodel name\t: A: fast one\n\nprocessor\t: 1\nmodel name\t: B\n"
    assert cpu.model_name(cpuinfo(text)) == "A: fast one"


def test_without_a_cpuinfo_there_are_no_flags_but_a_name(tmp_path):
    assert cpu.has_bfloat16(tmp_path / "nothing") is False
    assert cpu.model_name(tmp_path / "nothing")
