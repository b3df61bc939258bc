"""The machine: its peak rates, its GPUs, and where a benchmark ran."""
