"""What is read for the REST answers: one module per noun, every query led by the user, nothing written."""
