#!/usr/bin/env bash
# Runs a bounded part on the other versions of Node that users have, from npm's package `node`: the tests of
# the reader, the filters and the core, and a modelling engineer's first commands. A version that can't be
# had is told and passed over; one that fails fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The version that the worker's image has, and the next.
for version in "$(sed -n 's/^ARG NODE_VERSION=//p' cloud/worker/Dockerfile)" 24.21.0; do
  if ! timeout 120 npm install --prefix "$scratch/$version" --no-audit --no-fund --save-exact "node@$version" >"$scratch/log" 2>&1; then
    echo "Node $version: could not be installed, not tested:" >&2
    tail -n 3 "$scratch/log" >&2
    continue
  fi
  node="$scratch/$version/node_modules/node/bin/node"
  echo "Node $("$node" --version)"
  timeout 180 "$node" node_modules/vitest/vitest.mjs run test/unit/recordings test/unit/kalman test/unit/core
  example=shared/twins/heat-exchanger
  timeout 60 "$node" dist/cli.js new "$example/heat-exchanger.fmu" --data "$example/export.csv" --yes \
    --output "$scratch/$version.yaml" >"$scratch/log" 2>&1 || { cat "$scratch/log" && exit 1; }
  grep "^good: " "$scratch/log"
  timeout 60 "$node" dist/cli.js fmu simulate shared/twins/heated-box/heated-box.fmu --stop-time 600 \
    --output-file "$scratch/$version.csv"
done
