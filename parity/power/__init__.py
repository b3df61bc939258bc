"""How well the tool sees: planted faults with known causes, and correct ports that must not be blamed."""
