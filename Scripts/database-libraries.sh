#!/bin/sh
# Copies the client libraries of PostgreSQL and MySQL, and all that they need beside libm and libc, into a folder as the
# root file system has them: an image without a package manager gets them so.
#
#   Scripts/database-libraries.sh FOLDER
#
# Debian's packages libpq5 and libmariadb3 are to be installed.
set -eu
folder=${1:?"usage: $0 FOLDER"}

# The path of a library that the loader knows.
library() { ldconfig -p | sed -n "s|^[[:space:]]*$1 .* => ||p" | head -n 1; }

copy() {
  # As the loader finds it: under its short name, whatever file that leads to.
  mkdir -p "$folder$(dirname "$1")"
  cp -L "$1" "$folder$1"
}

for name in libpq.so.5 libmariadb.so.3; do
  path=$(library "$name")
  if [ -z "$path" ]; then echo "$0: $name is not installed" >&2; exit 1; fi
  copy "$path"
  # How MySQL 8 and later know who connects; beside the library.
  plugins=$(dirname "$path")/libmariadb3/plugin
  plugins=$(readlink -f "$plugins")
  if [ "$name" = libmariadb.so.3 ] && [ -d "$plugins" ]; then
    for plugin in "$plugins"/*.so; do copy "$plugin"; done
  fi
done
find "$folder" -name '*.so*' -type f | while read -r file; do ldd "$file"; done \
  | sed -n 's|.* => \(/[^ ]*\) .*|\1|p' | sort -u | while read -r path; do
    case ${path##*/} in
      libc.so.6 | libm.so.6 | ld-linux*) ;;
      *) [ -e "$folder$path" ] || copy "$path" ;;
    esac
  done
