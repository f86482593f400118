#include "whitediff/cores.hpp"

#include <omp.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "cpu_quota.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// A tree of control groups, and the file that says which one a process belongs to.
class Groups {
 public:
  Groups() { std::filesystem::create_directories(root() / "slice" / "job"); }
  ~Groups() { std::filesystem::remove_all(directory_); }

  void limit(const std::string& group, const std::string& text) const {
    std::ofstream(root() / group / "cpu.max") << text << '\n';
  }

  std::optional<double> quota(const std::string& membership) const {
    std::ofstream(directory_ / "membership") << membership;
    return cpu_quota(directory_ / "membership", root());
  }

 private:
  std::filesystem::path root() const { return directory_ / "root"; }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("groups-" + std::to_string(getpid()));
};

}  // namespace

TEST_CASE("the quota is the least of a group and those above it") {
  const Groups groups;
  CHECK(!groups.quota("0::/slice/job\n"));
  groups.limit("slice", "150000 100000");
  groups.limit("slice/job", "max 100000");
  CHECK(groups.quota("0::/slice/job\n") == 1.5);
  CHECK(groups.quota("4:memory:/other\n0::/slice/job\n") == 1.5);
  groups.limit("slice/job", "50000 100000");
  CHECK(groups.quota("0::/slice/job\n") == 0.5);
  CHECK(groups.quota("0::/slice\n") == 1.5);
  groups.limit("", "20000 100000");
  CHECK(groups.quota("0::/slice/job\n") == 0.2);
}

TEST_CASE("there is no quota where it cannot be read") {
  const Groups groups;
  groups.limit("slice", "150000 100000");
  CHECK(!groups.quota(""));
  CHECK(!groups.quota("1:cpu:/slice\n"));
  CHECK(!groups.quota("0::/not/there\n"));
  for (const char* text : {"", "few 100000", "-1 100000", "100000 0", "100000"}) {
    groups.limit("slice", text);
    CHECK(!groups.quota("0::/slice\n"));
  }
}

TEST_CASE("the usable cores are no more than OpenMP is set to, and at least one") {
  CHECK(usable_cores() >= 1);
  CHECK(usable_cores() <= omp_get_num_procs());
  // In a thread of its own, since what OpenMP is set to is the thread's.
  std::thread([] {
    omp_set_num_threads(1);
    CHECK(usable_cores() == 1);
  }).join();
}
