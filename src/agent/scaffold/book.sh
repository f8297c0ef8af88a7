#!/bin/sh
# Takes one booking: the slots are one JSON object on standard input, the action's name is in
# MYNAH_ACTION. Exit status 0 means done; anything else leads to the intent's `failed` reply.
set -eu
cat >>"${MYNAH_BOOKINGS:-${TMPDIR:-/tmp}/mynah-bookings.jsonl}"
echo "under your name"
