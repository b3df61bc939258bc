"""How often the clock is wrong on this machine: trials with known answers."""
