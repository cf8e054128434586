"""Importing this module first lets a test find its helpers, from wherever it is started."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = os.path.join(HERE, "servers")
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, SERVERS, os.path.join(os.path.dirname(HERE), "support")]
