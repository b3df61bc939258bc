"""Proves that a JAX function and a PyTorch function compute the same thing."""

from parity.cases import load_case
from parity.check import assert_parity, check
from parity.deviations import Deviation
from parity.errors import InputError, MissingBackendError, ParityError
from parity.finding import Cause, Finding, Verdict
from parity.report.report import Report
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
