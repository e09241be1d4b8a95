"""Files for students: a complete forward and an empty backward each. They import NumPy alone."""
