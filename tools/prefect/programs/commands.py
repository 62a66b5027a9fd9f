"""Runs commands of Prefect's command line, one a line of its input, and tells when each has ended."""

import sys

from prefect.cli import app

for line in sys.stdin:
    words = line.split()
    if not words or words == ["y"]:  # an answer that no command asked for
        continue
    sys.argv[1:] = words
    code = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code or 0
    print(f"-- exit {code}", flush=True)
