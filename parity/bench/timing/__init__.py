"""The clock, its intervals and what they allow to say."""
