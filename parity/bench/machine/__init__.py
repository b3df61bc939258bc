"""The machine: its limits, its GPUs, and where a benchmark ran."""
