"""The comparator, on which all else rests: every field against a naive whole-array formula, on both of its paths."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import math
import os
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parity.compare.compare as module
from parity.compare import block
from parity.compare.compare import Statistics, compare
from parity.compare.statistics import LARGEST, blank_rows, merge, root_mean_square
from parity.errors import InputError

FLOATS = [np.dtype(scalar) for scalar in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)]
COMPLEX = [np.dtype(np.complex64), np.dtype(np.complex128)]
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)] + [np.dtype(bool)]
PATHS = [
    "numpy",
    pytest.param("numba", marks=pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="extra")),
]


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    """Both paths, with small blocks."""
    shrink(monkeypatch, request.param)
    return request.param


def shrink(monkeypatch, path):
    """Spans of two blocks of 256 elements in 16 lanes, so that small arrays cross every boundary."""
    monkeypatch.setattr(module, "BLOCK", 256)
    monkeypatch.setattr(module, "SPAN", 2)
    monkeypatch.setattr(block, "LANES", 16)
    force(monkeypatch, path)


def force(monkeypatch, path):
    for limit in ("FAST_FROM", "LOAD_FROM"):
        monkeypatch.setattr(module, limit, 0 if path == "numba" else sys.maxsize)
    if path == "numba":
        assert module._compiled_measure_span() is not None


def bits(result: Statistics) -> str:
    """Every field; repr tells -0.0 from 0.0 and every float64 from every other."""
    return repr(result)


# --- a naive second opinion: whole arrays, exact rationals for what rounds, no code of the comparator ---


def parts(value):
    return (value.real, value.imag) if isinstance(value, complex) else (value,)


def naive(actual, expected):
    """The fields of `Statistics`, element by element in exact arithmetic where the values allow it."""
    ulp_bits = 8 * actual.dtype.itemsize if actual.dtype in FLOATS else None
    wide = complex if actual.dtype.kind == "c" else (int if actual.dtype.kind in "iub" else float)
    sides = [[wide(value) for value in side.ravel().tolist()] for side in (actual, expected)]
    pairs = list(zip(*sides, strict=True))

    def finite(value):
        return all(isinstance(part, int) or math.isfinite(part) for part in parts(value))

    def nan(value):
        return any(part != part for part in parts(value))

    def same(one, other):
        return all(a == b or (a != a and b != b) for a, b in zip(parts(one), parts(other), strict=True))

    def gap(one, other):
        return sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(parts(one), parts(other), strict=True))

    both = [(a, e) for a, e in pairs if finite(a) and finite(e)]
    squares = [gap(a, e) for a, e in both]
    broken = [i for i, (a, e) in enumerate(pairs) if not (finite(a) and finite(e)) and not same(a, e)]
    fields = {
        "size": len(pairs),
        "mismatches": sum(not same(a, e) for a, e in pairs),
        "nan_mismatches": sum((nan(a) or nan(e)) and not same(a, e) for a, e in pairs),
        "inf_mismatches": sum(
            not (nan(a) or nan(e)) and not (finite(a) and finite(e)) and not same(a, e) for a, e in pairs
        ),
        "finite_pairs": len(both),
        "max_abs": exact_root(max(squares, default=Fraction(0))),
        "rms": exact_root(sum(squares, Fraction(0)) / max(len(both), 1)),
        "broken": broken,
    }
    for side, values in zip(("actual", "expected"), sides, strict=True):
        kept = [x for x in values if finite(x)]
        flat = [part for x in kept for part in parts(x)]
        square = [sum(Fraction(p) ** 2 for p in parts(x)) for x in kept]
        fields[f"nan_{side}"] = sum(nan(x) for x in values)
        fields[f"peak_{side}"] = exact_root(max(square, default=Fraction(0)))
        fields[f"lowest_{side}"] = float(min(flat)) if flat else None
        fields[f"highest_{side}"] = float(max(flat)) if flat else None
    if ulp_bits:
        fields["max_ulp"] = max(
            (abs(step(a, ulp_bits) - step(e, ulp_bits)) for a, e in finite_scalars(actual, expected)), default=0
        )
    else:
        fields["max_ulp"] = None
    return fields


def finite_scalars(actual, expected):
    for one, other in zip(actual.ravel(), expected.ravel(), strict=True):
        if math.isfinite(float(one)) and math.isfinite(float(other)):
            yield one, other


def step(value, width):
    """Number of the float on the line of all floats of its dtype; both zeros are 0."""
    number = int.from_bytes(value.tobytes(), sys.byteorder)
    sign = 1 << (width - 1)
    return sign - number if number >= sign else number


def exact_root(square: Fraction) -> float:
    """Root of a rational to more digits than a float64 has, then rounded; at most the largest float64."""
    if not square:
        return 0.0
    shift = max(0, 240 - square.numerator.bit_length() + square.denominator.bit_length())
    shift += shift % 2
    scaled = Fraction(math.isqrt((square.numerator << shift) // square.denominator), 1 << (shift // 2))
    return LARGEST if scaled > Fraction(LARGEST) else float(scaled)


def agree(result: Statistics, actual, expected):
    truth = naive(actual, expected)
    # |a - e| and the ratio round two or three times, sums a little more; complex adds hypot and the root of squares.
    near = {"rel": 1e-13, "abs": 1e-320}
    for name in dataclasses.asdict(result):
        value = getattr(result, name)
        if name in ("rms", "max_abs") or "peak" in name:
            assert value == pytest.approx(truth[name], **near), name
        elif name != "worst_index":
            assert value == truth[name], name
    if truth["broken"]:
        assert result.worst_index == tuple(int(i) for i in np.unravel_index(truth["broken"][0], actual.shape))
        assert result.error == math.inf
    elif not truth["mismatches"]:
        assert result.worst_index is None
        assert result.error == 0.0
    else:
        place = np.unravel_index(0, actual.shape) if result.worst_index is None else result.worst_index
        assert result.worst_index is not None
        assert naive(actual[place], expected[place])["max_abs"] == pytest.approx(truth["max_abs"], **near)
        peak = max(truth["peak_actual"], truth["peak_expected"])
        assert result.error == pytest.approx(truth["max_abs"] / peak, rel=1e-12, abs=1e-320)


# --- values: everything a bit pattern can be, with the special ones often, and pairs that are often near or equal ---


def patterns(dtype):
    """Arrays of any bits of the dtype: every NaN, infinity, subnormal and signed zero is among them."""
    if dtype.kind == "b":
        return st.binary(min_size=0, max_size=40).map(lambda raw: np.frombuffer(raw, np.uint8) % 2 == 1)
    size = dtype.itemsize
    return st.binary(max_size=40 * size).map(lambda raw: np.frombuffer(raw[: len(raw) // size * size], dtype))


def specials(dtype):
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = [info.min, info.max, info.max - 1, 0, 1, 2]
    elif dtype.kind == "b":
        values = [True, False]
    elif dtype.kind == "c":
        real = np.finfo(dtype)
        plain = [0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, float(real.max), float(real.smallest_subnormal)]
        values = [complex(a, b) for a in plain for b in plain]
    else:
        info = ml_dtypes.finfo(dtype)
        positive = [0.0, 1.0, 1.0 + float(info.eps), float(info.max), float(info.smallest_normal), math.inf, 3.0]
        values = [sign * value for value in [*positive, float(info.smallest_subnormal)] for sign in (1, -1)] + [
            math.nan
        ]
    return np.array(values, dtype)


@st.composite
def pairs(draw, dtypes):
    dtype = draw(st.sampled_from(dtypes))
    first = draw(patterns(dtype)) if draw(st.booleans()) else np.zeros(0, dtype)
    chosen = draw(st.lists(st.integers(0, specials(dtype).size - 1), max_size=40))
    actual = np.concatenate([first, specials(dtype)[chosen]])
    order = np.random.default_rng(draw(st.integers(0, 1000)))
    other = order.permutation(actual)
    expected = np.where(order.random(actual.size) < draw(st.sampled_from([0.0, 0.1, 1.0])), other, actual)
    return actual, expected.astype(dtype)


fixture_is_constant = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("dtypes", [FLOATS, COMPLEX, INTEGERS], ids=["floats", "complex", "integers"])
def test_every_field_is_the_naive_formula(path, dtypes):
    @fixture_is_constant
    @given(pairs(dtypes))
    def check(sides):
        agree(compare(*sides), *sides)

    check()


@pytest.mark.parametrize("dtypes", [FLOATS, COMPLEX, INTEGERS], ids=["floats", "complex", "integers"])
def test_swapping_the_sides_swaps_the_fields_to_the_bit(path, dtypes):
    @fixture_is_constant
    @given(pairs(dtypes))
    def check(sides):
        result, swapped = (dataclasses.asdict(compare(*order)) for order in (sides, sides[::-1]))
        for one_sided in ("lowest_actual", "highest_actual"):  # without a counterpart of the other side
            del result[one_sided], swapped[one_sided]
        names = {"actual": "expected", "expected": "actual"}
        assert repr({name: swapped[swap_name(name, names)] for name in swapped}) == repr(result)

    check()


def swap_name(name, names):
    stem, _, side = name.rpartition("_")
    return f"{stem}_{names[side]}" if side in names else name


def noisy(dtype, size, seed=0, *, broken=False):
    """Two arrays that differ by rounding, of any real float dtype; `broken` sets NaN and infinities in both."""
    random = np.random.default_rng(seed)
    actual = random.standard_normal(size) * 10.0 ** random.integers(-3, 3, size)
    expected = actual * (1 + 1e-3 * random.standard_normal(size))
    if broken:
        for side in (actual, expected):
            side[random.integers(0, size, size // 50 + 1)] = np.nan
            side[random.integers(0, size, size // 50 + 1)] = np.inf
            side[random.integers(0, size, size // 50 + 1)] = -np.inf
    return actual.astype(dtype), expected.astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("broken", [False, True])
def test_many_blocks_are_the_naive_formula(path, dtype, broken):
    for size in (1, 255, 256, 257, 512, 513, 1023, 1025):
        sides = noisy(dtype, size, size, broken=broken)
        agree(compare(*sides), *sides)


@pytest.mark.parametrize("place", [0, 255, 256, 511, 512, 513, 1023, 1024, 1099])
def test_one_fault_is_found_wherever_it_is(path, place):
    expected = np.arange(1100, dtype=np.float32).reshape(11, 100)
    actual = expected.copy()
    actual.flat[place] += 0.25
    result = compare(actual, expected)
    assert (result.mismatches, result.max_abs, result.worst_index) == (1, 0.25, (place // 100, place % 100))
    actual.flat[1099] = np.nan
    assert compare(actual, expected).worst_index == (10, 99)  # what is not finite goes first


def test_the_first_of_equal_differences_is_the_worst(path):
    expected = np.zeros(2000)
    actual = expected.copy()
    actual[[300, 700, 1500]] = [1.0, -1.0, 1.0]
    assert compare(actual, expected).worst_index == (300,)
    actual[[900, 1900]] = [np.inf, np.nan]
    assert compare(actual, expected).worst_index == (900,)


def layouts(array):
    yield "C", np.ascontiguousarray(array)
    yield "F", np.asfortranarray(array)
    yield "negative", np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1]
    wide = np.zeros((*array.shape[:-1], 3 * array.shape[-1]), array.dtype)
    wide[..., ::3] = array
    yield "strided", wide[..., ::3]
    yield "transposed", np.ascontiguousarray(array.transpose(2, 0, 1)).transpose(1, 2, 0)
    raw = np.zeros(array.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    yield "unaligned", unaligned
    if array.dtype != ml_dtypes.bfloat16:
        yield "swapped bytes", array.astype(array.dtype.newbyteorder())
    locked = array.copy()
    locked.flags.writeable = False
    yield "read-only", locked


@pytest.mark.parametrize("dtype", [*FLOATS, COMPLEX[0], np.dtype(np.int16)], ids=str)
def test_the_memory_layout_changes_no_bit_and_nothing_is_written(path, dtype):
    sides = [side.reshape(7, 11, 13) for side in noisy(np.float32, 7 * 11 * 13)]
    actual, expected = (np.round(side * 10).astype(dtype) for side in sides)
    wanted = bits(compare(actual, expected))
    seen = []
    for name, other in layouts(actual):
        assert bits(compare(other, expected)) == wanted, name
        for other_name, another in layouts(expected):
            before = other.tobytes(), another.tobytes()
            assert bits(compare(other, another)) == wanted, (name, other_name)
            assert (other.tobytes(), another.tobytes()) == before, (name, other_name)
        seen.append(name)
    assert len(seen) >= 7


def test_no_layout_is_compiled_anew(monkeypatch):
    compiled = importlib.import_module("parity.compare.block_numba")
    shrink(monkeypatch, "numba")
    for dtype in FLOATS:
        sides = [side.reshape(7, 11, 13) for side in noisy(dtype, 7 * 11 * 13)]
        for _, other in layouts(sides[0]):
            compare(other, sides[1])
    kinds = [array for signature in compiled._measure_blocks.signatures for array in signature[:4]]
    assert kinds
    assert all(not array.mutable and array.layout == "C" for array in kinds)
    assert len(compiled._measure_blocks.signatures) == 3  # float64, float32, and the two that are compared as float32


def test_compiled_code_gets_aligned_memory():
    """Numba takes it for granted and does not look."""
    compiled = importlib.import_module("parity.compare.block_numba")
    unaligned = dict(layouts(np.ones((2, 3, 5), np.float32)))["unaligned"].reshape(-1)
    assert not unaligned.flags.aligned
    assert all(part.flags.aligned for part in compiled._values_and_bits(unaligned))


def test_a_broadcast_side_is_compared_where_it_stands(path):
    row = np.arange(500.0)
    result = compare(np.broadcast_to(row, (4, 500)), np.tile(row, (4, 1)))
    assert (result.size, result.mismatches) == (2000, 0)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("broken", [False, True])
def test_both_paths_agree_on_every_bit(monkeypatch, dtype, broken):
    importlib.import_module("numba")
    size = 3 * module.SPAN * module.BLOCK + 12_345 if dtype == np.float32 else 5 * module.BLOCK + 17
    sides = noisy(dtype, size, broken=broken)
    results = {}
    for path in ("numpy", "numba"):
        force(monkeypatch, path)
        results[path] = bits(compare(*sides))
    assert results["numpy"] == results["numba"]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("broken", [False, True])
def test_both_paths_leave_the_same_rows(monkeypatch, dtype, broken):
    """The whole result could hide another order of additions; 80 single blocks do not."""
    compiled = importlib.import_module("parity.compare.block_numba")
    shrink(monkeypatch, "numba")
    sides = noisy(dtype, 80 * 256 + 77, broken=broken)
    rows, other_rows = (path.measure_span(*sides, 512, 256) for path in (block, compiled))
    for name in rows.dtype.names:
        assert rows[name].tobytes() == other_rows[name].tobytes(), name


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_the_number_of_threads_changes_no_bit(monkeypatch, threads):
    importlib.import_module("numba")
    force(monkeypatch, "numba")
    monkeypatch.setattr(module, "BLOCK", 512)
    monkeypatch.setattr(module, "SPAN", 4)
    monkeypatch.setattr(module, "_processors", lambda: 1)
    sides = noisy(np.float32, 100_003, broken=True)
    alone = bits(compare(*sides))
    monkeypatch.setattr(module, "_processors", lambda: threads)
    started = []
    pool = module.ThreadPoolExecutor
    monkeypatch.setattr(
        module, "ThreadPoolExecutor", lambda count, **more: started.append(count) or pool(count, **more)
    )
    assert bits(compare(*sides)) == alone
    assert started == [threads]


# --- values that overflow, vanish or collide ---


@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300, 2.0**-1060, 2.0**490, 2.0**-455])
def test_float64_rms_neither_overflows_nor_vanishes(path, scale):
    actual, expected = (side * scale for side in noisy(np.float64, 1000))
    agree(compare(actual, expected), actual, expected)
    mixed = (
        np.concatenate([actual, noisy(np.float64, 1000, 1)[0]]),
        np.concatenate([expected, noisy(np.float64, 1000, 2)[1]]),
    )
    agree(compare(*mixed), *mixed)


def test_what_exceeds_float64_is_the_largest_float64(path):
    result = compare(np.array([1e308] * 9), np.array([-1e308] * 9))
    assert result.max_abs == LARGEST
    assert result.rms == pytest.approx(LARGEST)
    assert result.error == pytest.approx(1.797693, rel=1e-5)
    result = compare(np.array([1.5e308 + 1.5e308j]), np.array([-1.5e308 - 1.5e308j]))
    assert (result.max_abs, result.peak_actual) == (LARGEST, LARGEST)


def test_the_smallest_float64_is_a_difference(path):
    result = compare(np.array([5e-324, 0.0]), np.array([0.0, -0.0]))
    assert (result.mismatches, result.max_abs, result.max_ulp, result.error) == (1, 5e-324, 1, 1.0)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_ulps_count_the_floats_between(path, dtype):
    info = ml_dtypes.finfo(dtype)
    tiny = float(info.smallest_subnormal)
    one, above = np.ones(1, dtype), np.array([1 + float(info.eps)], dtype)
    assert compare(one, above).max_ulp == 1
    assert compare(np.array([tiny], dtype), np.array([-tiny], dtype)).max_ulp == 2
    assert compare(np.array([0.0], dtype), np.array([-0.0], dtype)).max_ulp == 0
    top = np.array([info.max], dtype)
    assert compare(top, -top).max_ulp == 2 * step(top[0], 8 * dtype.itemsize)


def test_integers_are_compared_exactly_by_value(path):
    big = 2**53
    result = compare(np.array([big, 5]), np.array([big + 1, 5]))
    assert (result.mismatches, result.max_abs, result.max_ulp) == (1, 1.0, None)
    assert compare(np.array([-3, 4], np.int32), np.array([-3, 4], np.int64)).mismatches == 0
    assert compare(np.array([-1], np.int8), np.array([255], np.uint8)).max_abs == 256.0
    assert compare(np.array([-1]), np.array([2**64 - 1], np.uint64)).max_abs == 2.0**64
    extremes = np.array([-(2**63)]), np.array([2**63 - 1])
    assert compare(*extremes).max_abs == 2.0**64
    assert compare(np.array([0]), np.array([2**63], np.uint64)).max_abs == 2.0**63
    assert compare(np.array([True, False]), np.array([False, False])).max_abs == 1.0


def test_complex_nan_is_compared_part_by_part(path):
    nan = math.nan
    one, other = complex(nan, 1), complex(nan, 2)
    assert compare(np.array([one]), np.array([one])).mismatches == 0
    result = compare(np.array([one, 1j, complex(math.inf, 0)]), np.array([other, 1j, complex(math.inf, 1)]))
    assert (result.mismatches, result.nan_mismatches, result.inf_mismatches, result.finite_pairs) == (2, 1, 1, 1)
    assert (result.nan_actual, result.nan_expected, result.error) == (1, 1, math.inf)


def test_nan_and_infinity_are_equal_only_to_their_own(path):
    nan, inf = math.nan, math.inf
    same = np.array([nan, inf, -inf, 0.0, -0.0])
    result = compare(same, np.array([nan, inf, -inf, -0.0, 0.0]))
    assert (result.mismatches, result.error, result.worst_index, result.finite_pairs) == (0, 0.0, None, 2)
    result = compare(np.array([1.0, nan, inf, inf, 1.0, nan]), np.array([1.0, 1.0, -inf, 1.0, -inf, inf]))
    assert (result.mismatches, result.nan_mismatches, result.inf_mismatches, result.worst_index) == (5, 2, 3, (1,))


# --- shapes, sizes and what is refused ---


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTEGERS], ids=str)
def test_nothing_is_compared_as_nothing(path, dtype):
    for shape in ((0,), (3, 0, 2)):
        result = compare(np.zeros(shape, dtype), np.zeros(shape, dtype))
        assert (result.size, result.finite_pairs, result.mismatches, result.error) == (0, 0, 0, 0.0)
        assert (result.lowest_actual, result.highest_actual, result.worst_index, result.rms) == (None, None, None, 0.0)
    result = compare(*(np.full(300, np.nan, np.float32),) * 2)
    assert (result.nan_actual, result.finite_pairs, result.peak_actual, result.lowest_actual) == (300, 0, 0.0, None)


def test_a_scalar_has_the_empty_index(path):
    assert compare(np.array(1.0), np.array(2.0)).worst_index == ()
    assert compare(np.float32(1), np.float32(1)).worst_index is None


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_constant_and_zero_sides_show(path, dtype):
    result = compare(np.full(700, 3, dtype), np.zeros(700, dtype))
    assert result.lowest_actual == result.highest_actual == result.peak_actual == 3.0
    assert result.peak_expected == 0.0
    result = compare(np.zeros(700, dtype), np.full(700, 3, dtype))
    assert result.lowest_actual == result.highest_actual == result.peak_actual == 0.0
    assert "-0.0" not in bits(compare(np.full(3, -0.0, dtype), np.full(3, -0.0, dtype)))


@pytest.mark.parametrize(
    ("actual", "expected", "named"),
    [
        (np.zeros(3), np.zeros((3, 1)), [r"\(3,\)", r"\(3, 1\)"]),
        (np.zeros(3), np.zeros(3, np.float32), ["float64", "float32"]),
        (np.zeros(3, bool), np.zeros(3, np.int8), ["bool", "int8"]),
        (np.zeros(3, np.int64), np.zeros(3), ["int64", "float64"]),
        (np.zeros(3, object), np.zeros(3), ["actual", "object"]),
        (np.zeros(3), np.array(["a", "b", "c"]), ["expected", "<U1"]),
        (np.zeros(3, np.longdouble), np.zeros(3, np.longdouble), ["actual", "longdouble|float128"]),
        ([0.0], np.zeros(1), ["actual", "list"]),
        (np.zeros(1), None, ["expected", "NoneType"]),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(actual, expected, named):
    for text in named:
        with pytest.raises(InputError, match=text):
            compare(actual, expected)


def test_merging_nothing_changes_nothing():
    assert merge(np.concatenate([blank_rows(2), blank_rows(3)])) == merge(blank_rows(0)) == blank_rows(1)
    assert root_mean_square(4.0, 1023, 1) == LARGEST


# --- the two promises about the machine ---


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_extra_memory_stays_small(monkeypatch, path, order):
    force(monkeypatch, path)
    actual = np.ones((8192, 8192) if path == "numba" else (2048, 4096), np.float32, order=order)
    compare(actual[:2], actual[:2])
    tracemalloc.start()
    try:
        assert compare(actual, actual).mismatches == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20


def test_importing_it_imports_numpy_only():
    code = "import sys, parity.compare.compare; print(sorted({'jax', 'torch', 'numba', 'scipy'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert shown.stdout.strip() == "[]"


def test_without_numba_large_arrays_go_the_numpy_way(monkeypatch):
    monkeypatch.setattr(module, "LOAD_FROM", 0)
    monkeypatch.setattr(module, "FAST_FROM", 0)
    monkeypatch.setitem(sys.modules, "parity.compare.block_numba", None)
    module._compiled_measure_span.cache_clear()
    try:
        assert compare(np.ones(5), np.ones(5)).mismatches == 0
        assert module._compiled_measure_span() is None
    finally:
        module._compiled_measure_span.cache_clear()


def test_small_arrays_do_not_load_the_compiler():
    code = "import sys, numpy; from parity.compare.compare import compare; compare(numpy.ones(9), numpy.ones(9)); "
    code += "print('numba' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert shown.stdout.strip() == "False"
