"""The limits of the machine: who is fastest counts, copies are copies, and a share of what was measured is what it says."""

from __future__ import annotations

import time

import pytest

from parity.bench.machine import roofline
from parity.bench.timing import cache_flush

LIMITS = {"flops_per_s": 4e11, "bytes_per_s": 2e10}


@pytest.mark.parametrize(
    ("work", "seconds", "share"),
    [
        ({"flops": 4e8, "bytes": 1e7}, 2e-3, 0.5),  # 1 ms of products, 0.5 ms of copying
        ({"flops": 1e8, "bytes": 4e7}, 4e-3, 0.5),  # 0.25 ms and 2 ms
        ({"flops": 0.0, "bytes": 2e7}, 2e-3, 0.5),
        ({"bytes": 2e7}, 1e-3, 1.0),
        ({"bytes": 2e7}, 5e-4, 2.0),  # out of a cache
        ({"flops": 0.0, "bytes": 0.0}, 1e-3, None),
        ({"flops": 4e8, "bytes": 1e7}, 0.0, None),
    ],
)
def test_share_of_the_limit(work, seconds, share):
    assert roofline.share_of_limit(work, seconds, LIMITS) == (None if share is None else pytest.approx(share))


def test_no_share_without_limits():
    assert roofline.share_of_limit({"flops": 4e8, "bytes": 1e7}, 1e-3, {}) is None
    assert roofline.share_of_limit({"flops": 4e8, "bytes": 1e7}, 1e-3, {"bytes_per_s": 1e10}) == pytest.approx(1.0)


def test_the_faster_one_counts():
    def lasts(seconds):
        return lambda number: time.sleep(seconds)

    rate, fastest = roofline._best({"torch": lasts(0.03), "jax": lasts(0.005)}, 1.0, 0.0)
    assert fastest == "jax"
    assert 1 / 0.03 < rate <= 1 / 0.005


@pytest.mark.both
class TestLimits:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(cache_flush, "BYTES", 2**20)
        monkeypatch.setattr(roofline, "FIRST_SIZE", 64)
        monkeypatch.setattr(roofline, "LARGEST_SIZE", 128)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
    def test_both_limits(self, dtype):
        import torch

        before = torch.get_num_threads()
        found = roofline.limits(dtype, 1, budget_s=0.01)
        assert found["flops_per_s"] > 0
        assert found["bytes_per_s"] > 0
        assert set(found["measured_by"]) == {"flops", "bytes"}
        assert set(found["measured_by"].values()) <= {"jax", "torch"}
        assert torch.get_num_threads() == before

    def test_jax_with_another_number_of_threads_takes_no_part(self, monkeypatch):
        def never(*_):
            raise AssertionError

        monkeypatch.setenv("NPROC", "3")
        monkeypatch.setitem(roofline._PRODUCTS, "jax", never)
        monkeypatch.setitem(roofline._COPIES, "jax", never)
        assert roofline.limits("float32", 1, budget_s=0.01)["measured_by"] == {"flops": "torch", "bytes": "torch"}

    def test_products_are_those_of_the_dtype(self):
        from parity.execution import backends

        left, right = roofline._operands(8, "bfloat16")
        results = {
            name: backends.get(name).to_numpy(roofline._PRODUCTS[name](left, right, "cpu")(0))
            for name in roofline._PRODUCTS
        }
        assert {result.dtype.name for result in results.values()} == {"bfloat16"}
        expected = left.astype(float) @ right.astype(float)
        for result in results.values():
            assert abs(result.astype(float) - expected).max() < 0.05 * abs(expected).max()

    def test_a_copy_writes_the_whole_block_again_and_again(self):
        copied = roofline._COPIES["torch"]("cpu")
        target = copied(0)
        target.zero_()
        assert copied(1).data_ptr() == target.data_ptr()
        assert (target == 1).all()
        assert target.nbytes == cache_flush.BYTES

        copied = roofline._COPIES["jax"]("cpu")
        first = copied(0)
        assert first.nbytes == cache_flush.BYTES
        assert (first == 2).all()
        place = first.unsafe_buffer_pointer()
        second = copied(1)
        # Into memory that is there: a fresh block would cost page faults, several times the copy.
        assert second.unsafe_buffer_pointer() == place
        assert first.is_deleted()
        assert (second == 2).all()
