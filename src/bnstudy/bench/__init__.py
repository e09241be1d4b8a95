"""How fast this machine trains, compared with what: `bnstudy bench`.

Imports `runner` and what is below it; the peers' frameworks only in the peers' own processes.
"""
