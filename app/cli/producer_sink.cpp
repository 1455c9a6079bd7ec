#include "record_sink.hpp"
#include "text.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <vector>

namespace cafka::cli {

namespace {

/// How often reports are looked at while all outcomes are waited for.
constexpr milliseconds look_around{100};
/// Beyond the time for each record, for the producer's own answer that it has passed.
constexpr milliseconds grace{2'000};
/// Beyond this a producer takes no time.
constexpr milliseconds longest_time{std::numeric_limits<std::int32_t>::max()};

/// What a producer has told in its own thread, for the thread that sends.
class mailbox {
public:
  void put(const delivery& d) {
    const std::lock_guard guard{mutex_};
    all_.push_back(d);
    any_.store(true, std::memory_order_release);
  }

  [[nodiscard]] bool any() const { return any_.load(std::memory_order_acquire); }

  [[nodiscard]] std::vector<delivery> take() {
    const std::lock_guard guard{mutex_};
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(all_, {});
  }

private:
  std::mutex mutex_;
  std::vector<delivery> all_;
  std::atomic<bool> any_ = false;
};

class producer_sink final : public record_sink {
public:
  producer_sink(const produce_arguments& what, application& app, produce_tally& tally,
    std::function<void()> on_delivered)
    : what_(what), app_(app), tally_(tally), on_delivered_(std::move(on_delivered)) {}

  bool add(const protocol::outgoing_record& r, std::uint64_t number) override {
    if (!producer_ && !worker_)
      return begin(r, number);
    if (!producer_)
      return worker_->add(r, number);
    return !failed() && send(r, number);
  }

  bool idle() override { return producer_ || !worker_ ? !failed() : worker_->idle(); }

  bool finish() override {
    if (producer_) {
      report_finished();
      static_cast<void>(producer_.close(grace));
      static_cast<void>(failed());
    }
    if (worker_)
      static_cast<void>(worker_->finish());
    return !tally_.first_failure();
  }

private:
  /// The first record goes alone: its outcome shows whether the brokers know what a
  /// producer needs, and from then on the topic's partitions are known.
  bool begin(const protocol::outgoing_record& r, std::uint64_t number) {
    auto started = app_.producer(options());
    if (!started) {
      tally_.refused(number, -1, started.error());
      return false;
    }
    producer_ = *std::move(started);
    topic_ = producer_.to(what_.topic);
    const auto sent = producer_.send(topic_, r);
    if (!sent)
      return not_taken(sent, r, number);
    wait_for_outcomes();
    auto reports = reports_->take();
    const auto first =
      std::ranges::find_if(reports, [](const delivery& d) { return d.count > 0; });
    if (first == reports.end()) {
      tally_.refused(
        number, -1, {error_code::timed_out, "the producer reported no delivery result"});
      return false;
    }
    if (first->error.code == error_code::unsupported_api_version) {
      // Nothing was written. Brokers that are so old have the worker.
      static_cast<void>(producer_.close(grace));
      producer_ = {};
      worker_ = make_worker_sink(what_, app_, tally_, on_delivered_);
      return worker_->add(r, number);
    }
    if (first->partition.value() < 0) {
      tally_.refused(number, r.partition, first->error);
      return false;
    }
    tally_.taken(first->partition, first->first_number, number, bytes_of(r));
    tally_.reported(*first);
    return !tally_.first_failure();
  }

  bool send(const protocol::outgoing_record& r, std::uint64_t number) {
    const auto sent = producer_.send(topic_, r);
    if (!sent)
      return not_taken(sent, r, number);
    tally_.taken(sent.partition, sent.number, number, bytes_of(r));
    return true;
  }

  bool not_taken(
    const send_result& sent, const protocol::outgoing_record& r, std::uint64_t number) {
    error why{sent.status, {}};
    switch (sent.status) {
    case error_code::message_too_large: {
      // Too large for a producer, and not for Kafka, perhaps. It keeps its place.
      report_finished();
      if (failed())
        return false;
      if (!worker_)
        worker_ = make_worker_sink(what_, app_, tally_, on_delivered_);
      return worker_->add(r, number) && worker_->idle();
    }
    case error_code::queue_full:
      why = {error_code::timed_out,
        "for " + std::to_string(what_.timeout.count())
          + " ms no broker has taken what came before it"};
      break;
    case error_code::unknown_topic_or_partition:
      why.detail = "there is no " + place(what_.topic, r.partition);
      break;
    case error_code::invalid_argument:
      why.detail = "a topic's name has from 1 to 255 bytes";
      break;
    case error_code::closed: why.detail = "the producer has ended"; break;
    default: break;
    }
    tally_.refused(number, sent.partition, std::move(why));
    return false;
  }

  /// Waits until all that was sent has its outcome.
  void report_finished() {
    const auto until = std::chrono::steady_clock::now() + time() + grace;
    while (std::chrono::steady_clock::now() < until) {
      const auto flushed = producer_.flush(look_around);
      static_cast<void>(failed());
      if (flushed || flushed.error().code != error_code::timed_out)
        return;
    }
  }

  void wait_for_outcomes() { static_cast<void>(producer_.flush(time() + grace)); }

  /// Looks at what has been told since, and whether any of it failed.
  bool failed() {
    if (reports_->any()) {
      for (const auto& d : reports_->take())
        tally_.reported(d);
      on_delivered_();
    }
    return tally_.first_failure().has_value();
  }

  [[nodiscard]] milliseconds time() const {
    return std::clamp(what_.timeout, milliseconds{1}, longest_time);
  }

  [[nodiscard]] producer_options options() const {
    auto result = what_.configured;
    result.name = "cafka-produce";
    result.linger = std::min(result.linger, time() / 2);
    result.batch_records = what_.batch_size.value_or(result.batch_records);
    result.max_block = time();
    result.delivery_timeout = time();
    result.request_timeout = std::min(result.request_timeout, time());
    result.acks = what_.required_acks.value_or(result.acks);
    result.idempotence = result.idempotence && result.acks == -1;
    result.compression = what_.compression.value_or(result.compression);
    if (!result.partitioner)
      result.partitioner = what_.partitioner;
    result.allow_auto_topic_creation =
      result.allow_auto_topic_creation && what_.allow_auto_topic_creation;
    result.on_delivery = [reports = reports_](const delivery& d) { reports->put(d); };
    return result;
  }

  const produce_arguments& what_;
  application& app_;
  produce_tally& tally_;
  const std::function<void()> on_delivered_;
  const std::shared_ptr<mailbox> reports_ = std::make_shared<mailbox>();
  producer producer_;
  producer::topic topic_;
  std::unique_ptr<record_sink> worker_; ///< For what the producer cannot do.
};

} // namespace

std::unique_ptr<record_sink> make_producer_sink(const produce_arguments& what,
  application& app, produce_tally& tally, std::function<void()> on_delivered) {
  return std::make_unique<producer_sink>(what, app, tally, std::move(on_delivered));
}

} // namespace cafka::cli
