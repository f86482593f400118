#pragma once

#include <filesystem>
#include <optional>

namespace whitediff {

/// The cores' worth of time that control groups (version 2) leave a process: the least of its own
/// group and those above it. None where there is no limit, or no such group.
/// @param membership  /proc/self/cgroup, or a file like it.
/// @param root  where the tree of groups is mounted.
std::optional<double> cpu_quota(const std::filesystem::path& membership,
                                const std::filesystem::path& root);

}  // namespace whitediff
