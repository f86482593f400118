#include "forked.hpp"

#include <pthread.h>

namespace whitediff {
namespace {

bool forked = false;

// Before any thread can have been used.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });

}  // namespace

bool is_forked() { return forked; }

}  // namespace whitediff
