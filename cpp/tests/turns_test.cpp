#include "turns.hpp"

#include <atomic>
#include <thread>

#include "parallel.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// Boxes of a grid, every one of which overlaps all those around it, and some across it.
std::vector<Cell> crowd() {
  std::vector<Cell> cells = make_cells({60, 60}, 6, 5, 4, 0);
  for (const Box& box : {Box{0, 0, 60, 3}, {7, 5, 9, 55}, {30, 30, 60, 60}, {0, 0, 60, 60}}) {
    cells.push_back({box, box});
  }
  return cells;
}

std::vector<std::size_t> order_of(const Blend& blend) {
  std::vector<std::size_t> order;
  for (const auto& group : blend.groups()) order.insert(order.end(), group.begin(), group.end());
  return order;
}

constexpr auto image = Turns::Part::image, variance = Turns::Part::variance;

/// Lets every cell give in its turns, and checks that none of its predecessors is late.
struct Giving {
  Giving(const Blend& of, std::size_t cells)
      : blend(of), turns(of, cells), given_image(cells), given_variance(cells) {}

  void give(std::size_t cell) {
    // Some cells are slower than others.
    if (cell % 3 == 0) std::this_thread::yield();
    for (const auto part : {image, variance}) {
      std::vector<char>& given = part == image ? given_image : given_variance;
      if (!turns.wait(cell, part)) return;
      for (const std::size_t other : blend.predecessors(cell)) late += !given[other];
      given[cell] = 1;
      turns.finish(cell, part);
    }
    ++total;
  }

  const Blend& blend;
  Turns turns;
  std::vector<char> given_image, given_variance;  // plain: the turns alone keep threads apart
  std::atomic<int> late = 0, total = 0;
};

}  // namespace

TEST_CASE("cells give in order, whatever the threads") {
  const std::vector<Cell> cells = crowd();
  const Blend blend(cells, Reduction::average);
  const std::vector<std::size_t> order = order_of(blend);
  for (const int threads : {1, 2, 3, 16, 100}) {
    Giving giving(blend, cells.size());
    parallel_for(order.size(), threads, [&](std::size_t n) { giving.give(order[n]); });
    CHECK(giving.late == 0);
    CHECK(giving.total == static_cast<int>(cells.size()));
  }
}

TEST_CASE("threads of any kind may take the cells, as long as they come in order") {
  const std::vector<Cell> cells = crowd();
  const Blend blend(cells, Reduction::crossfade);
  const std::vector<std::size_t> order = order_of(blend);
  Giving giving(blend, cells.size());
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (std::size_t n = next++; n < order.size(); n = next++) giving.give(order[n]);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(giving.late == 0);
  CHECK(giving.total == static_cast<int>(cells.size()));
}

TEST_CASE("who waits for either part goes on when the turn comes, and when all is given up") {
  const std::vector<Cell> cells{{{0, 0, 5, 5}, {0, 0, 5, 5}}, {{4, 0, 9, 5}, {4, 0, 9, 5}}};
  const Blend blend(cells, Reduction::average);
  REQUIRE(blend.predecessors(1) == std::vector<std::size_t>{0});
  for (const auto part : {image, variance}) {
    for (const bool give_up : {false, true}) {
      Turns turns(blend, cells.size());
      if (part == variance) turns.finish(0, image);
      std::atomic<int> answer = -1;
      std::thread waiting([&] { answer = turns.wait(1, part); });
      CHECK(turns.wait(0, part));
      // Time to fall asleep. If it takes longer, there is nothing to be woken, and no harm.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      CHECK(answer == -1);
      give_up ? turns.give_up() : turns.finish(0, part);
      waiting.join();
      CHECK(answer == (give_up ? 0 : 1));
      // Who comes later does not wait either, nor does a cell that finishes late make them.
      CHECK(turns.wait(1, part) == !give_up);
      turns.finish(0, image);
      if (give_up) CHECK_FALSE(turns.wait(1, variance));
    }
  }
}

TEST_CASE("an error in one cell ends all of them") {
  struct Broken {};
  const std::vector<Cell> cells = crowd();
  const Blend blend(cells, Reduction::average);
  const std::vector<std::size_t> order = order_of(blend);
  for (std::size_t broken = 0; broken < order.size(); ++broken) {
    Giving giving(blend, cells.size());
    const auto body = [&](std::size_t n) {
      if (n == broken) {
        giving.turns.give_up();
        throw Broken();
      }
      giving.give(order[n]);
    };
    CHECK_THROWS_AS(parallel_for(order.size(), 4, body), Broken);
    CHECK(giving.late == 0);
    CHECK(giving.total < static_cast<int>(cells.size()));
  }
}
