#pragma once

// Functions marked WHITEDIFF_MULTIVERSION are compiled for several instruction sets; the loader
// picks the best one for the machine that runs them. The build defines
// WHITEDIFF_TARGET_CLONES where compiler, object format and sanitizers allow it.
#ifdef WHITEDIFF_TARGET_CLONES
#define WHITEDIFF_MULTIVERSION \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define WHITEDIFF_MULTIVERSION
#endif

// What they call must be compiled with them, or it would stay with the least instruction set.
#define WHITEDIFF_ALWAYS_INLINE inline __attribute__((always_inline))
