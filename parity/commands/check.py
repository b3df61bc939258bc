"""`parity check`: the caller's own two functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from parity.commands.options import FAILED, Dtypes, Json, Modes


def check(
    jax_function: Annotated[str, typer.Argument(help="module:function")],
    torch_function: Annotated[str, typer.Argument(help="module:function")],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            help="Seeded input NAME=SHAPE, such as x=4x8, or NAME=SHAPE:N for integers below N. Repeatable.",
        ),
    ] = [],  # noqa: B006
    stored: Annotated[Path | None, typer.Option(help=".npz file with one array per parameter.")] = None,
    reference: Annotated[str | None, typer.Option(help="The same function in NumPy, module:function.")] = None,
    wrt: Annotated[list[str], typer.Option(help="Input to differentiate (default: all); `none` for none.")] = [],  # noqa: B006
    regime: Annotated[
        list[str],
        typer.Option(
            help="Also check inputs made tiny, wide, offset, ties, saturating, subnormal, infinite or nan. Repeatable."
        ),
    ] = [],  # noqa: B006
    deviations: Annotated[Path | None, typer.Option(help="TOML file of declared differences to accept.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the seeded inputs.")] = 0,
    dtype: Dtypes = ["float32"],  # noqa: B006
    mode: Modes = ["eager"],  # noqa: B006
    device: Annotated[str, typer.Option(help="cpu or cuda; both frameworks have to see it.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Of float32 products: highest, or caller for what the environment sets (such as TF32).")
    ] = "highest",
    as_json: Json = False,
) -> None:
    """Check your own two functions on seeded or stored inputs. The exit code is 0 only if they agree."""
    import parity
    from parity.api import with_replay
    from parity.data import named

    sys.path.insert(0, "")  # modules of the current folder
    functions = (
        named.function(jax_function, "JAX_FUNCTION"),
        named.function(torch_function, "TORCH_FUNCTION"),
    )
    given = named.arrays(inputs, stored, seed)
    report = parity.check(
        *functions,
        given,
        reference=named.function(reference, "--reference") if reference else None,
        wrt=() if wrt == ["none"] else tuple(wrt) or "all",
        dtypes=dtype,
        modes=mode,
        regimes=("unit", *regime),
        deviations=deviations or (),
        device=device,
        precision=precision,
        name=f"{jax_function} against {torch_function}",
    )
    if not report.passed:
        given_options = {"reference": reference, "wrt": wrt, "regimes": regime, "deviations": deviations}
        given_options["device"] = device if device != "cpu" else None
        given_options["precision"] = precision if precision != "highest" else None
        options = {"dtypes": dtype, "modes": mode, **{key: value for key, value in given_options.items() if value}}
        report = with_replay(report, functions, given, options)
    print(report.to_json() if as_json else report)
    if not report.passed:
        raise typer.Exit(FAILED)
