#!/bin/bash -eu
# Builds every fuzz target of every crate into $OUT, with its seeds and the dictionary. OSS-Fuzz sets SRC, OUT and the flags of
# the compiler. Without Docker: SRC=<the folder above this repository> OUT=/tmp/out RUSTUP_TOOLCHAIN=nightly build.sh
cd "$SRC/tinyhttp"
for fuzz in crates/*/fuzz; do
  crate=$(basename "$(dirname "$fuzz")")
  # As a release is built, but with what a debug build checks: an overflow is a finding.
  cargo fuzz build --fuzz-dir "$fuzz" -O --debug-assertions
  for target in $(cargo fuzz list --fuzz-dir "$fuzz"); do
    # Two crates may have a target of the same name.
    name="${crate}_$target"
    cp "$fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/$name"
    cp crates/message/fuzz/http.dict "$OUT/$name.dict"
    zip -q -j "$OUT/${name}_seed_corpus.zip" "$fuzz/seeds/$target"/*
  done
done
