"""Both functions as programs of one kind: a list of named operations on torch float64 tensors that can be edited."""
