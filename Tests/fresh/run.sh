#!/usr/bin/env bash
# Runs commands in a bare Debian 12, as a new user's machine is: a root file system that debootstrap makes, with what the
# Swift toolchain asks for and nothing else, the toolchain bound in, and a clone of the last commit. What the project
# needs beyond that, its own Makefile must install.
#
#   Tests/fresh/run.sh 'make test'
#
# Needs root, and debootstrap. The file system and a build folder are kept in .build-fresh, so that the second run takes
# minutes.
set -euo pipefail

repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
place=$repository/.build-fresh
# What swift.org lists for Debian 12, and make to begin with.
toolchain_packages=binutils,ca-certificates,git,gnupg,libc6-dev,libcurl4,libedit2,libgcc-12-dev,libncurses6,libpython3.11,libsqlite3-0,libstdc++-12-dev,libxml2,libz3-4,make,pkg-config,tzdata,unzip,zlib1g-dev

if [ "${KFMD_FRESH_INSIDE:-}" != 1 ]; then
  [ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH "$0" "$@"
  # Mounts and processes go with the command.
  exec env KFMD_FRESH_INSIDE=1 unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi

swift=$(readlink -f "$(command -v swift)")
toolchain=${swift%/usr/bin/*}

# Within its own mounts there are none yet; others would be emptied with the folder.
if grep -qF " $place/" /proc/self/mounts; then echo "fresh: something is mounted below $place" >&2; exit 1; fi

mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | head -n 1 || true)
if [ ! -e "$place/base.done" ]; then
  echo "fresh: making a bare Debian 12 in $place/base"
  rm -rf --one-file-system "$place/base"
  mkdir -p "$place/base"
  debootstrap --variant=minbase --include="$toolchain_packages" bookworm "$place/base" \
    "${mirror:-http://deb.debian.org/debian}" >"$place/debootstrap.log" || { tail "$place/debootstrap.log"; exit 1; }
  touch "$place/base.done"
fi

# Packages that an earlier run installed must not hide that they are missing.
root=$place/root
rm -rf --one-file-system "$root"
cp -a --reflink=auto "$place/base" "$root"

# How this machine reaches its package registries, and nothing else of it.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/apt/sources.list /etc/ssl/certs/ca-certificates.crt; do
  if [ -e "$file" ]; then mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file"; fi
done
for folder in /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/keyrings /etc/apt/trusted.gpg.d; do
  if [ -d "$folder" ]; then mkdir -p "$root$folder" && cp -rL "$folder/." "$root$folder/"; fi
done
if [ -d /root/.config/pip ]; then mkdir -p "$root/root/.config" && cp -rL /root/.config/pip "$root/root/.config/"; fi
variables=(HOME=/root LANG=C.UTF-8 "PATH=$toolchain/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin")
for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT SSL_CERT_FILE CI; do
  if [ -n "${!name:-}" ]; then variables+=("$name=${!name}"); fi
done

bind() { mkdir -p "$root$1" && mount --bind "$1" "$root$1"; }
mount -t proc proc "$root/proc"
bind /dev
mkdir -p "$root/dev/shm" && mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || true
bind "$toolchain"
# Packages that git is told to find in a folder of this machine.
{ git config --get-regexp '^url\..*\.insteadof$' 2>/dev/null || true; } | while read -r key value; do
  folder=${key#url.}
  folder=${folder%.insteadof}
  HOME=$root/root git config --global --add "url.$folder.insteadOf" "$value"
  case $folder in /*) if ! mountpoint -q "$root$folder"; then bind "$folder"; fi ;; esac
done
HOME=$root/root git config --global --add safe.directory '*'

# At the same path, so that what is built already need not be built again.
mkdir -p "$root$repository"
git clone --quiet "$repository" "$root$repository"
if [ ! -d "$place/build" ]; then
  mkdir -p "$place/build"
  if [ -d "$repository/.build" ]; then cp -a --reflink=auto "$repository/.build/." "$place/build/"; fi
fi
mkdir -p "$root$repository/.build"
mount --bind "$place/build" "$root$repository/.build"

for command in "$@"; do
  echo "fresh: $command"
  env -i "${variables[@]}" chroot "$root" bash -c "cd '$repository' && $command"
done
echo "fresh: all commands ended well"
