"""From runs to verdicts: structure, vacuity, the ladder, deviations, the report as data."""
