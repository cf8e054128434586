#!/bin/sh
# session_wasm.sh CLANG WASM_LD SOURCE_DIR OUTPUT_DIR
# Compiles the session for wasm32 without any C library and links all of it, letting only memcpy,
# memmove, memset and memcmp stay imports. Any other import fails the link: the session is pure.
set -eu
clang=$1 linker=$2 sources=$3 out=$4
mkdir -p "$out"
printf 'memcpy\nmemmove\nmemset\nmemcmp\n' >"$out/allowed"
objects=
for source in "$sources"/*.c; do
  object=$out/$(basename "$source" .c).o
  "$clang" --target=wasm32 -std=c11 -ffreestanding -nostdlib -O2 -Wall -Wextra -Werror \
    -iquote "$sources/scope" -isystem "$(dirname "$0")/freestanding" -c "$source" -o "$object"
  objects="$objects $object"
done
# shellcheck disable=SC2086
"$linker" --no-entry --whole-archive --export-all --allow-undefined-file="$out/allowed" \
  $objects -o "$out/session.wasm"
echo "session.wasm: $(wc -c <"$out/session.wasm") bytes, imports at most: $(tr '\n' ' ' <"$out/allowed")"
