#!/bin/sh
# Takes one order: a JSON object of slots on standard input, appended as one line to a file.
# The first line printed here can be used in the reply as `outcome`.
set -eu
orders="${MYNAH_ORDERS:-${TMPDIR:-/tmp}/mynah-coffee-orders.jsonl}"
cat >>"$orders"
echo "about three minutes"
