#pragma once

#include "fixture.hpp"

#include <caf/scoped_actor.hpp>

namespace cafka::testing {

/// The value of a record as text, `null` where there is none.
inline std::string value_of(const protocol::record_view& r) {
  return r.value ? std::string{protocol::as_text(*r.value)} : "null";
}

/// The values that a range of records yields.
template <class Range>
std::vector<std::string> values(Range&& records) {
  std::vector<std::string> all;
  for (const auto& r : records)
    all.push_back(value_of(r));
  return all;
}

/// `prefix` and the numbers from `first` to `last`.
inline std::vector<std::string> numbered(const std::string& prefix, int first, int last) {
  std::vector<std::string> all;
  for (int i = first; i <= last; ++i)
    all.push_back(prefix + std::to_string(i));
  return all;
}

/// Writes values in one batch, and returns the offset of the first.
inline log_offset write(application& app, const std::string& topic,
  const std::vector<std::string>& all, const worker_ref& worker = {}) {
  produce request;
  request.topic = topic;
  request.partition = 0;
  request.deadline = test_timeout;
  for (const auto& value : all)
    request.records.push_back({.value = value});
  return REQUIRE_VALUE(app.produce(request, worker)).base_offset.value();
}

/// What the group has committed for partition 0; -1 for nothing.
inline std::int64_t committed(application& app, const std::string& group,
  const std::string& topic, const worker_ref& worker = {}) {
  offset_fetch request;
  request.group = group;
  request.topics.emplace().push_back({topic, {0}});
  request.deadline = test_timeout;
  const auto found = REQUIRE_VALUE(app.offset_fetch(request, worker));
  REQUIRE(found.offsets.size() == 1);
  return found.offsets[0].offset.value_or(-1).value();
}

/// An actor that notes what a stream sends it, and does nothing by itself.
class stream_consumer {
public:
  explicit stream_consumer(caf::actor_system& system) : system_(system) {
    actor_ = system.spawn([notes = notes_](caf::event_based_actor*) -> caf::behavior {
      return {
        [notes](const stream_batch& batch) {
          const std::lock_guard lock{notes->mutex};
          notes->batches.push_back(batch);
          notes->changed.notify_all();
        },
        [notes](const stream_end& end) {
          const std::lock_guard lock{notes->mutex};
          notes->ends.push_back(end);
          notes->changed.notify_all();
        },
      };
    });
  }

  ~stream_consumer() { kill(); }

  stream_consumer(const stream_consumer&) = delete;
  stream_consumer& operator=(const stream_consumer&) = delete;

  [[nodiscard]] caf::strong_actor_ptr address() const {
    return caf::actor_cast<caf::strong_actor_ptr>(actor_);
  }

  void kill() { post_exit(actor_, caf::exit_reason::kill); }

  bool wait_for_batches(std::size_t count) const {
    std::unique_lock lock{notes_->mutex};
    return notes_->changed.wait_for(
      lock, test_timeout, [&] { return notes_->batches.size() >= count; });
  }

  [[nodiscard]] std::vector<stream_batch> batches() const {
    const std::lock_guard lock{notes_->mutex};
    return notes_->batches;
  }

  /// How the stream ended; fails the test when it does not, or not once.
  [[nodiscard]] stream_end end() const {
    std::unique_lock lock{notes_->mutex};
    REQUIRE(notes_->changed.wait_for(
      lock, test_timeout, [&] { return !notes_->ends.empty(); }));
    REQUIRE(notes_->ends.size() == 1);
    return notes_->ends.front();
  }

  /// Stops a stream and waits for its answer.
  stream_end stop(const stream_actor& stream, std::optional<log_offset> done = {}) {
    caf::scoped_actor self{system_};
    stream_end answer;
    ask(self, stream, test_timeout, stream_stop{done})
      .receive([&](const stream_end& end) { answer = end; },
        [](const caf::error& e) { FAIL("the stream gave no answer: " << to_string(e)); });
    return answer;
  }

private:
  struct notes {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<stream_batch> batches;
    std::vector<stream_end> ends;
  };

  caf::actor_system& system_;
  std::shared_ptr<notes> notes_ = std::make_shared<notes>();
  caf::actor actor_;
};

} // namespace cafka::testing
