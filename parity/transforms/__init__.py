"""Every transformation and every composition of them, in both frameworks: `check_transforms` for anybody's pair."""
