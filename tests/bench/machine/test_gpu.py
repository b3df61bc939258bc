"""What nvidia-smi tells, from a fake one."""

from __future__ import annotations

import pytest

from parity.bench.machine import gpu


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """`smi(lines)`: a machine whose nvidia-smi prints these, and keeps the words it was called with."""

    def installed(*lines):
        program = tmp_path / "nvidia-smi"
        printed = "\n".join(f"echo '{line}'" for line in lines)
        program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\n{printed}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path / "words"

    return installed


def row(reasons, name="NVIDIA H200"):
    return f"{name}, 570.1, 1980 MHz, 3201 MHz, {reasons}, 41, 119.2 W"


def test_each_gpu_by_its_fields(smi):
    words = smi(row("0x0000000000000001"), row("0x0000000000000000", "Other"))
    first, second = gpu.state()
    assert first == {
        "name": "NVIDIA H200",
        "driver_version": "570.1",
        "clocks.sm": "1980 MHz",
        "clocks.mem": "3201 MHz",
        gpu.REASONS: "0x0000000000000001",
        "temperature.gpu": "41",
        "power.draw": "119.2 W",
    }
    assert second["name"] == "Other"
    assert words.read_text().split() == [f"--query-gpu={','.join(gpu.FIELDS)}", "--format=csv,noheader"]


def test_without_nvidia_smi_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.state() == ()


def test_an_error_is_no_gpu(smi):
    smi("No devices were found")
    assert gpu.state() == ()


@pytest.mark.parametrize(
    ("reasons", "is_slowed"),
    [
        ("0x0000000000000000", False),
        ("0x0000000000000001", False),  # idle
        ("0x0000000000000002", False),  # clocks were set by hand
        ("0x0000000000000004", True),
        ("0x0000000000000008", True),
        ("0x0000000000000021", True),
        ("0x0000000000000040", True),
        ("0x0000000000000080", True),
        ("[N/A]", False),
    ],
)
def test_what_slows_it_down(smi, reasons, is_slowed):
    smi(row("0x0"), row(reasons, "Second"))
    found = gpu.slowed(gpu.state())
    assert found == (f"Second is slowed down (throttle reasons {reasons})" if is_slowed else "")
