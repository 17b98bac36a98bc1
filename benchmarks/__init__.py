"""Measures of Alimi; run by scripts/bench.

Absolute numbers belong to one machine and one hour.  Each measure is taken several times in turn
and told as median with minimum and maximum; the cost is CPU time of the server from the system.
"""
