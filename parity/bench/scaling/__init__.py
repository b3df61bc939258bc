"""How time grows with the sizes."""
