#!/bin/sh
# engine/build.sh: src/session and engine.c as build/engine.wasm (no libc, no imports) and, by
# binaryen's wasm2js, as build/engine.js, both with exports of one letter; build/exports.txt says which.
# Then what src/engine imports. Needs clang, lld, binaryen.
set -eu
cd "$(dirname "$0")/.."
sources=../src/session
mkdir -p build

# link NAME [FLAG...]: build/NAME.wasm, compiled with these flags
link() {
  name=$1
  shift
  mkdir -p "build/$name"
  objects=
  for source in $sources/*.c engine/engine.c; do
    [ "${source##*/}" = check.c ] && continue # assertions: native tests run them
    object=build/$name/${source##*/}.o
    clang --target=wasm32 -std=c11 -Oz -flto -DNDEBUG -ffreestanding -nostdlib -fno-builtin-memset -Wall -Wextra -Werror \
      "$@" -Iengine -I$sources -isystem ../tests/support/freestanding -c "$source" -o "$object"
    objects="$objects $object"
  done
  # shellcheck disable=SC2086 # a list
  wasm-ld --no-entry --gc-sections --lto-O3 --strip-all -z stack-size=8192 $objects -o "build/$name.wasm"
}

# The second -Oz finds what the passes of the first one left to each other.
shrink='-Oz --converge --low-memory-unused --zero-filled-memory --strip-producers --strip-debug -aimfs 6 -Oz'
shrink="$shrink --minify-imports-and-exports"
# What all browsers of ES2021 have; wasm2js takes the first WebAssembly only.
link modern -mbulk-memory -msign-ext -mnontrapping-fptoint
# shellcheck disable=SC2086 # a list
wasm-opt $shrink --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int build/modern.wasm -o build/engine.wasm >build/exports.txt
link first
# shellcheck disable=SC2086 # a list
wasm-opt $shrink build/first.wasm -o build/plain.wasm | cmp - build/exports.txt
wasm2js -Oz build/plain.wasm -o build/engine.js
node engine/embed.mjs
