"""What a comparison is about: functions, inputs, candidates, and the parity check before timing."""
