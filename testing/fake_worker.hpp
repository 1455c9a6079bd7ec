#pragma once

#include "../actors/interfaces.hpp"

#include <caf/fwd.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <typeindex>
#include <utility>
#include <vector>

namespace cafka::testing {

/// An actor with the interface of a worker that answers what a test says, for actors that
/// have a worker to ask. There is no cluster behind it.
///
/// A request that the test has said nothing about is answered with `invalid_argument`,
/// and its name. Every function may be called from any thread.
class fake_worker {
public:
  /// Starts it in `sys`, which must outlive it, and in which
  /// `cafka::init_global_meta_objects` was called.
  explicit fake_worker(caf::actor_system& sys);
  fake_worker(const fake_worker&) = delete;
  fake_worker& operator=(const fake_worker&) = delete;
  /// The actor ends.
  ~fake_worker();

  /// What to send requests to, in a worker's place.
  [[nodiscard]] const worker_actor& handle() const { return actor_; }

  /// Calls `answer` for each request of this type from now on, in the worker's actor; it
  /// must not throw. Example:
  ///
  ///     worker.on<cafka::produce>([](const cafka::produce& asked) {
  ///       return cafka::produced{.topic = asked.topic, .base_offset = 7};
  ///     });
  template <class Request>
  void on(std::function<result<reply_of<Request>>(const Request&)> answer) {
    const std::lock_guard lock{table_->mutex};
    table_->answers[typeid(Request)] =
      std::make_shared<std::function<result<reply_of<Request>>(const Request&)>>(
        std::move(answer));
  }

  /// All requests of this type so far, in order.
  template <class Request>
  [[nodiscard]] std::vector<Request> asked() const {
    const std::lock_guard lock{table_->mutex};
    std::vector<Request> all;
    const auto found = table_->seen.find(typeid(Request));
    if (found == table_->seen.end())
      return all;
    for (const auto& one : found->second)
      all.push_back(*static_cast<const Request*>(one.get()));
    return all;
  }

private:
  struct table {
    std::mutex mutex;
    std::map<std::type_index, std::shared_ptr<void>> answers;
    std::map<std::type_index, std::vector<std::shared_ptr<const void>>> seen;
  };
  template <class Request>
  static result<reply_of<Request>> answer(
    table& all, const Request& asked, const char* name);

  std::shared_ptr<table> table_ = std::make_shared<table>();
  worker_actor actor_;
};

} // namespace cafka::testing
