"""Outputs that are defined up to signs: eigenvectors, QR, SVD, PCA; with their gradients, and what is truly wrong."""

from __future__ import annotations

import numpy as np
import pytest

import parity
from parity import InputError, Verdict
from parity.data.inputs import normal
from tests.both import check, found

pytestmark = pytest.mark.both

A = normal((7, 5), 0, "a")
SIGNS = [1.0, -1.0, 1.0, -1.0, -1.0]  # a list: Dynamo makes a tensor of an array


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def gram(a):
    return a.mT @ a


def jax_vectors(a):
    return jnp.linalg.eigh(gram(a))[1]


def torch_vectors(a):
    return torch.linalg.eigh(gram(a))[1] * torch.tensor(SIGNS, dtype=a.dtype)


def jax_factors(a):
    return tuple(jnp.linalg.qr(a))


def torch_factors(a):
    q, r = torch.linalg.qr(a)
    signs = torch.tensor(SIGNS, dtype=a.dtype)
    return q * signs, r * signs[:, None]


def jax_components(a):
    return jnp.linalg.svd(a - a.mean(0), full_matrices=False)[2]


def torch_components(a):
    return torch_vectors(a - a.mean(0)).flip(1).mT


FACTORS = {"out/0": "sign", "out/1": "sign of rows"}


class TestEqual:
    @pytest.mark.parametrize("mode", ["eager", "compiled"])
    def test_eigenvectors_with_gradients(self, mode):
        report = check(jax_vectors, torch_vectors, (A,), up_to={"out": "sign"}, modes=(mode,))
        assert report.passed, str(report)
        assert {f.leaf for f in report.findings if f.verdict is Verdict.ROUNDING} == {"out", "grad/a"}
        assert "equal up to the sign of" in found(report).message
        assert "of 5 columns" in found(report).message

    def test_the_first_side_flips(self):
        report = check(lambda a: jax_vectors(a) * jnp.asarray(SIGNS), torch_vectors, (A,), up_to={"out": "sign"})
        assert report.passed, str(report)

    def test_factors_of_qr(self):
        report = check(jax_factors, torch_factors, (A,), up_to=FACTORS)
        assert report.passed, str(report)
        assert "of 5 rows" in found(report, "out/1").message

    def test_components_as_rows(self):
        report = check(jax_components, torch_components, (A,), up_to={"out": "sign of rows"}, wrt=())
        assert report.passed, str(report)

    def test_each_matrix_of_a_batch(self):
        batch = normal((3, 7, 5), 0, "batch")
        flipped = normal((3, 1, 5), 0, "flipped")
        report = check(
            lambda a, s: jax_vectors(a), lambda a, s: torch_vectors(a) * torch.sign(s), (batch, flipped),
            up_to={"out": "sign"}, wrt=("a",),
        )  # fmt: skip
        assert report.passed, str(report)
        assert "of 15 columns" in found(report).message

    def test_one_vector(self):
        report = check(lambda a: jax_vectors(a)[:, 1], lambda a: torch_vectors(a)[:, 1], (A,), up_to={"out": "sign"})
        assert report.passed, str(report)

    def test_low_precision_and_pinned_code(self):
        def pinned(a):
            return jax_vectors(a.astype(jnp.float32)).astype(a.dtype)

        report = check(pinned, torch_vectors, (A,), up_to={"out": "sign"}, dtypes=("float32",))
        assert report.passed, str(report)

    def test_with_a_reference(self):
        def vectors(a):
            return -np.linalg.eigh(a.T @ a)[1]

        report = check(jax_vectors, torch_vectors, (A,), up_to={"out": "sign"}, reference=vectors)
        assert report.passed, str(report)

    def test_nothing_draws(self):
        """A run that is made again has the same signs as the first: a failure beside it is no draw."""
        report = check(
            lambda a: (jax_vectors(a), a), lambda a: (torch_vectors(a), a * 1.01), (A,), up_to={"out/0": "sign"}
        )
        assert (found(report, "out/0").verdict, found(report, "out/1").verdict) == (Verdict.ROUNDING, Verdict.SEMANTIC)


class TestDifferent:
    def test_another_column(self):
        def wrong(a):
            vectors = torch_vectors(a)
            return torch.cat([vectors[:, :3], vectors[:, [4]], vectors[:, [3]]], 1)

        report = check(jax_vectors, wrong, (A,), up_to={"out": "sign"})
        assert found(report).verdict is Verdict.SEMANTIC

    def test_rows_are_no_columns(self):
        report = check(jax_components, torch_components, (A,), up_to={"out": "sign"}, wrt=())
        assert report.verdict is Verdict.SEMANTIC

    def test_a_gradient_alone(self):
        report = check(jax_vectors, lambda a: torch_vectors(a.detach() * 0.5 + a * 0.5), (A,), up_to={"out": "sign"})
        assert found(report).verdict.passes
        assert found(report, "grad/a").verdict is Verdict.SEMANTIC

    def test_an_output_beside_it_keeps_its_sign(self):
        report = check(lambda a: (jax_vectors(a), a), lambda a: (torch_vectors(a), -a), (A,), up_to={"out/0": "sign"})
        assert found(report, "out/1").verdict is Verdict.SEMANTIC


class TestHint:
    def test_columns(self):
        report = check(jax_vectors, torch_vectors, (A,), wrt=())
        assert found(report).verdict is Verdict.SEMANTIC
        (cause,) = found(report).causes
        assert cause.name == "sign of each column"
        assert cause.evidence.endswith("pass up_to={'out': 'sign'}")

    def test_rows(self):
        (cause,) = found(check(jax_components, torch_components, (A,), wrt=())).causes
        assert cause.name == "sign of each row"
        assert "'sign of rows'" in cause.evidence

    def test_one_sign_of_all_is_a_factor(self):
        report = parity.check(lambda a: a * 2, lambda a: a * -2, (A,), wrt=())
        assert [cause.name for cause in found(report).causes] == ["sign"]

    def test_other_differences_have_none(self):
        assert found(check(lambda a: a * 2, lambda a: a * 2.1, (A,), wrt=())).causes == ()


@pytest.mark.parametrize(
    ("up_to", "message"),
    [
        (
            {"out/2": "sign"},
            r"up_to: got 'out/2', which is no output of real floating numbers; there are: out/0, out/1",
        ),
        ({"out/0": "phase"}, r"up_to: got 'phase' for out/0, expected 'sign' or 'sign of rows'"),
        ({"grad/a": "sign"}, r"up_to: got 'grad/a', expected the name of an output"),
        ({0: "sign"}, r"up_to: got 0, expected the name of an output"),
        ("sign", r"up_to: got str, expected a mapping"),
    ],
)
def test_bad_input(up_to, message):
    with pytest.raises(InputError, match=message):
        parity.check(jax_factors, torch_factors, (A,), up_to=up_to)
