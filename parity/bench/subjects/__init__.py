"""What is timed: functions, inputs, candidates, and the parity gate before the clock."""
