#include "parallel.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "forked.hpp"
#include "require.hpp"
#include "whitediff/cores.hpp"

namespace whitediff {
namespace {

constexpr std::size_t pixels_of_thread = std::size_t{1} << 17;
// More than any machine has.
constexpr int most_threads = 4096;

class Team;

/// What a thread is inside parallel_for and with_threads.
struct Role {
  int index = 0;
  Team* team = nullptr;  // that the thread may give loops to
  bool in_loop = false;
};
thread_local Role role;

/// Gives the calling thread a role for a while.
class Acting {
 public:
  explicit Acting(const Role& as) : before_(std::exchange(role, as)) {}
  ~Acting() { role = before_; }
  Acting(const Acting&) = delete;
  Acting& operator=(const Acting&) = delete;

 private:
  Role before_;
};

/// Indices that threads take one after the other.
class Loop {
 public:
  Loop(std::size_t count, int threads, const std::function<void(std::size_t)>& body)
      : count_(count), threads_(threads), body_(body) {}

  int threads() const { return threads_; }

  /// Takes indices until there is none left.
  void run(int index) {
    const Acting acting({index, nullptr, true});
    for (std::size_t i = next_++; i < count_ && !failed_; i = next_++) {
      try {
        body_(i);
      } catch (...) {
        if (!failed_.exchange(true)) failure_ = std::current_exception();
      }
    }
  }

  /// After all threads have run.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::size_t count_;
  int threads_;
  const std::function<void(std::size_t)>& body_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
};

/// The threads of an OpenMP region, of which all but the first sleep until there is a loop to run.
/// A thread that wakes up too late misses a loop, and nobody waits for it.
class Team {
 public:
  explicit Team(int threads) : threads_(threads) {}

  int threads() const { return threads_; }

  /// Runs a loop in the first thread, with those who join.
  void run(Loop& loop) {
    tell([&] {
      loop_ = &loop;
      ++loops_;
    });
    loop.run(0);
    std::unique_lock lock(mutex_);
    loop_ = nullptr;
    left_.wait(lock, [&] { return inside_ == 0; });
  }

  /// What every other thread does until the team is closed.
  void work(int index) {
    std::unique_lock lock(mutex_);
    for (std::size_t seen = 0;;) {
      begun_.wait(lock, [&] { return closed_ || loops_ != seen; });
      if (closed_) break;
      seen = loops_;
      if (!loop_ || index >= loop_->threads()) continue;
      Loop& loop = *loop_;
      ++inside_;
      lock.unlock();
      loop.run(index);
      lock.lock();
      if (--inside_ == 0) left_.notify_one();
    }
    ++gone_;
    left_.notify_one();
  }

  /// Sends the others away, and sleeps until they are: at the end of the region nobody waits long.
  void close(int others) {
    tell([&] { closed_ = true; });
    std::unique_lock lock(mutex_);
    left_.wait(lock, [&] { return gone_ == others; });
  }

 private:
  template <class Change>
  void tell(const Change& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    begun_.notify_all();
  }

  int threads_;
  std::mutex mutex_;
  std::condition_variable begun_, left_;
  Loop* loop_ = nullptr;
  std::size_t loops_ = 0;  // so far
  int inside_ = 0;         // threads in the loop, besides the first
  int gone_ = 0;           // threads that have left the team
  bool closed_ = false;
};

}  // namespace

int thread_count(int requested) {
  require(requested >= 0 && requested <= most_threads, "n_threads",
          "be 0 (all cores) to " + std::to_string(most_threads), requested);
  if (is_forked()) return 1;
  return requested > 0 ? requested : usable_cores();
}

int threads_of_frame(Shape frame, int requested) {
  const int threads = thread_count(requested);
  if (requested != 0) return threads;
  return static_cast<int>(std::clamp<std::size_t>(frame.size() / pixels_of_thread, 1, threads));
}

int thread_index() { return role.index; }

int threads_at_hand() { return role.team ? role.team->threads() : 1; }

void with_threads(int threads, const std::function<void()>& body) {
  if (threads <= 1 || role.team || role.in_loop) return body();
  Team team(threads);
  std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
  if (omp_get_thread_num() > 0) {
    team.work(omp_get_thread_num());
  } else {
    const Acting acting({0, &team, false});
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
    team.close(omp_get_num_threads() - 1);
  }
  if (failure) std::rethrow_exception(failure);
}

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
  Loop loop(count, static_cast<int>(std::min<std::size_t>(threads, count)), body);
  with_threads(loop.threads(), [&] {
    if (role.team && loop.threads() > 1) {
      role.team->run(loop);
    } else {
      loop.run(0);
    }
  });
  loop.rethrow();
}

}  // namespace whitediff
