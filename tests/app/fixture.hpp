#pragma once

#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cafka::testing {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// For what must happen at last, on a machine under load; a test that passes never waits
/// for it.
inline constexpr milliseconds test_timeout{90'000};

/// What a loaded machine may add to a deadline before a test calls it missed.
inline constexpr milliseconds lateness{5'000};

/// Asks until the condition holds; false when it does not by the deadline. A condition
/// that asks somebody should block meanwhile.
template <class Condition>
bool eventually(Condition holds, milliseconds within = test_timeout) {
  const auto deadline = steady_clock::now() + within;
  while (!holds()) {
    if (steady_clock::now() > deadline)
      return false;
    std::this_thread::yield();
  }
  return true;
}

/// How many descriptors this process has open.
[[nodiscard]] std::size_t open_descriptors();

/// A name that no other test of this cluster has had.
[[nodiscard]] std::string unique_name(const std::string& prefix);

/// What the supervisor reported so far.
class event_log {
public:
  void add(const supervision::supervision_event& event);
  [[nodiscard]] std::size_t count(
    supervision::event_kind kind, const std::string& child) const;
  /// False when there are not so many by the deadline.
  bool wait_for(
    supervision::event_kind kind, const std::string& child, std::size_t count) const;

private:
  [[nodiscard]] std::size_t count_locked(
    supervision::event_kind kind, const std::string& child) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<supervision::supervision_event> events_;
};

/// An actor system of a service that embeds cafka.
struct service {
  /// Without a default worker, unless the options say otherwise.
  explicit service(broker_list brokers, application_options options = quiet());
  ~service();

  static application_options quiet();

  /// A worker that some broker has answered.
  worker_actor connect(const std::string& name, const worker_init& init = {});

  event_log events;
  configuration config;
  caf::actor_system system;
  std::unique_ptr<application> app;
};

/// The results of requests, each at the place of its request.
template <class Reply>
class answers {
public:
  explicit answers(std::size_t count)
    : replies_(count), times_(count), began_(steady_clock::now()) {}

  void take(std::size_t place, result<Reply> reply) {
    const std::lock_guard lock{mutex_};
    replies_[place] = std::move(reply);
    ++times_[place];
    last_ = steady_clock::now();
    ++taken_;
    changed_.notify_all();
  }

  /// Whether each request had an answer by the deadline.
  bool wait(milliseconds within = test_timeout) const {
    return wait_for(times_.size(), within);
  }

  /// Whether so many had.
  bool wait_for(std::size_t count, milliseconds within = test_timeout) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, within, [&] { return taken_ >= count; });
  }

  [[nodiscard]] bool each_once() const {
    const std::lock_guard lock{mutex_};
    return std::ranges::all_of(times_, [](auto n) { return n == 1; });
  }

  [[nodiscard]] std::vector<result<Reply>> all() const {
    const std::lock_guard lock{mutex_};
    return replies_;
  }

  /// From the beginning to the last answer.
  [[nodiscard]] milliseconds took() const {
    const std::lock_guard lock{mutex_};
    return std::chrono::ceil<milliseconds>(last_ - began_);
  }

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<result<Reply>> replies_;
  std::vector<std::size_t> times_;
  std::size_t taken_ = 0;
  steady_clock::time_point began_;
  steady_clock::time_point last_;
};

/// Asks a worker all requests at once, from an actor of the service's own.
template <class Reply, class Request>
std::shared_ptr<answers<Reply>> ask_from_actor(
  caf::actor_system& system, const worker_actor& worker, std::vector<Request> requests) {
  auto taken = std::make_shared<answers<Reply>>(requests.size());
  system.spawn([taken, worker, requests = std::move(requests)](
                 caf::event_based_actor* self) mutable {
    for (std::size_t i = 0; i != requests.size(); ++i)
      ask(self, worker, caf::infinite, std::move(requests[i]))
        .then([taken, i](result<Reply>& reply) { taken->take(i, std::move(reply)); },
          [taken, i](caf::error& e) {
            taken->take(i, error{error_code::worker_down, to_string(e)});
          });
  });
  return taken;
}

/// The same for one request; waits for the answer.
template <class Reply, class Request>
result<Reply> ask_one(
  caf::actor_system& system, const worker_actor& worker, Request request) {
  std::vector<Request> one;
  one.push_back(std::move(request));
  const auto taken = ask_from_actor<Reply>(system, worker, std::move(one));
  if (!taken->wait())
    return error{error_code::timed_out, "the actor had no answer"};
  return taken->all().front();
}

/// The records as copies, offsets left behind.
[[nodiscard]] std::vector<record> copies(const fetched& from);

/// Every record of a partition from `from` on, with its offset.
[[nodiscard]] std::vector<std::pair<log_offset, record>> read_all(application& app,
  const std::string& topic, partition_id partition, const worker_ref& worker,
  log_offset from = 0);

/// The error as text for a report; `-` where there is none.
template <class T>
std::string why(const result<T>& r) {
  return r ? "-" : to_string(r.error());
}

/// Ends the test where there is no value.
template <class T>
T required(result<T> r, const char* file, int line) {
  if (!r)
    FAIL(file << ':' << line << ": " << to_string(r.error()));
  return *std::move(r);
}

/// What the codecs are called by Kafka's tools.
struct named_codec {
  codec value;
  std::string name;
};

[[nodiscard]] std::vector<named_codec> all_codecs();

} // namespace cafka::testing

/// The value; where there is none, the test fails with the error.
#define REQUIRE_VALUE(expression)                                                        \
  ::cafka::testing::required((expression), __FILE__, __LINE__)
