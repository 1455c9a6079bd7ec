#include "fetch.hpp"

#include "../messages/fetch.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t fetch_by_id_since = 13;

/// A fetch that may wait longer than this has a connection for itself.
constexpr milliseconds longest_shared_wait{100};

class fetch_call final : public operation_call<fetch, protocol::fetch_request> {
public:
  using operation_call::operation_call;

  static error check(const fetch& asked) {
    if (auto wrong = check_partition(asked.topic, asked.partition))
      return wrong;
    if (!asked.offset)
      return invalid("no offset is named");
    if (asked.offset->value() < 0)
      return invalid("offset " + std::to_string(asked.offset->value()) + " is negative");
    if (asked.min_bytes < 0)
      return invalid("min_bytes must not be negative");
    if (asked.max_bytes <= 0)
      return invalid("max_bytes must be more than zero");
    if (asked.max_decompressed_bytes == 0)
      return invalid("max_decompressed_bytes must be more than zero");
    return {};
  }

  static void route(traits& to, const fetch& asked) {
    if (asked.isolation == isolation_level::read_committed)
      to.need(4, "read_committed needs"); // KIP-98
    to.where = protocol::leader_of{asked.topic, asked.partition};
    const bool rests = asked.min_bytes > 0 && asked.wait_time > longest_shared_wait;
    to.lane = rests ? protocol::lane::resting : protocol::lane::long_poll;
    to.answer_timeout = asked.wait_time;
    to.while_arriving = asked.while_arriving;
  }

  result<wire> fill(std::int16_t version, const cluster& known) override {
    wire out;
    out.max_wait_ms = in_milliseconds(asked_.wait_time);
    out.min_bytes = asked_.min_bytes;
    // Before version 3 there is no limit for the whole answer.
    if (version >= 3)
      out.max_bytes = asked_.max_bytes;
    if (version >= 4)
      out.isolation_level = static_cast<std::int8_t>(asked_.isolation);
    auto& topic = out.topics.emplace_back();
    if (version >= fetch_by_id_since) {
      topic.topic_id = id_ = known.topic_id(asked_.topic);
      if (id_.is_zero())
        return {error_code::unknown_topic_id, asked_.topic};
    } else {
      topic.topic = asked_.topic;
    }
    auto& partition = topic.partitions.emplace_back();
    partition.partition = asked_.partition;
    partition.fetch_offset = *asked_.offset;
    partition.partition_max_bytes = asked_.max_bytes;
    return out;
  }

  error take(response answer, std::int16_t version, cluster&) override {
    if (answer.error_code != error_code::none)
      return {answer.error_code, at(asked_.topic, asked_.partition)};
    auto* part = find_partition(
      answer.responses,
      [&](const auto& t) {
        return version >= fetch_by_id_since ? t.topic_id == id_ : t.topic == asked_.topic;
      },
      [](auto& t) -> auto& { return t.partitions; },
      [](const auto& x) { return x.partition_index; }, asked_.partition);
    if (throttled().told_ms > 0 && (part == nullptr || !tells(*part)))
      return {error_code::throttling_quota_exceeded,
        at(asked_.topic, asked_.partition) + ": a quota of the broker leaves out the "
          + "records for " + std::to_string(throttled().told_ms) + " ms"};
    if (part == nullptr)
      return unanswered(asked_.topic, asked_.partition);
    if (part->error_code != error_code::none)
      return {part->error_code,
        at(asked_.topic, asked_.partition) + " at offset "
          + std::to_string(asked_.offset->value())};
    std::vector<protocol::aborted_span> aborted;
    if (part->aborted_transactions) {
      for (const auto& a : *part->aborted_transactions)
        aborted.push_back({a.producer_id, a.first_offset});
    }
    auto records = protocol::fetched_records::read(
      part->records ? *std::move(part->records) : shared_bytes{}, *asked_.offset,
      std::move(aborted), reading());
    if (!records) {
      auto e = records.error();
      e.detail = at(asked_.topic, asked_.partition) + ": " + e.detail;
      return e;
    }
    answer_ = {asked_.topic, asked_.partition, part->high_watermark,
      part->last_stable_offset, part->log_start_offset, *std::move(records), {}, {}};
    return {};
  }

  /// A damaged batch is as damaged when it is fetched again.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return is_retriable(e) && e != error_code::corrupt_message;
  }

private:
  /// Whether it says more than a throttled answer, in which nothing was looked up.
  [[nodiscard]] bool tells(const protocol::fetch_partition_data& part) const {
    return part.error_code != error_code::none || (part.records && !part.records->empty())
      || part.high_watermark <= *asked_.offset;
  }

  [[nodiscard]] protocol::read_options reading() const {
    constexpr std::size_t times = 32;
    protocol::read_options result;
    if (asked_.max_decompressed_bytes)
      result.max_decompressed_bytes = *asked_.max_decompressed_bytes;
    if (asked_.max_decompression_ratio)
      result.max_decompression_ratio = *asked_.max_decompression_ratio;
    const auto asked = static_cast<std::size_t>(asked_.max_bytes);
    result.max_decompressed_in_all =
      std::min(times * asked, std::max(asked, result.max_decompressed_bytes));
    return result;
  }

  uuid id_;
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  fetch asked, const call_context& around, reply_function<fetched> reply) {
  return calls::start<calls::fetch_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
