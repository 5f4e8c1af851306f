#!/bin/sh
# Installs the Debian packages that Tests/TestDatabases runs servers of, and what clients need, as root or through sudo.
#
# The tests start servers of their own. So that none of the machine's starts, Debian's PostgreSQL creates no cluster when
# it is installed here; its own settings, and those of the machine's owner, are the same as before afterwards.
set -eu

missing=
for package in postgresql mariadb-server-core mariadb-client-core libpq5 libmariadb3; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || exec sudo sh "$0"

echo "Installing Debian packages, without starting servers:$missing"

# A file that createcluster.conf of postgresql-common includes. The latter itself would be in the way of its package's.
settings=/etc/postgresql-common/createcluster.d
log=$(mktemp)
trap 'rm -f "$log" "$settings/kfmd-tests.conf"; rmdir "$settings" /etc/postgresql-common 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$settings"
echo 'create_main_cluster = false' >"$settings/kfmd-tests.conf"

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # Names of packages, with blanks between.
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
