// Callers that run side by side. A thread sanitizer looks on in the tsan preset.

#include <omp.h>

#include <thread>

#include "support.hpp"

using namespace whitediff;

namespace {

struct Job {
  Image<float> image;
  KernelPtr kernel;
  int n_threads;

  Whitened<float> run() const {
    DecorrelateOptions options;
    options.whiten.n_threads = n_threads;
    const Shape shape = image.shape();
    options.whiten.cells = make_cells(shape, 3, 3, 6, 0);
    for (Cell& cell : options.whiten.cells) cell.expanded = {};
    return decorrelate<float>(image.view(), {1.0, {}, 1.0, {}}, {2.0, {}, 1.0, {}}, kernel,
                              options);
  }
};

std::vector<Job> jobs() {
  const KernelPtr shared = test::varying_gaussian({9, 9}, 1.0, 1.5, 120.0);
  std::vector<Job> jobs;
  for (unsigned i = 0; i < 4; ++i) {
    const Shape shape{90 + 7 * static_cast<int>(i % 2), 120};
    jobs.push_back({test::noise<float>(shape, i), shared, 1 + static_cast<int>(i % 3)});
  }
  return jobs;
}

void check_same(const std::vector<Whitened<float>>& a, const std::vector<Whitened<float>>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(test::same_bits(a[i].image, b[i].image));
    CHECK(test::same_bits(a[i].variance, b[i].variance));
  }
}

std::vector<Whitened<float>> one_by_one(const std::vector<Job>& jobs) {
  std::vector<Whitened<float>> results;
  for (const Job& job : jobs) results.push_back(job.run());
  return results;
}

}  // namespace

TEST_CASE("threads that call decorrelate at once get what they would get alone") {
  const auto work = jobs();
  const auto alone = one_by_one(work);
  auto together = one_by_one(work);
  clear_plans();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < work.size(); ++i) {
    threads.emplace_back([&, i] { together[i] = work[i].run(); });
  }
  for (auto& thread : threads) thread.join();
  check_same(together, alone);
}

TEST_CASE("calls from inside a parallel region work, nested or not") {
  const auto work = jobs();
  const auto alone = one_by_one(work);
  const int levels = omp_get_max_active_levels();
  for (const int active : {1, 2}) {
    omp_set_max_active_levels(active);
    auto together = one_by_one(work);
    const int count = static_cast<int>(work.size());
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < count; ++i) together[i] = work[i].run();
    check_same(together, alone);
  }
  omp_set_max_active_levels(levels);
}

TEST_CASE("the caller's OpenMP settings stay as they are") {
  omp_set_num_threads(3);
  omp_set_dynamic(0);
  const int levels = omp_get_max_active_levels();
  jobs().front().run();
  CHECK(omp_get_max_threads() == 3);
  CHECK(omp_get_dynamic() == 0);
  CHECK(omp_get_max_active_levels() == levels);
}
