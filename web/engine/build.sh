#!/bin/sh
# engine/build.sh: src/session and engine.c as build/engine.wasm (no libc, no imports) and, by
# binaryen's wasm2js, as build/engine.js. Needs clang, lld and binaryen.
set -eu
cd "$(dirname "$0")/.."
sources=../src/session
mkdir -p build/objects
objects=
for source in $sources/*.c engine/engine.c; do
  [ "${source##*/}" = check.c ] && continue # assertions: native tests run them
  object=build/objects/${source##*/}.o
  clang --target=wasm32 -std=c11 -Oz -flto -DNDEBUG -ffreestanding -nostdlib -fno-builtin-memset -Wall -Wextra -Werror \
    -I$sources -isystem ../tests/support/freestanding -c "$source" -o "$object"
  objects="$objects $object"
done
# shellcheck disable=SC2086 # a list
wasm-ld --no-entry --gc-sections --lto-O3 --strip-all -z stack-size=8192 $objects -o build/linked.wasm
wasm-opt -Oz --converge --strip-producers --strip-debug build/linked.wasm -o build/engine.wasm
wasm2js -Oz build/engine.wasm -o build/engine.js
node engine/embed.mjs
