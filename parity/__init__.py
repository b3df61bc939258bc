"""Proves that a JAX function and a PyTorch function compute the same thing."""

from parity.api import assert_parity, check
from parity.data.cases import load_case
from parity.errors import InputError, MissingBackendError
from parity.judge.deviations import Deviation
from parity.judge.finding import Cause, Finding, Verdict
from parity.judge.report import ParityError, Report
from parity.transforms.check import check_transforms

__all__ = [
    "Cause",
    "Deviation",
    "Finding",
    "InputError",
    "MissingBackendError",
    "ParityError",
    "Report",
    "Verdict",
    "assert_parity",
    "check",
    "check_transforms",
    "load_case",
]
