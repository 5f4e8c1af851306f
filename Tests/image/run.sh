#!/usr/bin/env bash
# Runs every subcommand of kfmd in the image's file system, as the manifests do: as user 65532, with a read-only root and
# nothing to write to but the volumes, in namespaces of its own (no network but loopback).
#
#   Tests/image/run.sh BINARY       puts together what the image holds: the binary, libm and libc of this machine, the client
#                                   libraries of databases, the examples
#   Tests/image/run.sh IMAGE.tar    takes the image's own files (docker buildx build --output type=tar,dest=IMAGE.tar .)
#
# Needs root and mounts; without them it says "skipped" and ends with 0.
set -euo pipefail

limit=$((40 * 1000 * 1000))   # bytes, compressed
user=65532
repository=$(cd "$(dirname "$0")/../.." && pwd)

if [ "${1:-}" != --inside ]; then
  if [ $# != 1 ] || [ ! -f "$1" ]; then echo "usage: $0 BINARY|IMAGE.tar" >&2; exit 64; fi
  if [ "$(id -u)" != 0 ]; then echo "image: skipped: needs root"; exit 0; fi
  namespaces=(unshare --mount --pid --net --fork --kill-child --propagation private)
  if ! "${namespaces[@]}" true 2>/dev/null; then echo "image: skipped: needs mounts, processes and a network of its own"; exit 0; fi
  place=$(mktemp -d)
  trap 'rm -rf --one-file-system "$place"' EXIT
  "${namespaces[@]}" "$0" --inside "$1" "$place"
  exit
fi
given=$2
place=$3
root=$place/root
mkdir -p "$root"

fail() { echo "image: FAILED: $*" >&2; exit 1; }

# What the image holds.

# Beside these, a distroless base has only licenses and its list of packages.
assemble() {
  local library
  install -D -m 755 "$given" "$root/usr/local/bin/kfmd"
  mkdir -p "$root/usr/local/share/kfmd" "$root/etc/ssl/certs" "$root/usr/share/zoneinfo" "$root/home/nonroot"
  cp -r "$repository/Examples" "$root/usr/local/share/kfmd/examples"
  if [ -e "$(dirname "$given")/sbom.spdx.json" ]; then
    install -D -m 644 "$(dirname "$given")/sbom.spdx.json" "$root/usr/share/doc/kfmd/sbom.spdx.json"
  fi
  ldd "$given" | grep -o '/[^ ]*' >"$place/libraries" || fail "$given is no dynamic binary"
  while read -r library; do
    case ${library##*/} in
      libc.so.6 | libm.so.6 | ld-linux*) install -D -m 755 "$library" "$root$library" ;;
      *) fail "needs $library, which the image does not have" ;;
    esac
  done <"$place/libraries"
  "$repository/Scripts/database-libraries.sh" "$root" || fail "the client libraries of databases"
  mkdir -p "$root/bin"
  ln -s /usr/local/bin/kfmd "$root/bin/metadata_store_server"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" || fail "ca-certificates is not installed"
  cp -r /usr/share/zoneinfo/. "$root/usr/share/zoneinfo" || fail "tzdata is not installed"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:%s:%s:nonroot:/home/nonroot:/sbin/nologin\n' $user $user >"$root/etc/passwd"
  printf 'root:x:0:\nnonroot:x:%s:\n' $user >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  mkdir -m 1777 "$root/tmp"
}

case $given in
  *.tar) tar -x -f "$given" -C "$root" ;;
  *) assemble ;;
