"""The speed of training on this machine, and comparisons of it: `bnstudy bench`.

May import `runner` and what is below it, and a peer's framework in that peer's own process.
"""
