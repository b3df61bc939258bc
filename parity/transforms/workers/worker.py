"""What runs inside a worker process: where it stands among the others, its arrays in and out, and a clean end."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np


@dataclass(frozen=True)
class Place:
    """One worker's place.

    Attributes:
        rank, count: this worker's number and how many there are.
        address: `host:port` on which the first worker may listen.
        folder: shared by all workers and the launcher.
        options: whatever else the launcher was given.
    """

    rank: int
    count: int
    address: str
    folder: Path
    options: tuple[str, ...] = ()

    def option(self, name: str, default: str = "") -> str:
        """The value of `name=value` among the options."""
        return dict(option.split("=", 1) for option in self.options).get(name, default)

    def mark_started(self) -> None:
        """Tells whoever looks into the folder that the first step is done."""
        (self.folder / f"started-{self.rank}").touch()

    def write(self, arrays: Mapping[str, np.ndarray]) -> None:
        write_whole(result_path(self.folder, self.rank), arrays)


def run_worker(work: Callable[[Place], None]) -> NoReturn:
    """Calls `work` with this process's place, then ends the process: exit code 0, or 1 and the traceback on stderr.

    `os._exit` in every case: a torch process group that is torn down with the interpreter may abort after correct
    results ("terminate called without an active exception"), and after an error it may wait for its peers instead.
    """
    code = 1
    try:
        threading.Thread(target=_end_with_the_launcher, daemon=True).start()
        rank, count, address, folder, *options = sys.argv[1:]
        work(Place(int(rank), int(count), address, Path(folder), tuple(options)))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with_the_launcher() -> None:
    """Standard input is a pipe from the launcher, which writes nothing: it ends when the launcher does, however that was."""
    while os.read(0, 1):
        pass
    os._exit(1)


def result_path(folder: Path, rank: int) -> Path:
    return folder / f"result-{rank}.npz"


def write_whole(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the file beside its place and moves it there, so that nobody reads half of it."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # allow_pickle is a keyword too
    partial.replace(path)


def read_whole(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """`{"params/w": x}` → `{"params": {"w": x}}`."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, last = name.split("/")
        at = tree
        for group in groups:
            at = at.setdefault(group, {})
        at[last] = array
    return tree
