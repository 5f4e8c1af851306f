"""Runs the tests that lie in the installed ml-metadata's wheel, as they are, against a server.

    wheel_tests.py HOST:PORT

The server's store must be new: the tests use fixed names. Versions 0.21.1, 1.14.0 and 1.17.1 were tried.
"""

import importlib.util
import os
import subprocess
import sys

# Of 1.17.1: they call their own helper without an argument that it has since its tests are pytest's.
OWN_ERRORS = [
    "test_connection_config_with_grpc_client_timeout_sec_errors",
    "test_connection_config_with_grpc_http2_max_ping_strikes",
    "test_connection_config_with_grpc_max_receive_message_length",
    "test_connection_config_with_grpc_max_receive_message_length_errors",
]


def main():
    folder = os.path.join(os.path.dirname(importlib.util.find_spec("ml_metadata").origin), "metadata_store")
    tests = os.path.join(folder, "metadata_store_test.py")
    host, port = sys.argv[1].rsplit(":", 1)
    options = ["--use_grpc_backend", f"--grpc_host={host}", f"--grpc_port={port}"]
    with open(tests, encoding="utf-8") as file:
        is_pytest = "import pytest" in file.read()
    command = [sys.executable]
    if is_pytest:
        command += ["-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
        command += ["-k", " and ".join(f"not {name}" for name in OWN_ERRORS)]
    else:
        command += [tests]
    sys.exit(subprocess.run(command + options, cwd=folder, check=False).returncode)


if __name__ == "__main__":
    main()
