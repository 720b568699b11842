#!/bin/sh
# Make the project's Python environment from requirements/dev.lock and print its path.
#
# Called by the Makefile before anything else, so it may assume nothing but a POSIX shell.
# The environment lies outside the tree, keyed by lock, interpreter and checkout; an
# interrupted installation is noticed by the missing marker and done again.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
home=${BATCHAI_HOME:-$HOME/.cache/batchai}

say() { printf '%s\n' "$*" >&2; }

usable() {
  command -v "$1" >/dev/null 2>&1 &&
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  for candidate in ${BATCHAI_PYTHON:-} python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if usable "$candidate"; then command -v "$candidate"; return 0; fi
  done
  return 1
}

if ! python=$(find_python); then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    say 'batchai: Python 3.11 or newer with its venv module is needed and was not found.'
    say 'Install it (Debian: apt-get install python3-venv; macOS: brew install python) and try again.'
    exit 1
  fi
  say 'Installing Python from the distribution (half a minute) ...'
  apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    python3 python3-venv ca-certificates >&2
  python=$(find_python) || { say 'batchai: the distribution has no Python 3.11 or newer.'; exit 1; }
fi

key=$({ cat "$root/requirements/dev.lock"; "$python" -VV; printf '%s' "$root"; } |
  "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:12])')
venv=$home/venv/$key

# Two runs at once would remove each other's half. The lock is this shell's, through its open file;
# Python only takes it, because macOS has no flock program. It goes when the shell ends.
if [ ! -e "$venv/.complete" ]; then
  mkdir -p "$home/venv"
  exec 9>"$home/venv/.lock"
  "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi

if [ ! -e "$venv/.complete" ]; then
  say "Making the Python environment (one minute, once): $venv"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --disable-pip-version-check --require-hashes \
    -r "$root/requirements/dev.lock" >&2
  "$venv/bin/pip" install --disable-pip-version-check --quiet --no-deps --no-build-isolation \
    -e "$root" >&2
  : >"$venv/.complete"
fi
printf '%s\n' "$venv"
