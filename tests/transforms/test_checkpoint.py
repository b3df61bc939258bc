"""Checkpointing: the same gradients, less memory, something computed again; and a judge that sees where one is missing."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import pytest

from parity.judge.finding import Verdict
from parity.processes import peak
from parity.processes.worker import WorkerError
from parity.transforms.checkpoint import cases, judge

measured = functools.cache(judge.measured)  # each framework's worker runs once for all tests
POLICY = {policy.name: policy for policy in cases.POLICIES}
every_cell = [(model, policy) for model in cases.MODELS for policy in cases.POLICIES]


def figures(backend, model, policy):
    prefix = f"{model}/{policy}/figure/"
    return {
        name.removeprefix(prefix): int(value) for name, value in measured(backend).items() if name.startswith(prefix)
    }


def with_results_of(backend, policy, other):
    """Results in which `policy` is what `other` measured."""
    results = measured(backend)
    return {name: results[name.replace(f"/{policy}/", f"/{other}/")] for name in results}


class TestPolicies:
    def test_gradients_memory_and_recomputation(self, backend):
        outcomes = [judge.judged(*cell, {backend: measured(backend)}, {}, 0.0) for cell in every_cell]
        assert [(outcome.op, outcome.cell, outcome.message) for outcome in outcomes if not outcome.verdict.passes] == []
        assert len(outcomes) == 10

    def test_nothing_saveable_keeps_the_input_of_each_layer(self, backend):
        # In bytes. JAX counts the weights too, which the scan of the backward pass reads again.
        inputs, weights = 8 * 256 * 64 * 8, 8 * 2 * 64 * 256 * 8
        kept = figures(backend, "deep_mlp", "nothing_saveable")["saved_bytes"]
        assert kept == inputs + (weights if backend == "jax" else 0)
        inputs, weights = 6 * 2 * 128 * 32 * 8, 6 * 4 * 32 * 32 * 8
        kept = figures(backend, "deep_attention", "nothing_saveable")["saved_bytes"]
        assert kept == inputs + (weights if backend == "jax" else 0)

    @pytest.mark.parametrize(
        ("model", "policy", "products", "nonlinear"),
        [
            # Of each layer: products forward and backward, one exp or softmax.
            ("deep_mlp", cases.PLAIN, 6, 1),
            ("deep_mlp", "nothing_saveable", 6 + 1, 2),  # x up; hidden down is needed by nobody
            ("deep_mlp", "everything_saveable", 6, 1),
            ("deep_mlp", "dots_saveable", 6, 2),
            ("deep_mlp", "save_only_these_names", 6 + 1, 2),
            ("deep_mlp", "save_from_both_policies", 6, 2),
            ("deep_attention", cases.PLAIN, 18, 1),
            ("deep_attention", "nothing_saveable", 18 + 5, 2),  # query, key, value, logits, heads
            ("deep_attention", "everything_saveable", 18, 1),
            ("deep_attention", "dots_saveable", 18, 2),
            ("deep_attention", "save_only_these_names", 18 + 4, 2),  # all of these but heads
            ("deep_attention", "save_from_both_policies", 18 + 1, 2),  # logits
        ],
    )
    def test_what_is_computed_again(self, backend, model, policy, products, nonlinear):
        layers = {"deep_mlp": 8, "deep_attention": 6}[model]
        found = figures(backend, model, policy)
        assert (found["matmuls"], found["nonlinear"]) == (products * layers, nonlinear * layers)

    def test_attention_without_its_logits_takes_less_than_half(self, backend):
        peaks = {name: figures(backend, "deep_attention", name)["peak_bytes"] for name in (cases.PLAIN, *POLICY)}
        assert peaks["nothing_saveable"] < 0.5 * peaks[cases.PLAIN]
        assert peaks["nothing_saveable"] < peaks["save_from_both_policies"] < peaks["dots_saveable"]

    @pytest.mark.both
    def test_the_kernel_counts_what_the_compiler_says(self):
        for model, policy in [(model, name) for model in cases.MODELS for name in (cases.PLAIN, *POLICY)]:
            found = figures("jax", model, policy)
            results = sum(leaf.nbytes for name, leaf in measured("jax").items() if f"{model}/{policy}/grad" in name)
            expected = found["compiled_bytes"] + results
            assert abs(found["peak_bytes"] - expected) < 1.5e6, (model, policy)

    @pytest.mark.both
    def test_run_yields_every_cell(self, monkeypatch):
        monkeypatch.setattr(judge, "measured", measured)
        said = []
        outcomes = list(judge.run(lambda words, fraction: said.append(fraction)))
        assert [(outcome.op, outcome.cell) for outcome in outcomes] == [(model, p.name) for model, p in every_cell]
        assert [outcome.message for outcome in outcomes if not outcome.verdict.passes] == []
        assert said == [0.0, 0.5]


class TestJudge:
    """Each of the demands, taken away."""

    @pytest.mark.parametrize("name", ["nothing_saveable", "dots_saveable", "save_only_these_names"])
    def test_checkpointing_that_does_nothing(self, backend, name):
        results = {backend: with_results_of(backend, name, cases.PLAIN)}
        outcome = judge.judged("deep_mlp", POLICY[name], results, {}, 0.0)
        assert (outcome.verdict, outcome.side) == (Verdict.VACUOUS, backend)
        assert "nothing is recomputed" in outcome.message

    def test_keeping_all_where_something_should_be_computed_again(self, backend):
        results = {backend: with_results_of(backend, "everything_saveable", "dots_saveable")}
        outcome = judge.judged("deep_mlp", POLICY["everything_saveable"], results, {}, 0.0)
        assert (outcome.verdict, outcome.side) == (Verdict.VACUOUS, backend)
        assert "is recomputed although everything is kept" in outcome.message

    def test_another_gradient(self, backend):
        results = dict(measured(backend))
        results["deep_mlp/dots_saveable/grad/weights/up"] = results["deep_mlp/dots_saveable/grad/weights/up"] * (
            1 + 1e-9
        )
        outcome = judge.judged("deep_mlp", POLICY["dots_saveable"], {backend: results}, {}, 0.0)
        assert (outcome.verdict, outcome.side) == (Verdict.SEMANTIC, backend)
        assert "without checkpoint: weights/up" in outcome.message

    @pytest.mark.both
    def test_another_gradient_in_the_other_framework(self):
        torch = {name: leaf * (1 + 1e-9) if "/grad/" in name else leaf for name, leaf in measured("torch").items()}
        results = {"jax": measured("jax"), "torch": torch}
        outcome = judge.judged("deep_mlp", POLICY["dots_saveable"], results, {}, 0.0)
        assert (outcome.verdict, outcome.side) == (Verdict.SEMANTIC, None)
        assert "jax = torch" in outcome.message

    PLAIN = {"saved_bytes": 100, "compiled_bytes": 100, "peak_bytes": 110, "matmuls": 6, "nonlinear": 1}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("change", "saves_memory", "words"),
        [
            ({"saved_bytes": 20, "compiled_bytes": 20, "peak_bytes": 30, "matmuls": 7}, True, ""),
            (
                {"saved_bytes": 20, "compiled_bytes": 20, "peak_bytes": 105, "matmuls": 7},
                True,
                "peak_bytes does not fall",
            ),
            (
                {"saved_bytes": 20, "compiled_bytes": 99, "peak_bytes": 30, "matmuls": 7},
                True,
                "compiled_bytes does not fa",
            ),
            ({"peak_bytes": 30, "matmuls": 7}, True, "keeps no less"),
            ({"saved_bytes": 99, "nonlinear": 2}, False, "remove the exception"),
            ({"saved_bytes": 120, "nonlinear": 2}, False, ""),
        ],
    )
    def test_memory(self, change, saves_memory, words):
        found = judge.wrong_with(self.PLAIN | change, self.PLAIN, True, saves_memory)
        assert words in found
        assert bool(words) == bool(found)

    def test_a_worker_that_fails(self, backend, monkeypatch):
        def failed(name):
            raise WorkerError("rank 0 of 1 was killed by SIGSEGV", -11)

        monkeypatch.setattr(judge, "measured", failed)
        outcomes = list(judge.run(frameworks=[backend]))
        assert {(outcome.verdict, outcome.side) for outcome in outcomes} == {(Verdict.ERROR, backend)}
        assert "SIGSEGV" in outcomes[0].message


class TestPeak:
    def test_the_ruler(self):
        # 40 MB in two steps, of which 16 stay; then 24 MB at once; a call that takes nothing.
        code = """
import numpy as np
from parity.processes.peak import peak_bytes
def two_steps():
    kept = np.ones(2_000_000)
    return kept, np.ones(3_000_000).sum()
print(peak_bytes(two_steps), peak_bytes(lambda: np.ones(3_000_000).sum()), peak_bytes(lambda: 1))
"""
        environment = {**os.environ, **peak.ENVIRONMENT}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        two_steps, at_once, nothing = (int(number) / 1e6 for number in done.stdout.split())
        assert two_steps == pytest.approx(40, abs=0.8)
        assert at_once == pytest.approx(24, abs=0.8)
        assert nothing < 0.5

    def test_a_system_that_counts_no_peak(self, monkeypatch):
        monkeypatch.setattr(peak, "_status", lambda name: {}[name])
        with pytest.raises(RuntimeError, match="peak is read from /proc/self, which this system does not offer"):
            peak.peak_bytes(lambda: None)
