"""The functions that faults are planted in, one file each, found by file name (`parity/power/catalogue.py`)."""
