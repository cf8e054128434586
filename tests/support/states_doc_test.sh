#!/bin/sh
# states_doc_test.sh STATES_DOC STATES_MD: the document is what the table says.
set -eu
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
"$1" >"$printed"
if ! diff -u "$2" "$printed"; then
  echo "docs/states.md is not what the table says: print it anew with $1" >&2
  exit 1
fi