esac
grep -q "^nonroot:x:$user:" "$root/etc/passwd" || fail "/etc/passwd has no user nonroot with the number $user"
[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || fail "no certificates of authorities"
if [ -e "$root/usr/share/doc/kfmd/sbom.spdx.json" ]; then
  python3 "$repository/Scripts/sbom.py" --check "$root/usr/share/doc/kfmd/sbom.spdx.json" || fail "the SBOM"
elif [[ $given == *.tar ]]; then
  fail "no SBOM"
fi

size=$(tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$root" . | gzip -9 | wc -c)
echo "image: $size bytes compressed, $(du -sb "$root" | cut -f 1) bytes of files"
[ "$size" -lt $limit ] || fail "$size bytes compressed, should be less than $limit"

# What a container runtime adds.

mkdir -p "$root/proc" "$root/dev" "$root/data" "$root/journal"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount --rbind "$root" "$root"
mount -o remount,bind,ro "$root"
if touch "$root/usr/written" "$root/tmp/written" 2>/dev/null; then fail "the root file system can be written to"; fi
ip link set lo up
any='[::]'
[ -e /proc/net/if_inet6 ] || any=0.0.0.0

container=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/nonroot
  SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
binary=(setpriv --no-new-privs chroot "--userspec=$user:$user" --groups= "$root" /usr/local/bin/kfmd)
environment=()
kfmd() { "${container[@]}" "${environment[@]}" "${binary[@]}" "$@"; }
# volume PATH VARIABLE=VALUE…: the only volume from here on, empty, and the environment.
mounted=
volume() {
  if [ -n "$mounted" ]; then umount "$root$mounted"; fi
  mounted=$1
  mount -t tmpfs -o "uid=$user,gid=$user,mode=0700" tmpfs "$root$mounted"
  shift
  environment=("$@")
}
# expect PATTERN WHAT: in the last output.
output=$place/output
expect() { grep -qE -- "$1" "$output" || { cat "$output" >&2; fail "$2"; }; }
status() { curl -s -o "$output" -w '%{http_code}' --max-time 10 "$1"; }
# until_status CODE URL: for half a minute.
until_status() {
  for _ in $(seq 120); do
    if [ "$(status "$2")" = "$1" ]; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.25
  done
  cat "$place/log" "$output" >&2 || true
  fail "$2 does not answer $1"
}
# start ARGUMENTS, and stop: a server, which must end well when it is told to.
# Not through the function: the process would be the shell's, and not kfmd.
start() {
  "${container[@]}" "${environment[@]}" "${binary[@]}" "$@" >"$place/log" 2>&1 &
  server=$!
}
stop() {
  local code=0
  kill -TERM "$server"
  wait "$server" || code=$?
  [ $code = 0 ] || { cat "$place/log" >&2; fail "$1 ended with $code on SIGTERM"; }
}

# One function a subcommand.

examples=/usr/local/share/kfmd/examples
recording=$examples/xgboost-synthetic/cluster.jsonl
data_set=s3://warehouse/dumps/mytable-dump.csv

try_serve() {
  volume /data KFMD_STORE=/data/metadata.db SQLITE_TMPDIR=/data KFMD_GRPC_LISTEN="$any:8080" KFMD_HTTP_LISTEN="$any:8081" \
    KFMD_HEALTH_LISTEN="$any:8083"
  start serve
  until_status 200 http://localhost:8083/readyz
  [ "$(status http://localhost:8083/metrics)" = 200 ] || fail "serve: /metrics"
  expect kfmd_store_volume_free_bytes "serve: /metrics"
  until_status 200 http://localhost:8081/readyz
  [ "$(status http://localhost:8081/healthz)" = 200 ] || fail "serve: /healthz"
  [ "$(status http://localhost:8081/)" = 200 ] || fail "serve: the first page"
  # An empty message, and one that says SERVING, each in a frame of gRPC.
  printf '\0\0\0\0\0' | curl -s --max-time 10 --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' \
    --data-binary @- -o "$output" http://localhost:8080/grpc.health.v1.Health/Check
  [ "$(od -An -tx1 "$output" | tr -d ' \n')" = 00000000020801 ] || fail "serve: health over gRPC"
  # A name, which libc resolves.
  environment=(TMPDIR=/data)
  kfmd import "$recording" --metadata localhost:8080 >"$output" 2>&1 || { cat "$output" >&2; fail "import into the service"; }
  kfmd lineage "$data_set" --metadata localhost:8080 >"$output" 2>&1 || { cat "$output" >&2; fail "lineage from the service"; }
  expect 'train .*mytable-dump.*→.*MNIST' "lineage from the service"
  stop serve
}

# Without a cluster: it lives, is not ready, and says why.
try_record() {
  volume /journal KFMD_JOURNAL=/journal/journal.db KFMD_HTTP_LISTEN="$any:8082" KUBECONFIG=/journal/kubeconfig \
    METADATA_GRPC_SERVICE_HOST=localhost METADATA_GRPC_SERVICE_PORT=8080
  cat >"$root/journal/kubeconfig" <<'END'
{"apiVersion": "v1", "kind": "Config", "current-context": "none",
 "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
 "users": [{"name": "none", "user": {"token": "none"}}],
 "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}]}
END
  start record --cluster none
  until_status 200 http://localhost:8082/healthz
  until_status 503 http://localhost:8082/readyz
  [ "$(status http://localhost:8082/metrics)" = 200 ] || fail "record: /metrics"
  expect kfmd_journal_depth "record: /metrics"
  [ -s "$root/journal/journal.db" ] || fail "record: no journal"
  stop record
}

try_import() {
  volume /data TMPDIR=/data
  kfmd import "$recording" --store /data/metadata.db >"$output" 2>&1 || { cat "$output" >&2; fail import; }
  [ -s "$root/data/metadata.db" ] || fail "import: no store"
}

try_lineage() {
  try_import
  kfmd lineage "$data_set" --store /data/metadata.db >"$output" 2>&1 || { cat "$output" >&2; fail lineage; }
  expect 'train .*mytable-dump.*→.*MNIST' lineage
}

try_explain() {
  volume /data TMPDIR=/data
  kfmd explain "$recording" >"$output" 2>&1 || { cat "$output" >&2; fail explain; }
  expect train explain
}

# It ends with 0 only if the whole lineage was recorded.
try_demo() {
  volume /data TMPDIR=/data KFMD_DEMO_EXIT=1
  kfmd demo >"$output" 2>&1 || { cat "$output" >&2; fail demo; }
  expect 'The page is open' demo
}

# Without a cluster and without rights: what the downward API says, and a termination message.
try_sidecar() {
  volume /data KFMD_STORE=/data/metadata.db KFMD_CLUSTER=none KFMD_POD_NAME=train-1 KFMD_POD_NAMESPACE=ml KFMD_POD_UID=uid-1 \
    KFMD_POD_INFO=/data KFMD_TERMINATION_MESSAGE=/data/message
  printf '%s\n' 'metadata.kubeflow.org/inputs="{type: data_set, uri: s3://lake/in}"' \
    'metadata.kubeflow.org/injected="{\"cluster\": \"none\", \"containers\": [{\"name\": \"c\"}]}"' \
    'metadata.kubeflow.org/digest-paths="[/data/model]"' >"$root/data/annotations"
  : >"$root/data/labels"
  echo weights >"$root/data/model"
  chown -R $user:$user "$root/data"
  start sidecar
  for _ in $(seq 120); do grep -q recording "$place/log" && break; sleep 0.25; done
  stop sidecar
  grep -q '"size":8,' "$root/data/message" || { cat "$place/log" "$root/data/message" >&2; fail "sidecar: the message"; }
  environment=(TMPDIR=/data)
  kfmd lineage s3://lake/in --store /data/metadata.db >"$output" 2>&1 || { cat "$output" >&2; fail "sidecar: the store"; }
  expect train-1 "sidecar: the store"
}

# Without a cluster: it answers over TLS all the same.
try_webhook() {
  volume /data KUBECONFIG=/data/kubeconfig KFMD_CLUSTER=none KFMD_SIDECAR_IMAGE=kfmd KFMD_HTTP_LISTEN="$any:8082" \
    KFMD_WEBHOOK_LISTEN="$any:8443" KFMD_WEBHOOK_CERT=/data/tls.crt KFMD_WEBHOOK_KEY=/data/tls.key \
    KFMD_WEBHOOK_NATIVE_SIDECARS=true
  echo '{"clusters": [{"name": "n", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "n", "user": {}}],
    "contexts": [{"name": "n", "context": {"cluster": "n", "user": "n"}}], "current-context": "n"}' >"$root/data/kubeconfig"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=metadata-webhook.kubeflow.svc \
    -addext subjectAltName=DNS:metadata-webhook.kubeflow.svc -keyout "$root/data/tls.key" -out "$root/data/tls.crt" 2>/dev/null
  chown -R $user:$user "$root/data"
  start webhook
  until_status 200 http://localhost:8082/healthz
  local review='{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE",
    "kind": {"group": "", "version": "v1", "kind": "Pod"}, "resource": {"group": "", "version": "v1", "resource": "pods"},
    "namespace": "team-a", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations":
    {"metadata.kubeflow.org/record": "true"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}'
  curl -s --max-time 10 --cacert "$root/data/tls.crt" --resolve metadata-webhook.kubeflow.svc:8443:127.0.0.1 \
    -H 'content-type: application/json' -d "$review" -o "$output" https://metadata-webhook.kubeflow.svc:8443/mutate ||
    { cat "$place/log" >&2; fail "webhook: no answer over TLS"; }
  expect '"allowed": ?true' "webhook: the answer"
  expect '"patch"' "webhook: the patch"
  stop webhook
}

try_rbac() {
  kfmd rbac >"$output" 2>&1 || { cat "$output" >&2; fail rbac; }
  expect '"ClusterRole"' rbac
}

try_version() {
  kfmd version >"$output" 2>&1 || { cat "$output" >&2; fail version; }
  expect '^store-schema 10$' version
}

# By the name that Deployments of ML Metadata's server have; and databases are reached for, by their libraries.
try_metadata_store_server() {
  local kept=("${binary[@]}")
  volume /data TMPDIR=/data KFMD_HEALTH_LISTEN="$any:8083"
  binary[-1]=/bin/metadata_store_server
  start --grpc_port=8080
  until_status 200 http://127.0.0.1:8083/healthz
  stop metadata_store_server
  binary=("${kept[@]}")
  for database in postgresql mysql; do
    environment=(KFMD_STORE="$database://somebody@127.0.0.1:1/none")
    if kfmd lineage 1 >"$output" 2>&1; then fail "there is no $database"; fi
    expect "^kfmd: store $database://somebody@127.0.0.1:1/none: .*(refused|connect to server)" "the library of $database"
  done
}

kfmd --version >"$output" 2>&1 || { cat "$output" >&2; fail "--version"; }
expect '^[0-9]+\.[0-9]+\.[0-9]+' "--version"
echo "image: kfmd $(cat "$output")"
kfmd --help >"$output" 2>&1 || { cat "$output" >&2; fail "--help"; }
mapfile -t subcommands < <(sed -n '/^SUBCOMMANDS:/,/^$/s/^  \([a-z][a-z_-]*\).*/\1/p' "$output")
[ ${#subcommands[@]} -gt 0 ] || fail "--help lists no subcommands"
for subcommand in "${subcommands[@]}"; do
  declare -F "try_$subcommand" >/dev/null || fail "nothing here tries the subcommand $subcommand"
  kfmd "$subcommand" --help >"$output" 2>&1 || { cat "$output" >&2; fail "$subcommand --help"; }
  expect '^USAGE: kfmd ' "$subcommand --help"
  environment=()
  "try_$subcommand"
  environment=()
  echo "image: $subcommand is well"
done
echo "image: all ${#subcommands[@]} subcommands are well"
