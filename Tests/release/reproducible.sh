#!/usr/bin/env bash
# Builds the release in two folders, whose paths differ in length, and compares the stripped binaries. Where they differ
# it says in which sections, and which of the folders' paths they have.
#
#   Tests/release/reproducible.sh [MAKE-VARIABLE=VALUE…]     by default PATH_INDEPENDENT=1
#
# Takes two release builds, in a temporary folder (TMPDIR), which stays where the binaries differ.
set -euo pipefail

repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
if [ $# = 0 ]; then set -- PATH_INDEPENDENT=1; fi
place=$(mktemp -d)
first=$place/one
second=$place/another/with/a-longer-path

for folder in "$first" "$second"; do
  mkdir -p "$folder"
  # As the working folder is, with what is not committed.
  (cd "$repository" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
  done | tar -c --null -T -) | tar -x -C "$folder"
done
# Else each build resolves versions of its own.
if [ -e "$repository/Package.resolved" ]; then cp "$repository/Package.resolved" "$first"; fi

hashes=()
for folder in "$first" "$second"; do
  echo "reproducible: building in $folder"
  # Where make is this script's parent, its flags and variables are not the builds'.
  env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS make -C "$folder" release "$@"
  if [ "$folder" = "$first" ]; then cp "$first/Package.resolved" "$second"; fi
  hash=$(sha256sum "$folder/.build-release/kfmd")
  hashes+=("${hash%% *}")
done

printf 'reproducible: %s\n' "${hashes[@]}"
if [ "${hashes[0]}" = "${hashes[1]}" ]; then
  echo "reproducible: the binaries are the same"
  rm -rf "$place"
  exit 0
fi

echo "reproducible: the binaries differ; they stay in $place" >&2
for folder in "$first" "$second"; do
  binary=$folder/.build-release/kfmd
  objdump -h "$binary" | awk '$1 ~ /^[0-9]+$/ {print $2}' | while read -r section; do
    objcopy -O binary --only-section="$section" "$binary" "$place/section" 2>/dev/null || continue
    if [ -s "$place/section" ]; then echo "$section $(sha256sum <"$place/section")"; fi
    rm -f "$place/section"
  done >"$folder.sections"
  # A path that the build left in the binary is the usual reason.
  paths=$(strings -n 6 "$binary" | grep -F "$place/" || true)
  if [ -n "$paths" ]; then
    echo "reproducible: $(wc -l <<<"$paths") texts have $folder, such as:" >&2
    head -n 5 <<<"$paths" >&2
  fi
done
diff "$first.sections" "$second.sections" | sed -n 's/^[<>] \(\S*\) .*/\1/p' | sort -u \
  | sed 's/^/reproducible: differs: /' >&2
exit 1
