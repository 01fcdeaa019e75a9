#!/usr/bin/env bash
# Runs the worker in a root file system that scripts/image.mjs assembled, as its container would: read-only but
# for /tmp, as the image's user, with processes of its own. What it sees of this machine is the network, and
# the folders named in TWINLOOP_VOLUMES (divided by colons), at the same paths; of the environment, what begins
# with AWS_ or TWINLOOP_. Needs root.
#
#   scripts/run-in-root.sh ROOT [argument of the worker...]
#   scripts/run-in-root.sh ROOT --entrypoint PROGRAM [argument...]
set -euo pipefail
root=$(realpath "$1")
shift
if [ "${1:-}" = --entrypoint ]; then shift; else set -- /usr/local/bin/node cloud/worker/main.js "$@"; fi
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
while IFS= read -r name; do environment+=("$name=${!name}"); done < <(compgen -e | grep -E '^(AWS|TWINLOOP)_' || true)
exec env -i "${environment[@]}" unshare --mount --pid --ipc --uts --fork --kill-child bash -euo pipefail -c '
  root=$1
  shift
  mount --make-rprivate /
  mount --bind "$root" "$root"
  IFS=: read -ra volumes <<<"${TWINLOOP_VOLUMES:-}"
  for volume in "${volumes[@]}"; do mkdir -p "$root$volume"; done
  mount -o remount,bind,ro "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  # A volume below /tmp is hidden by it so far.
  for volume in "${volumes[@]}"; do
    [[ $volume != /tmp/* ]] || mkdir -p "$root$volume"
    mount --bind "$volume" "$root$volume"
  done
  export NODE_ENV=production TWINLOOP_HEARTBEAT=/tmp/worker-alive
  exec chroot --userspec=1000:1000 "$root" /bin/sh -c '\''cd /app && exec "$@"'\'' sh "$@"
' bash "$root" "$@"
