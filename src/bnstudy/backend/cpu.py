"""The processor: its model, and whether it has bfloat16 instructions."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Return whether the CPU's flags name bfloat16: AVX512_BF16 or AMX on x86, bf16 on ARM.

    False where the operating system does not say (other than Linux).
    """
    flags = _field("flags", cpuinfo) or _field("Features", cpuinfo) or ""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())


def model_name(cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the CPU model, or at least of its architecture."""
    return _field("model name", cpuinfo) or platform.processor() or platform.machine()


def _field(key: str, cpuinfo: Path) -> str | None:
    """Return a field of the first core; None if there is no such file or line."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)
