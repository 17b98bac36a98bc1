"""What a user would pick instead: small programs of our own, each the way its documentation shows.

All speak the same two requests: `GET /stream/K` opens a stream of recipient K, and
`GET /fire?n=N&of=M` sends N events one after another, the i-th to recipient `i * 7919 % M`;
`&burst=1` sends them without a pause and `&rate=R` so many a second.  None of them keeps anything.
"""
