"""The last lines of a test run: each test that was skipped, with its reason, and the counts.

Usage: python3 summary.py LOG
Ends with 1 where a test failed, or none ran.
"""

import re
import sys

passed, failed, skipped = [], [], {}
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    # A test whose cases differ ends once, after all of them.
    ended = re.match(r"[✔✘] Test (?!run with|case )(\S.*?)(?: with \d+ test cases?)? (passed|failed) after", line)
    if ended:
        (passed if ended[2] == "passed" else failed).append(ended[1])
    left_out = re.match(r"\S+ Test (?!case )(\S+) skipped(?:: (.*))?$", line)
    if left_out:
        skipped[left_out[1]] = (left_out[2] or "no reason given").strip().strip('"')
for name, reason in sorted(skipped.items()):
    print(f"skipped: {name}: {reason}")
print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
sys.exit(1 if failed or not passed else 0)
