"""Processes that work together: all give a result, or the one that is to blame is named and nobody is left."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from parity.processes import ranks
from parity.processes.ranks import run_ranks
from parity.processes.worker import WorkerError

# Functions that a worker imports by name.


def arrays(rank, factor):
    return {"a": np.arange(3.0) * factor + rank.rank}


def one_raises(rank):
    if rank.rank == 1:
        raise ValueError("no such head\nsecond line")
    time.sleep(600)


def one_dies(rank, number):
    if rank.rank == number:
        time.sleep(0.2)  # seen after the error of its peer
        os.kill(os.getpid(), signal.SIGTERM)
    raise RuntimeError("lost my peer")


def ends(rank):
    print("nearly", flush=True)
    os._exit(7)


def one_hangs(rank):
    if rank.rank == 0:
        time.sleep(600)


def prints_much(rank):
    sys.stderr.write("x" * 3_000_000)
    sys.stdout.write("y" * 3_000_000)


def binds(rank):
    host, port = rank.address.split(":")
    with socket.socket() as listening:
        listening.bind((host, int(port)))


@pytest.fixture(autouse=True)
def nobody_is_left():
    before = psutil.Process().children(recursive=True)
    yield
    assert psutil.Process().children(recursive=True) == before


def test_results_by_rank(tmp_path):
    for rank, found in enumerate(run_ranks(arrays, 2, tmp_path, (2.0,))):
        np.testing.assert_array_equal(found["a"], np.arange(3.0) * 2 + rank)


def test_environment_reaches_them(tmp_path):
    assert run_ranks(environ, 1, tmp_path, (), {"SAID_TO_RANKS": "yes"}) == ["yes"]
    assert "SAID_TO_RANKS" not in os.environ


def environ(rank):
    return os.environ["SAID_TO_RANKS"]


def test_what_one_raises_ends_all(tmp_path):
    with pytest.raises(WorkerError, match=r"^rank 1 of 2 \(.*test_ranks\): ValueError: no such head"):
        run_ranks(one_raises, 2, tmp_path)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_is_the_reason_before_the_error_of_a_peer(tmp_path, rank):
    with pytest.raises(WorkerError, match=rf"^rank {rank} of 2 .* was killed by SIGTERM") as error:
        run_ranks(one_dies, 2, tmp_path, (rank,))
    assert error.value.exit_code == -signal.SIGTERM


def test_an_end_without_an_exception_shows_what_was_printed(tmp_path):
    with pytest.raises(WorkerError, match=r"^rank 0 of 1 .* ended with exit code 7: nearly; .*\n  nearly$"):
        run_ranks(ends, 1, tmp_path)


def test_one_that_hangs_is_ended(tmp_path):
    with pytest.raises(WorkerError, match=r"^rank 0 of 2 .* no result after 4 s"):
        run_ranks(one_hangs, 2, tmp_path, timeout_s=4)


def test_much_output_blocks_nobody(tmp_path):
    assert run_ranks(prints_much, 2, tmp_path, timeout_s=60) == [None, None]


def test_a_port_that_is_taken_is_followed_by_another(tmp_path, monkeypatch):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        ports = [busy.getsockname()[1], ranks.free_port()]
        monkeypatch.setattr(ranks, "free_port", lambda: ports.pop(0))
        assert run_ranks(binds, 1, tmp_path) == [None]
        assert ports == []

        tries = SimpleNamespace(count=0)

        def taken():
            tries.count += 1
            return busy.getsockname()[1]

        monkeypatch.setattr(ranks, "free_port", taken)
        monkeypatch.setattr(ranks, "PORT_TRIES", 2)
        with pytest.raises(WorkerError, match="Address already in use"):
            run_ranks(binds, 1, tmp_path)
        assert tries.count == 2
