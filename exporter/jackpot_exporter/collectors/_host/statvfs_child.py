"""The program of the child that asks for file systems; run by path, knows nothing of the package.

A path comes in as one message on descriptor 0, the numbers or `!ERRNO` go out as one. It ends with the socket, and
when nobody asks for as many seconds as its argument says.
"""

import os
import select
import sys

patience = float(sys.argv[1])
while select.select([0], [], [], patience)[0] and (path := os.read(0, 65536)):
    try:
        s = os.statvfs(path)
    except OSError as error:
        os.write(0, b"!%d" % (error.errno or 0))
    else:
        numbers = (s.f_frsize * s.f_blocks, s.f_frsize * s.f_bfree, s.f_frsize * s.f_bavail, s.f_files, s.f_ffree)
        os.write(0, b"%d %d %d %d %d" % numbers)
