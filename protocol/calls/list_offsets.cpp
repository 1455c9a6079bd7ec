#include "list_offsets.hpp"

#include "../messages/list_offsets.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

class list_offsets_call final
  : public operation_call<list_offsets, protocol::list_offsets_request> {
public:
  using operation_call::operation_call;

  static error check(const list_offsets& asked) {
    return check_partition(asked.topic, asked.partition);
  }

  static void route(traits& to, const list_offsets& asked) {
    if (asked.isolation == isolation_level::read_committed)
      to.need(2, "read_committed needs"); // KIP-98
    if (asked.time.value == offset_time::max_timestamp().value)
      to.need(7, "max_timestamp needs"); // KIP-734
    to.where = protocol::leader_of{asked.topic, asked.partition};
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    if (version >= 2)
      out.isolation_level = static_cast<std::int8_t>(asked_.isolation);
    auto& topic = out.topics.emplace_back();
    topic.name = asked_.topic;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = asked_.partition;
    partition.timestamp = before_all_ ? offset_time::earliest().value : asked_.time.value;
    out.timeout_ms = in_milliseconds(asked_.deadline);
    return out;
  }

  error take(response answer, std::int16_t version, cluster&) override {
    const auto* part = find_partition(
      answer.topics, [&](const auto& t) { return t.name == asked_.topic; },
      [](auto& t) -> auto& { return t.partitions; },
      [](const auto& x) { return x.partition_index; }, asked_.partition);
    if (part == nullptr)
      return unanswered(asked_.topic, asked_.partition);
    if (part->error_code != error_code::none)
      return {part->error_code, at(asked_.topic, asked_.partition)};
    answer_.topic = asked_.topic;
    answer_.partition = asked_.partition;
    if (version == 0)
      return take_old_style(part->old_style_offsets);
    if (part->offset.value() >= 0)
      answer_.offset = part->offset;
    if (part->timestamp >= 0)
      answer_.time = timestamp{milliseconds{part->timestamp}};
    answer_.epoch = part->leader_epoch;
    return {};
  }

private:
  /// No file is so old: every record is at or after the moment, and the first is meant.
  error take_old_style(const std::vector<log_offset>& offsets) {
    if (!offsets.empty())
      answer_.offset = offsets.front();
    else if (asked_.time.value >= 0 && !std::exchange(before_all_, true))
      return {error_code::offset_not_available,
        at(asked_.topic, asked_.partition)
          + ": all its files were written after the moment; its first offset is asked "
            "for"};
    return {};
  }

  bool before_all_ = false;
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  list_offsets asked, const call_context& around, reply_function<listed_offset> reply) {
  return calls::start<calls::list_offsets_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
