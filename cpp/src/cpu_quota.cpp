#include "cpu_quota.hpp"

#include <fstream>
#include <string>

namespace whitediff {
namespace {

/// The line "0::/path" is that of version 2.
std::optional<std::filesystem::path> group_of(const std::filesystem::path& membership) {
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(4);
  }
  return std::nullopt;
}

/// The file reads "QUOTA PERIOD", in microseconds, or "max PERIOD".
std::optional<double> quota_in(const std::filesystem::path& directory) {
  std::ifstream file(directory / "cpu.max");
  double quota = 0.0, period = 0.0;
  if (!(file >> quota >> period) || quota <= 0.0 || period <= 0.0) return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cpu_quota(const std::filesystem::path& membership,
                                const std::filesystem::path& root) {
  const auto group = group_of(membership);
  if (!group) return std::nullopt;
  std::optional<double> least;
  // Inside a container the path may be one of the host, whose last directories are not there.
  std::filesystem::path directory = root;
  const auto include = [&] {
    const auto quota = quota_in(directory);
    if (quota && (!least || *quota < *least)) least = quota;
  };
  include();
  for (const auto& part : *group) {
    directory /= part;
    include();
  }
  return least;
}

}  // namespace whitediff
