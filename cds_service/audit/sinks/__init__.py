"""Where signed heads go besides their file: an HTTPS address, and syslog.

Each sink has a thread that reads the file of heads (heads.py) on from where it was left, so nothing
that a sink does can hold up signing. Of the processes of a host one sends, whichever holds the lock
of the sink. What is not taken waits, and is tried again with the next head.
"""
