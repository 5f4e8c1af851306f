#!/bin/bash
# Runs the tests of ml-metadata's wheels of several years against kfmd, each with a Python that it has a build for.
#
#   wheels.sh KFMD PYTHON3.7 PYTHON3.9 PYTHON3.11
set -euo pipefail
kfmd=$1 here=$(cd "$(dirname "$0")" && pwd) folder=$(mktemp -d) server=
trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT

try() { # PYTHON REQUIREMENT...
  local python=$1
  shift
  "$python" -m venv "$folder/venv" --clear
  "$folder/venv/bin/pip" -q install --disable-pip-version-check "$@"
  rm -rf "$folder/store"
  mkdir "$folder/store"
  "$kfmd" serve --store "$folder/store/m.db" --predefined-types none --grpc-listen 127.0.0.1:18082 \
    --http-listen 127.0.0.1:18083 2>"$folder/log" &
  server=$!
  until grep -q 'gRPC listens' "$folder/log"; do sleep 0.2; done
  echo "== $1"
  "$folder/venv/bin/python" "$here/wheel_tests.py" 127.0.0.1:18082 2>&1 | grep -E '^(FAIL|ERROR|Ran|OK)|passed|failed' || true
  kill $server
  wait $server || true
}

try "$2" ml-metadata==0.21.1 'protobuf<3.21' 'grpcio<1.50'
try "$3" ml-metadata==1.14.0
try "$4" ml-metadata==1.17.1 pytest==8.4.2
