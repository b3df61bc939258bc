"""The command line: exit codes, one-line messages, reports on disk, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from parity import cli, ops
from parity.data import named
from parity.errors import InputError
from parity.jobs import suite
from tests.project.sources import PYPROJECT

MODULE = """
import numpy as np

def matmul(x, y):
    return x @ y

def reference(x, y):
    return np.matmul(x, y)

def other(x, y):
    return x @ y * 1.001

def take(x, n):
    return x[n]

class Model:
    def __call__(self, x, y):
        return x @ y

model = Model()
number = 3
"""
INPUTS = ("--input", "x=3x5", "--input", "y=5x2")


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs `parity WORDS` in this process and in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["parity", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code or 0, out, err

    return run


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """The name of a module in the folder of the command."""
    name = f"mine_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / f"broken_{name}.py").write_text("import no_such_module_at_all")
    (tmp_path / f"misspelt_{name}.py").write_text("def f(:")
    yield name
    for module in (name, f"broken_{name}"):
        sys.modules.pop(module, None)


def one_line(err):
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("parity: ")
    return lines[0].removeprefix("parity: ")


class TestList:
    def test_names_every_operation(self, command):
        code, out, _ = command("list")
        assert code == 0
        for name in ops.names():
            assert name in out

    def test_json(self, command):
        code, out, _ = command("list", "--json")
        found = json.loads(out)
        assert code == 0
        assert [op["name"] for op in found] == ops.names()
        (attention,) = [op for op in found if op["name"] == "attention"]
        assert attention["inputs"] == {"query": "[T H]", "key": "[S H]", "value": "[S Hv]"}
        assert attention["outputs"] == "[T Hv]"
        assert "1706.03762" in attention["source"]

    def test_version(self, command):
        assert command("--version") == (0, f"parity {PYPROJECT['project']['version']}\n", "")

    def test_words_are_asked_for(self, command):
        code, out, err = command()
        assert code == 2
        assert "Usage" in out + err


@pytest.mark.both
class TestCheck:
    def test_passes(self, command, functions):
        code, out, _ = command("check", f"{functions}:matmul", f"{functions}:model", *INPUTS)
        assert code == 0
        assert out.startswith(f"{functions}:matmul against {functions}:model: ")
        assert "in 6 comparisons" in out

    def test_fails(self, command, functions):
        code, out, _ = command("check", f"{functions}:matmul", f"{functions}:other", *INPUTS, "--wrt", "none")
        assert code == 1
        assert "SEMANTIC in 2 of 2 comparisons" in out

    def test_json(self, command, functions):
        code, out, _ = command(
            "check", f"{functions}:matmul", f"{functions}:other", *INPUTS, "--json", "--wrt", "y", "--dtype", "bfloat16"
        )
        found = json.loads(out)
        assert code == 1
        assert found["schema"] == "parity-report/1"
        assert {(f["leaf"], f["dtype"]) for f in found["findings"]} == {
            (leaf, dtype) for leaf in ("out", "grad/y") for dtype in ("float64", "bfloat16")
        }

    def test_the_reference_is_asked(self, command, functions):
        words = ("check", f"{functions}:other", f"{functions}:other", *INPUTS, "--reference")
        assert command(*words, f"{functions}:other")[0] == 0
        code, out, _ = command(*words, f"{functions}:reference")
        assert code == 1
        assert "not with the reference" in out

    def test_seeds_and_integers(self, command, functions):
        words = ("check", f"{functions}:take", f"{functions}:take", "--input", "x=4x3", "--input", "n=2:4")
        assert command(*words)[0] == 0
        assert command(*words, "--seed", "7")[0] == 0

    def test_stored_inputs(self, command, functions, tmp_path):
        np.savez(tmp_path / "stored.npz", x=np.arange(6.0).reshape(2, 3), y=np.eye(3))
        code, out, _ = command(
            "check", f"{functions}:matmul", f"{functions}:other", "--stored", "stored.npz", "--wrt", "none", "--json"
        )
        (first, _) = json.loads(out)["findings"]
        assert code == 1
        assert (first["index"], first["actual"], first["expected"]) == ([1, 2], 5.0, 5 * 1.001)

    def test_seeded_beside_stored(self, command, functions, tmp_path):
        np.savez(tmp_path / "stored.npz", x=np.ones((2, 5)))
        assert (
            command(
                "check", f"{functions}:matmul", f"{functions}:matmul", "--stored", "stored.npz", "--input", "y=5x2"
            )[0]
            == 0
        )

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("@:matmul", "@:matmul"), "--input: got none, expected --input NAME=SHAPE"),
            (("matmul", "@:matmul"), "JAX_FUNCTION: got 'matmul', expected module:function"),
            (("@:", "@:matmul"), "JAX_FUNCTION: got"),
            ((":matmul", "@:matmul"), "JAX_FUNCTION: got ':matmul'"),
            ((".@:matmul", "@:matmul"), "JAX_FUNCTION: got '.@:matmul'"),
            (("@:matmul", "no_such_module:f"), "TORCH_FUNCTION: cannot import no_such_module (No module named"),
            (("@:matmul", "broken_@:f"), "TORCH_FUNCTION: cannot import broken_@ (No module named"),
            (("@:matmul", "misspelt_@:f"), "TORCH_FUNCTION: importing misspelt_@ raised SyntaxError ("),
            (("@:matmul", "@:matmull"), "TORCH_FUNCTION: @ has no matmull; check its spelling"),
            (("@:number", "@:matmul"), "JAX_FUNCTION: @:number is a int, expected a function"),
            (("@:matmul", "@:matmul", *INPUTS, "--reference", "@"), "--reference: got '@', expected module:function"),
            (("@:matmul", "@:matmul", "--input", "x"), "--input: got 'x', expected NAME=SHAPE such as x=4x8"),
            (("@:matmul", "@:matmul", "--input", "x=4x"), "--input: got 'x=4x', expected"),
            (("@:matmul", "@:matmul", "--input", "x=-4"), "--input: got 'x=-4', expected"),
            (("@:matmul", "@:matmul", "--input", "x=4:0"), "--input: got 'x=4:0', expected"),
            (("@:matmul", "@:matmul", "--stored", "missing.npz"), "--stored: cannot read missing.npz ("),
            (("@:matmul", "@:matmul", "--stored", "text.npz"), "--stored: cannot read text.npz ("),
            (("@:matmul", "@:matmul", "--stored", "empty.npz"), "--stored: cannot read empty.npz ("),
            (("@:matmul", "@:matmul", "--stored", "half.npz"), "--stored: cannot read half.npz ("),
            (("@:matmul", "@:matmul", "--stored", "one.npy"), "--stored: cannot read one.npy ("),
            (("@:matmul", "@:matmul", "--stored", "objects.npz"), "--stored: cannot read objects.npz ("),
            (("@:matmul", "@:matmul", *INPUTS, "--dtype", "float8"), "dtypes: got 'float8', expected some of float64"),
            (("@:matmul", "@:matmul", *INPUTS, "--mode", "jit"), "modes: got 'jit', expected some of eager, compiled"),
            (("@:matmul", "@:matmul", *INPUTS, "--wrt", "z"), "wrt: got 'z', expected names or positions"),
            (("@:matmul", "@:matmul", *INPUTS, "--device", "tpu"), "device: got 'tpu', expected one of cpu, cuda"),
            (
                ("@:matmul", "@:matmul", *INPUTS, "--precision", "low"),
                "precision: got 'low', expected one of highest, caller",
            ),
        ],
    )
    def test_bad_words(self, command, functions, tmp_path, words, message):
        np.savez(tmp_path / "whole.npz", x=np.ones(100))
        (tmp_path / "half.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:300])
        (tmp_path / "text.npz").write_text("hello")
        (tmp_path / "empty.npz").touch()
        np.save(tmp_path / "one.npy", np.ones(3))
        np.savez(tmp_path / "objects.npz", x=np.array([None, {}]))
        code, out, err = command(
            "check", *(word.replace("@", functions) if ":" in word or word == "@" else word for word in words)
        )
        assert code == 2
        assert out == ""
        assert one_line(err).startswith(
            message.replace("@", functions) if "odule named" not in message else message[:20]
        )

    def test_a_device_that_is_not_there(self, command, functions):
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        code, out, err = command("check", f"{functions}:matmul", f"{functions}:matmul", *INPUTS, "--device", "cuda")
        assert (code, out) == (2, "")
        assert one_line(err).startswith("device: got 'cuda', but jax sees none (")
        assert one_line(err).endswith("); install its build for it, or use device cpu")

    def test_a_negative_seed_is_refused(self, command, functions):
        code, out, err = command("check", f"{functions}:matmul", f"{functions}:matmul", *INPUTS, "--seed", "-1")
        assert code == 2
        assert "seed" in out + err


class TestInputWords:
    def test_shapes(self):
        found = named.arrays(["x=2x3", "s=", "n=4:7", "k=:2", "e=0x3"], None, 0)
        assert {name: array.shape for name, array in found.items()} == {
            "x": (2, 3), "s": (), "n": (4,), "k": (), "e": (0, 3),
        }  # fmt: skip
        assert found["x"].dtype == np.float32
        assert found["n"].dtype.kind == "i"
        assert set(named.arrays(["n=300:7"], None, 0)["n"].tolist()) == set(range(7))

    def test_seeds(self):
        one, same, other = (named.arrays(["x=9"], None, seed)["x"] for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_a_function_in_a_class(self):
        assert named.function("json:JSONDecoder.decode", "X") is json.JSONDecoder.decode
        with pytest.raises(InputError, match=r"X: json has no JSONDecoder.no; check its spelling"):
            named.function("json:JSONDecoder.no", "X")


def read(folder):
    return json.loads((folder / "report.json").read_text())


class TestRun:
    @pytest.mark.both
    def test_end_to_end(self, command, tmp_path):
        code, out, _ = command("run", "attention", "--mode", "eager")
        found = read(tmp_path / "parity-report")
        assert code == 0, out
        assert (found["complete"], found["passed"], found["selected"]) == (True, True, ["attention"])
        (report,) = found["reports"]
        assert {(f["leaf"], f["dtype"], f["mode"]) for f in report["findings"]} == {
            (leaf, dtype, "eager")
            for leaf in ("out", "grad/query", "grad/key", "grad/value")
            for dtype in ("float64", "float32", "bfloat16")
        }
        assert "# parity run: PASSED" in (tmp_path / "parity-report" / "report.md").read_text()
        assert "passed: parity-report/report.md" in out.replace("\n", "")

    @pytest.mark.both
    def test_json_on_standard_output_and_a_failure(self, command, tmp_path, monkeypatch):
        op = ops.load("attention")
        pair = {"jax": op.implementation("jax"), "torch": lambda query, key, value: value[:5] * 2}
        monkeypatch.setattr(suite.Op, "implementation", lambda self, backend: pair[backend])
        code, out, _ = command(
            "run", "attention", "--mode", "eager", "--dtype", "float32", "--json", "--report", tmp_path / "a" / "b"
        )
        assert code == 1
        assert json.loads(out) == read(tmp_path / "a" / "b")
        assert json.loads(out)["passed"] is False
        assert "# parity run: FAILED" in (tmp_path / "a" / "b" / "report.md").read_text()

    def test_an_unknown_operation(self, command, tmp_path):
        code, _, err = command("run", "atention")
        assert code == 2
        assert one_line(err).startswith("SELECT: got 'atention', expected some of attention, ")
        assert not (tmp_path / "parity-report" / "report.json").exists()

    @pytest.mark.both
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("attention", "--dtype", "float8"), "dtypes: got 'float8', expected some of"),
            (("attention", "--mode", "jit"), "modes: got 'jit', expected some of"),
        ],
    )
    def test_unknown_words(self, command, words, message):
        code, _, err = command("run", *words)
        assert code == 2
        assert one_line(err).startswith(message)

    def test_a_folder_that_cannot_be_written(self, command, tmp_path):
        (tmp_path / "file").write_text("kept")
        code, _, err = command("run", "attention", "--report", tmp_path / "file" / "report")
        assert code == 2
        assert one_line(err).startswith("--report: cannot write to ")
        assert (tmp_path / "file").read_text() == "kept"

    def test_too_few_steps(self, command):
        assert command("run", "digits", "--steps", "1")[0] == 2


def session_ends(leader):
    """Does every process of this session end within ten seconds?"""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


DRIVER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from parity import cli
from parity.jobs import suite
from tests.project.sources import PYPROJECT

check_op = suite.check_op

def slow(op, *rest):
    if op.name == "attention":
        return check_op(op, *rest)
    while True:  # the second operation works until somebody stops it
        time.sleep(0.05)

suite.check_op = slow
sys.argv = ["parity", *sys.argv[1:]]
cli.main()
"""


