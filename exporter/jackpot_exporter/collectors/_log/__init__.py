"""The parts of the log tail: files followed exactly once, and entries turned into counts.

settings   what an operator can say about a log
thread     calls to the file system, beside the event loop
tape       an open file, plain or compressed
mark       how far it has been read and how to know it again
archives   which files beside a log are its rotated ones
trail      all files of one path in the order they were written
entry      a line to the few fields that count
labels     which words of a log may become labels or exemplars
counts     what the entries add up to
checkpoint positions and counts on disk, together
follower   one configured log: its trails, counts and checkpoint, a round at a time
"""
