"""Declared differences: what they cover, what they do not, and that a wrong declaration is refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

import parity
from parity import Deviation, InputError, Verdict
from parity.data.inputs import normal
from parity.judge.deviations import apply, checked, load
from parity.judge.finding import Finding
from tests.both import check, found

X = normal((8, 3), 0, "x")
WORDS = {"leaf": "out", "verdict": "SEMANTIC", "bound": 0.1, "reason": "because", "owner": "me"}
TABLE = '[[deviation]]\nleaf = "out"\nverdict = "SEMANTIC"\nbound = 0.1\nreason = "because"\nowner = "me"\n'


def deviation(**changes):
    return Deviation(**{**WORDS, **changes})


def finding(leaf="out", dtype="float64", verdict=Verdict.SEMANTIC, error=0.05, **rest):
    return Finding(leaf, dtype, rest.pop("mode", "eager"), verdict, error=error, message="differs", **rest)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "ROUNDING"}, "verdict is 'ROUNDING', expected one of INCONCLUSIVE, VACUOUS, STABILITY, "),
        ({"verdict": "semantic"}, "verdict is 'semantic', expected one of"),
        ({"verdict": 3}, "verdict is 3, expected one of"),
        ({"bound": -1e-9}, "bound is -1e-09, expected a number from 0 to inf"),
        ({"bound": math.nan}, "bound is nan, expected a number from 0 to inf"),
        ({"bound": "1"}, "bound is '1', expected a number"),
        ({"bound": True}, "bound is True, expected a number"),
        ({"bound": []}, "bound is [], expected a number"),
        ({"leaf": ""}, "leaf is '', expected text"),
        ({"reason": "  "}, "reason is '  ', expected text"),
        ({"owner": []}, "owner is [], expected text"),
        ({"op": 3}, "op is 3, expected text"),
        ({"dtype": ""}, "dtype is '', expected text"),
        ({"mode": 0}, "mode is 0, expected text"),
        ({"regime": 1.0}, "regime is 1.0, expected text"),
        ({"side": "tensorflow"}, "side is 'tensorflow', expected jax or torch, or none at all"),
        ({"side": ""}, "side is '', expected jax or torch"),
        ({"group": 3, "cell": "jvp"}, "group is 3, expected text"),
        ({"group": "grad"}, "group is 'grad' and cell '', expected both or neither"),
        ({"cell": "jvp"}, "group is '' and cell 'jvp', expected both or neither"),
        ({"group": "grad", "cell": []}, "cell is '', expected text"),
        ({"group": "grad", "cell": ["jvp", 3]}, "cell is 3, expected text"),
        ({"error": " "}, "error is ' ', expected text"),
        ({"error": "no rule"}, "error goes with verdict ERROR, not with SEMANTIC"),
        (
            {"group": "grad", "cell": "jvp", "verdict": "ERROR", "side": "jax"},
            "a cell that a framework does not support",
        ),
        (
            {"group": "grad", "cell": "jvp", "verdict": "ERROR", "error": "x"},
            "a cell that a framework does not support",
        ),
        ({"link": "see there"}, "link is 'see there', expected an address"),
    ],
)
class TestWrongDeclarations:
    def test_as_an_object(self, changes, message):
        with pytest.raises(InputError) as raised:
            deviation(**changes)
        assert str(raised.value).startswith(f"deviations: {message}")

    def test_in_a_file(self, changes, message, tmp_path):
        path = tmp_path / "mine.toml"
        words = {**WORDS, **changes}
        lines = [f"{name} = {'true' if value is True else repr(value)}" for name, value in words.items()]
        path.write_text(TABLE + "[[deviation]]\n" + "\n".join(lines))
        with pytest.raises(InputError) as raised:
            load(path)
        assert str(raised.value).startswith(f"deviations: entry 2 of {path}: {message}")


class TestFiles:
    def test_a_file(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(TABLE + 'op = "att*"\nside = "jax"\ndtype = "float32"\nregime = "tiny"\nmode = "eager"\n')
        expected = deviation(op="att*", side="jax", dtype="float32", regime="tiny", mode="eager")
        assert load(path) == (expected,)
        assert checked(str(path), "attention") == checked(path, "attention") == (expected,)
        assert checked(path, "softmax") == ()

    def test_an_empty_file_declares_nothing(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text("# nothing\n")
        assert load(path) == ()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("[[deviation]\n", "cannot read @ ("),
            (b"\xff\xfe", "cannot read @ ("),
            ("[[deviation]]\n", "entry 1 of @ lacks leaf, verdict, bound, reason, owner"),
            (TABLE.replace('owner = "me"\n', ""), "entry 1 of @ lacks owner"),
            (
                TABLE + "tolerance = 1\n",
                "entry 1 of @ has 'tolerance', expected some of bound, cause, cell, dtype, error, group, leaf, link,",
            ),
            (TABLE + TABLE + "a = 1\nb = 2\n", "entry 2 of @ has 'a', 'b', expected some of"),
            (TABLE.replace("[[deviation]]", "[deviation]"), "@ has deviation, expected [[deviation]] tables alone"),
            (TABLE.replace("[[deviation]]", "[[deviations]]"), "@ has deviations, expected [[deviation]] tables alone"),
            ("deviation = [1]\n", "entry 1 of @ has 1, expected"),
            ('leaf = "out"\n' + TABLE, "@ has leaf, deviation, expected [[deviation]] tables alone"),
        ],
    )
    def test_a_wrong_file_is_named(self, content, message, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(InputError) as raised:
            load(path)
        assert str(raised.value).startswith("deviations: " + message.replace("@", str(path)))

    def test_a_missing_file_and_a_folder(self, tmp_path):
        for path in (tmp_path / "none.toml", tmp_path):
            with pytest.raises(InputError, match="deviations: cannot read"):
                checked(path, "x")


@pytest.mark.parametrize(
    ("wrong", "kind"), [([WORDS], "dict"), ([None], "NoneType"), (3, "int"), (None, "NoneType"), (b"path", "int")]
)
def test_anything_else_is_refused(wrong, kind):
    with pytest.raises(InputError, match=rf"deviations: got a {kind}, expected parity.Deviation objects or the path"):
        checked(wrong, "x")


def test_cells_are_declared_in_the_same_file_and_concern_no_check(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TABLE + TABLE + 'group = "*"\ncell = ["jvp", "in*"]\n')
    whole, cells = load(path)
    assert (whole.cells, cells.cells) == (("",), ("jvp", "in*"))
    assert checked(path, "mine") == (whole,)
    assert cells == deviation(group="*", cell=("jvp", "in*")) == deviation(group="*", cell=["jvp", "in*"])
    assert [cells.concerns("mine", "vmap", cell) for cell in ("in_axes=1", "jvp", "nested", "")] == [1, 1, 0, 0]
    assert not whole.concerns("mine", "vmap", "nested")
    assert not deviation(group="grad", cell="*").concerns("mine", "vmap", "nested")
    assert not deviation(group="*", cell="*").concerns("mine")


def test_a_single_object_is_a_declaration_forgotten_in_a_tuple():
    assert checked(deviation(), "x") == (deviation(),)


@pytest.mark.parametrize(
    ("declared", "seen", "covered"),
    [
        ({}, {}, True),
        ({"leaf": "out*"}, {"leaf": "out/loss"}, True),
        ({"leaf": "out"}, {"leaf": "out/loss"}, False),
        ({"leaf": "grad/[qk]*"}, {"leaf": "grad/key"}, True),
        ({"leaf": "grad/[qk]*"}, {"leaf": "grad/value"}, False),
        ({"leaf": "OUT"}, {}, False),
        ({"verdict": "STABILITY"}, {}, False),
        ({"verdict": "STABILITY"}, {"verdict": Verdict.STABILITY, "side": "jax"}, True),
        ({"side": "jax"}, {"side": "jax"}, True),
        ({"side": "jax"}, {"side": "torch"}, False),
        ({"side": "jax"}, {"side": None}, False),
        ({}, {"side": "torch"}, True),
        ({"dtype": "float32"}, {"dtype": "float32"}, True),
        ({"dtype": "float32"}, {}, False),
        ({"dtype": "*16"}, {"dtype": "bfloat16"}, True),
        ({"mode": "compiled"}, {}, False),
        ({"mode": "compiled"}, {"mode": "compiled"}, True),
        ({"regime": "unit"}, {"regime": "tiny"}, False),
        ({"regime": "t*"}, {"regime": "tiny"}, True),
        ({"bound": 0.05}, {"error": 0.05}, True),
        ({"bound": 0.05}, {"error": 0.050001}, False),
        ({"bound": 0.0}, {"error": 0.0}, True),
        ({"bound": 1e9}, {"error": math.inf}, False),
        ({"bound": 1e9}, {"error": math.nan}, False),
        ({"bound": math.inf}, {"error": math.inf}, True),
        ({"bound": math.inf}, {"error": math.nan}, True),
        ({"bound": math.inf}, {"error": 1e300}, True),
        ({"verdict": "ERROR", "error": "no rule"}, {"verdict": Verdict.ERROR}, False),
        ({"verdict": "ERROR", "error": "iffer"}, {"verdict": Verdict.ERROR}, True),
    ],
)
def test_covers(declared, seen, covered):
    assert deviation(**declared).covers(finding(**seen)) is covered
    (first, *rest) = apply([deviation(**declared)], [finding(**seen)])
    assert (first.verdict is Verdict.CONVENTION) is covered
    was_not_run = not covered and declared.keys() & {"dtype", "mode", "regime"}
    assert [f.verdict for f in rest] == ([] if covered or was_not_run else [Verdict.VACUOUS])


class TestApply:
    def test_who_and_why_are_in_the_message(self):
        (judged,) = apply([deviation()], [finding(side="jax")])
        assert judged.message == "declared by me: because; SEMANTIC: differs"
        assert (judged.side, judged.error) == ("jax", 0.05)
        (judged,) = apply([deviation(link="https://example.org/1")], [finding()])
        assert judged.message == "declared by me: because (https://example.org/1); SEMANTIC: differs"

    def test_a_stale_declaration_fails_and_says_so(self):
        passed, stale = apply([deviation(side="jax")], [finding(verdict=Verdict.EXACT, error=0.0)])
        assert passed.verdict is Verdict.EXACT
        assert (stale.verdict, stale.leaf, stale.side) == (Verdict.VACUOUS, "out", "jax")
        assert stale.message == ("stale: declared as SEMANTIC by me (because), but it did not occur; remove it")

    @pytest.mark.parametrize("what", [{"dtype": "bfloat16"}, {"mode": "compiled"}, {"regime": "tiny"}])
    def test_only_what_was_run_is_stale(self, what):
        passed = finding(verdict=Verdict.EXACT, error=0.0)
        assert apply([deviation(**what)], [passed]) == [passed]
        run = finding("grad/x", **{"verdict": Verdict.EXACT, "error": 0.0, **what})
        assert [f.verdict for f in apply([deviation(**what)], [run])] == [Verdict.EXACT, Verdict.VACUOUS]
        assert [f.verdict for f in apply([deviation(**what)], [], [run])] == [Verdict.VACUOUS]

    def test_one_declaration_for_many_findings(self):
        seen = [finding("out/0"), finding("out/1"), finding("out/1", mode="compiled")]
        assert {f.verdict for f in apply([deviation(leaf="out/*")], seen)} == {Verdict.CONVENTION}

    def test_the_first_that_covers(self):
        one, other = deviation(reason="one"), deviation(reason="other", leaf="*")
        judged = apply([one, other], [finding(), finding("grad/x")])
        assert ["one" in f.message for f in judged] == [True, False]
        assert len(judged) == 2

    def test_without_declarations_nothing_changes(self):
        seen = [finding(), finding("grad/x")]
        assert apply((), seen) == seen

    @pytest.mark.parametrize(
        ("declared", "error", "covered"),
        [
            ({}, 0.09, True),
            ({}, 0.11, False),  # the bound holds in float32 too
            ({"side": "jax"}, 0.09, True),  # a side that float32 cannot name
            ({"dtype": "float64"}, 0.09, False),
            ({"mode": "eager"}, 0.09, True),
        ],
    )
    def test_a_lower_rung_that_waits_for_a_declared_one(self, declared, error, covered):
        waiting = finding(dtype="float32", verdict=Verdict.INCONCLUSIVE, error=error)
        judged = apply([deviation(**declared)], [finding(side="jax"), waiting])
        assert judged[0].verdict is Verdict.CONVENTION
        assert (judged[1].verdict is Verdict.CONVENTION) is covered

    def test_a_lower_rung_of_another_leaf_or_regime_waits_on(self):
        others = [
            finding("grad/x", "float32", Verdict.INCONCLUSIVE),
            finding("out", "float32", Verdict.INCONCLUSIVE, regime="tiny"),
        ]
        judged = apply([deviation()], [finding(), *others])
        assert [f.verdict for f in judged] == [Verdict.CONVENTION, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE]


@pytest.mark.both
class TestThroughCheck:
    def judged(self, *deviations, factor=2.02, **options):
        return check(lambda x: x * 2, lambda x: x * factor, (X,), wrt=(), deviations=deviations, **options)

    def test_within_the_bound(self):
        report = self.judged(deviation(bound=0.0101))
        assert (report.verdict, report.passed) == (Verdict.CONVENTION, True)
        assert {f.dtype for f in report.findings} == {"float64", "float32"}

    def test_beyond_the_bound(self):
        report = self.judged(deviation(bound=0.0098))
        assert found(report).verdict is Verdict.SEMANTIC
        assert not report.passed

    def test_nan_against_a_number(self):
        def broken(x):
            return x * 2 + x * 0 * np.nan

        for bound, passed in ((1e300, False), (math.inf, True)):
            report = check(broken, lambda x: x * 2, (X,), wrt=(), deviations=[deviation(bound=bound)])
            assert report.passed is passed

    def test_the_name_of_the_check(self):
        assert self.judged(deviation(op="double*"), name="doubled").passed
        assert not self.judged(deviation(op="double*"), name="halved").passed

    def test_stale(self):
        report = self.judged(deviation(), factor=2)
        assert not report.passed
        assert "stale: declared as SEMANTIC by me" in str(report)

    @pytest.mark.parametrize("what", [{"dtype": "bfloat16"}, {"mode": "compiled"}, {"regime": "tiny"}])
    def test_a_rung_that_was_not_run_is_not_stale(self, what):
        assert self.judged(deviation(**what), factor=2).verdict is Verdict.EXACT

    def test_a_rung_that_was_run_is(self):
        report = self.judged(deviation(dtype="bfloat16"), factor=2, dtypes=("bfloat16",))
        assert "stale" in str(report)
        report = self.judged(deviation(regime="tiny"), factor=2, regimes=("unit", "tiny"))
        assert "stale" in str(report)

    def test_a_wrong_declaration_is_refused_before_anything_runs(self):
        def never(x):
            raise AssertionError("called")

        with pytest.raises(InputError, match="deviations"):
            parity.check(never, never, (X,), deviations="no-such-file.toml")
