#!/usr/bin/env bash
# Builds and runs one small program by every route by which others build on whitediff.
# usage: run.sh [BUILD_DIRECTORY]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../../.." && pwd)
build=${1:-$source/build/consume}
rm -rf "$build"
mkdir -p "$build"

configure_and_run() { # NAME SOURCE_DIRECTORY CMAKE_ARGUMENTS...
  local name=$1 directory=$2
  shift 2
  cmake -S "$directory" -B "$build/$name" "$@" >"$build/$name.log" 2>&1 &&
    cmake --build "$build/$name" --parallel 2 >>"$build/$name.log" 2>&1 ||
    { cat "$build/$name.log"; exit 1; }
  run "$name" "$build/$name/consume"
}

run() { # NAME PROGRAM
  printf '%-34s' "$1"
  "$2"
}

# Resolvers of function clones, and templates of the standard library, are visible whatever the
# compiler is told.
check_exports() { # PREFIX
  nm -DC --defined-only "$(find "$1" -name libwhitediff.so)" |
    grep -v -e ' i ' -e '\.resolver' | grep -oE ' [TVW] .*' | grep -oE 'whitediff::\w+' | sort -u |
    while read -r name; do
      grep -qrw "${name#*::}" "$1/include" || { echo "$name is exported, but not public"; exit 1; }
    done
}

for library in static shared; do
  shared=$([ "$library" = shared ] && echo ON || echo OFF)
  cmake -S "$source" -B "$build/$library" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS="$shared" \
    -DWHITEDIFF_BUILD_TESTS=OFF -DWHITEDIFF_WARNINGS_AS_ERRORS=ON >"$build/$library.log"
  cmake --build "$build/$library" --parallel 2 >>"$build/$library.log"
  cmake --install "$build/$library" --prefix "$build/$library-first" >>"$build/$library.log"
  # What is installed works wherever it is moved to, and names no place.
  prefix="$build/$library prefix"
  mv "$build/$library-first" "$prefix"
  if grep -rIlF -e "$build" -e "$source" "$prefix"; then
    echo "installed files name an absolute path"
    exit 1
  fi

  if [ "$library" = shared ]; then check_exports "$prefix"; fi

  configure_and_run "find_package-$library" "$here/find_package" -DCMAKE_PREFIX_PATH="$prefix"

  pkgconfig=$(dirname "$(find "$prefix" -name whitediff.pc)")
  flags=$(PKG_CONFIG_PATH="$pkgconfig" pkg-config --cflags --libs whitediff)
  lib=$(dirname "$pkgconfig")
  eval "${CXX:-g++} -std=c++20 '$here/main.cpp' $flags -Wl,-rpath,'$lib' -o '$build/pkgconfig-$library'"
  run "pkg-config-$library" "$build/pkgconfig-$library"

  configure_and_run "add_subdirectory-$library" "$here/add_subdirectory" \
    -DWHITEDIFF_SOURCE="$source" -DBUILD_SHARED_LIBS="$shared"
done
configure_and_run fetch_content "$here/fetch_content" -DWHITEDIFF_SOURCE="$source"
