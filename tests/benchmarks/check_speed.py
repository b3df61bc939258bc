"""How long a check takes, and how much memory: a small pair, a two-layer BERT right and wrong, BERT-base.

    python tests/benchmarks/check_speed.py small bert bert-eps
    python tests/benchmarks/check_speed.py bert-base

Each work runs in a process of its own, and each of `small` twice in it: the first check imports and compiles. The models need
flax 0.12.8 and transformers 4.48.3 (the dependency group `models`).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a file, without the tests' settings

WORKS = ("small", "bert", "bert-eps", "bert-base")


def timed(name: str, check: Callable[[], object]) -> None:
    """Runs the check and prints its verdict, its time and the peak memory of the process so far."""
    start = time.perf_counter()
    report = check()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    findings = len(report.findings)  # type: ignore[attr-defined]
    print(f"{name:12} {report.verdict!s:10} {findings:4} comparisons {seconds:7.1f} s {peak:6.1f} GiB", flush=True)  # type: ignore[attr-defined]
    causes = dict.fromkeys(cause.name for finding in report.findings for cause in finding.causes)  # type: ignore[attr-defined]
    if causes:
        print(f"{'':12} causes: {', '.join(causes)}", flush=True)


def small() -> None:
    """An affine map and a gelu, the pair of the README, the second time on other inputs."""
    start = time.perf_counter()
    import numpy as np

    import parity

    def jax_fn(x, weight, bias):  # type: ignore[no-untyped-def]
        import jax

        return jax.nn.gelu(x @ weight + bias, approximate=False)

    def torch_fn(x, weight, bias):  # type: ignore[no-untyped-def]
        import torch

        return torch.nn.functional.gelu(x @ weight + bias)

    rng = np.random.default_rng(0)
    for name in ("small, first", "small, again"):
        inputs = tuple(rng.standard_normal(shape, dtype=np.float32) for shape in ((5, 7), (7, 11), (11,)))
        timed(name, lambda inputs=inputs: parity.check(jax_fn, torch_fn, inputs))  # type: ignore[misc]
    print(f"{'':12} all in all {time.perf_counter() - start:.1f} s", flush=True)


def bert(work: str) -> None:
    """BERT of transformers, Flax against torch, with all gradients of parameters, in float64 and float32."""
    warnings.simplefilter("ignore")
    import numpy as np
    import transformers

    import parity
    from tests.models import flax_pairs

    transformers.logging.set_verbosity_error()
    if work == "bert-base":
        flax_pairs.PAIRS["BERT"] = flax_pairs.Pair("BertModel", "Bert", {"vocab_size": 30522})
    pair = flax_pairs.functions("BERT")
    inputs = pair.inputs
    if work == "bert-base":
        mask = np.ones((2, 64), np.int32)
        mask[1, 50:] = 0
        inputs = (inputs[0], np.random.default_rng(1).integers(3, 30522, (2, 64)).astype(np.int32), mask)
    if work == "bert-eps":
        pair.torch_model.encoder.layer[1].output.LayerNorm.eps = 1e-5
    timed(work, lambda: parity.check(pair.jax, pair.torch, inputs, timeout_s=600))


if __name__ == "__main__":
    unknown = [work for work in sys.argv[1:] if work not in WORKS]
    if unknown or len(sys.argv) < 2:
        sys.exit(f"got {', '.join(unknown) or 'nothing'}, expected some of {', '.join(WORKS)}")
    if len(sys.argv) == 2:
        small() if sys.argv[1] == "small" else bert(sys.argv[1])
    for work in sys.argv[1:] if len(sys.argv) > 2 else ():
        subprocess.run([sys.executable, __file__, work], check=True)
