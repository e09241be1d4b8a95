"""How fast this machine trains, and how that compares: `bnstudy bench`.

May import `runner` and what is below it, and a peer's framework in that peer's own process.
"""
