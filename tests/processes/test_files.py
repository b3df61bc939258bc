"""Files are written whole or not at all, and a folder is tried before the work begins."""

from __future__ import annotations

import os
import stat

import pytest

from parity.errors import InputError
from parity.processes import files
from parity.processes.files import writable_folder, write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("content", "expected"), [("grün ×\n", "grün ×\n".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")]
)
def test_writes_and_replaces(tmp_path, content, expected):
    path = tmp_path / "report.json"
    path.write_text("old")
    write(path, content)
    assert path.read_bytes() == expected
    assert names(tmp_path) == ["report.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_that_the_umask_allows(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write(tmp_path / "x", "y")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_keeps_its_mode(tmp_path, mode):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(mode)
    write(tmp_path / "x", "y")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fdopen", "chmod", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, error):
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(*args, **kwargs):
        if step == "fdopen":
            os.close(args[0])
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(files.os, step, fail)
        with pytest.raises(type(error)):
            write(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.json"]


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    path, seen = tmp_path / "report.json", []
    path.write_text("old")
    replace = os.replace

    def look_first(*args):
        seen.append(path.read_text())
        replace(*args)

    monkeypatch.setattr(files.os, "replace", look_first)
    write(path, "new")
    assert (seen, path.read_text()) == (["old"], "new")


def test_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "x", "y")


class TestWritableFolder:
    def test_makes_it(self, tmp_path):
        folder = tmp_path / "a" / "b"
        assert writable_folder(folder, "--report") == folder
        assert names(folder) == []

    def test_takes_one_that_is_there(self, tmp_path):
        (tmp_path / "kept").write_text("kept")
        writable_folder(tmp_path, "--report")
        assert names(tmp_path) == ["kept"]

    @pytest.mark.parametrize("below", ["file", "file/deeper"])
    def test_a_file_is_no_folder(self, tmp_path, below):
        (tmp_path / "file").write_text("x")
        with pytest.raises(
            InputError, match=r"--report: cannot write to .*file.*\(.+\); choose another folder with --report"
        ):
            writable_folder(tmp_path / below, "--report")

    def test_a_folder_without_permission(self, tmp_path, monkeypatch):
        # Root may write anywhere, so that a mode on the folder would prove nothing.
        def denied(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(files.tempfile, "TemporaryFile", denied)
        with pytest.raises(InputError, match=r"--report: cannot write to .* \(Permission denied\)"):
            writable_folder(tmp_path, "--report")