# The second operation, or a training run without end, works until somebody stops it.
@pytest.mark.both
@pytest.mark.parametrize(
    ("program", "endless", "options"),
    [
        (("-c", DRIVER), "batched_attention", ("--processes", "1")),
        (("-m", "parity"), "digits", ("--steps", "100000000")),
    ],
    ids=["one process", "two processes"],
)
def test_ctrl_c_keeps_what_was_finished(tmp_path, program, endless, options):
    words = ["run", "attention", endless, "--mode", "eager", "--dtype", "float32", "--report", str(tmp_path), *options]
    process = subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not ((tmp_path / "report.md").exists() and len(read(tmp_path)["reports"]) == 1):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=60)
        except (
            subprocess.TimeoutExpired
        ):  # Python loses an interrupt that strikes inside of a callback of its garbage collector
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, out
    assert session_ends(process.pid), "a worker outlives the command"
    assert "Traceback" not in out
    assert "incomplete" in out
    found = read(tmp_path)
    assert (found["complete"], found["passed"]) == (False, False)
    assert found["selected"] == ["attention", endless]
    assert [(r["name"], r["passed"]) for r in found["reports"]] == [("attention", True)]
    report = (tmp_path / "report.md").read_text()
    assert "# parity run: INCOMPLETE" in report
    assert f"Not done: {endless}." in report
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.both
def test_a_replay_line_leaves_out_nothing_that_was_told(command, tmp_path, monkeypatch):
    (tmp_path / "pair.py").write_text("def one(x):\n    return x\n\n\ndef two(x):\n    return x * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PARITY_CACHE_DIR", str(tmp_path / "cache"))
    words = ("check", "pair:one", "pair:two", "--input", "x=3")
    assert "replay: parity check pair:one pair:two --stored " in command(*words)[1]
    assert "regimes=…" in command(*words, "--regime", "offset")[1]
    assert "wrt=…" in command(*words, "--wrt", "none")[1]
