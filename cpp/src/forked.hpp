#pragma once

namespace whitediff {

/// Whether this process is a fork of one that had loaded the library. The threads of OpenMP do not
/// go along with a fork, but its account of them does: a region of several would wait forever.
bool is_forked();

}  // namespace whitediff
