#include "produce.hpp"

#include "../../base/thrown_by.hpp"
#include "../messages/produce.hpp"
#include "../records/batch_builder.hpp"
#include "../text.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

/// The newest Produce version that takes v1 message sets; later ones take v2 batches.
constexpr std::int16_t last_message_set_version = 2;
/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t produce_by_id_since = 13;

/// An error has no more than about so many bytes about single records.
constexpr std::size_t most_about_records = 2'000;

milliseconds timeout_of(const produce& asked) {
  return asked.timeout > milliseconds{0} ? asked.timeout : asked.deadline;
}

class produce_call final : public operation_call<produce, protocol::produce_request> {
public:
  using operation_call::operation_call;

  static error check(const produce& asked) {
    if (auto wrong = check_partition(asked.topic, asked.partition.value_or(0)))
      return wrong;
    if (asked.records.empty())
      return invalid("there are no records to produce");
    if (asked.required_acks < -1)
      return invalid("required_acks is " + std::to_string(asked.required_acks)
        + ", allowed are -1 (all), 0, and more");
    return {};
  }

  static void route(traits& to, const produce& asked, const call_context& around) {
    to.where = protocol::leader_of{asked.topic, asked.partition.value_or(-1),
      around.defaults.allow_auto_topic_creation};
    to.answer_timeout = timeout_of(asked);
    to.repeatable = false;
    to.answered = asked.required_acks != 0;
    if (asked.compression == codec::zstd)
      to.need(7, "zstd needs"); // KIP-110
    for (const auto& r : asked.records) {
      if (!r.headers.empty())
        to.need(3, "headers need"); // KIP-82
      if (r.time)
        to.need(2, "timestamps need"); // KIP-32
    }
  }

  void remember(const call_context& around) {
    now_ = around.wall_clock;
    choose_ = around.defaults.partitioner;
    random_ = around.random;
  }

  result<wire> fill(std::int16_t version, const cluster& known) override {
    auto batch = records_for(version);
    if (!batch)
      return batch.error();
    wire out;
    out.acks = asked_.required_acks;
    out.timeout_ms = in_milliseconds(timeout_of(asked_));
    auto& topic = out.topic_data.emplace_back();
    if (version >= produce_by_id_since) {
      topic.topic_id = id_ = known.topic_id(asked_.topic);
      if (id_.is_zero())
        return {error_code::unknown_topic_id, asked_.topic};
    } else {
      topic.name = asked_.topic;
    }
    auto& partition = topic.partition_data.emplace_back();
    partition.index = where();
    partition.records = *std::move(batch);
    answer_.topic = asked_.topic;
    answer_.partition = where();
    return out;
  }

  error take(response answer, std::int16_t version, cluster&) override {
    const auto* part = find_partition(
      answer.responses,
      [&](const auto& t) {
        return version >= produce_by_id_since ? t.topic_id == id_
                                              : t.name == asked_.topic;
      },
      [](auto& t) -> auto& { return t.partition_responses; },
      [](const auto& x) { return x.index; }, where());
    if (part == nullptr)
      return may_be_done(unanswered(asked_.topic, where()));
    if (part->error_code != error_code::none) {
      auto detail = at(asked_.topic, where());
      if (part->error_message)
        detail += ": " + protocol::shown(*part->error_message);
      for (const auto& e : part->record_errors) {
        if (detail.size() > most_about_records) {
          detail += "; ...";
          break;
        }
        detail += "; record " + std::to_string(e.batch_index);
        if (e.batch_index_error_message)
          detail += ": " + protocol::shown(*e.batch_index_error_message);
      }
      error refused{part->error_code, std::move(detail)};
      return is_kafkas(refused.code) ? refused : may_be_done(refused);
    }
    answer_.base_offset = part->base_offset;
    if (part->log_append_time_ms >= 0)
      answer_.log_append_time = timestamp{milliseconds{part->log_append_time_ms}};
    answer_.log_start_offset = part->log_start_offset;
    return {};
  }

  /// After these the batch may be in the log: sending it again could double it.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return is_retriable(e) && e != error_code::request_timed_out
      && e != error_code::network_exception
      && e != error_code::not_enough_replicas_after_append;
  }

private:
  [[nodiscard]] error unread(error why) const override { return may_be_done(why); }

  [[nodiscard]] partition_id where() const {
    return std::get<protocol::leader_of>(what().where).partition;
  }

  /// What the program's partitioner chooses; what it throws fails this request alone.
  result<partition_id> partition_among(std::int32_t partitions) override {
    result<partition_id> chosen{partition_id{}};
    if (const auto thrown = thrown_by([&] { chosen = chosen_among(partitions); }))
      return invalid("the partitioner threw: " + *thrown);
    return chosen;
  }

  /// Where all keys lead to; records without one go along with the others.
  result<partition_id> chosen_among(std::int32_t partitions) {
    protocol::partition_choice choice{asked_.topic, {}, partitions, random_};
    const std::string* first = nullptr;
    std::optional<partition_id> chosen;
    for (const auto& r : asked_.records) {
      if (!r.key)
        continue;
      choice.key = protocol::as_bytes(*r.key);
      const auto p = choose_(choice);
      if (chosen && *chosen != p)
        return invalid("one request writes to one partition, but the keys \"" + *first
          + "\" and \"" + *r.key + "\" lead to " + at(asked_.topic, *chosen) + " and "
          + at(asked_.topic, p));
      if (!chosen)
        first = &*r.key;
      chosen = p;
    }
    return chosen ? *chosen : choose_(choice);
  }

  // Encoded once for each format: a retry sends the same bytes.
  result<shared_bytes> records_for(std::int16_t version) {
    const std::int8_t magic =
      version > last_message_set_version ? 2 : (version == 2 ? 1 : 0);
    if (encoded_ && magic_ == magic)
      return *encoded_;
    auto batch = magic == 2 ? batch_v2() : message_set(magic);
    if (batch) {
      encoded_ = *batch;
      magic_ = magic;
    }
    return batch;
  }

  [[nodiscard]] protocol::builder_options options() const {
    protocol::builder_options result;
    result.compression = asked_.compression;
    result.max_size = INT32_MAX;
    std::size_t size = 128;
    for (const auto& r : asked_.records) {
      size += 32 + (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0);
      for (const auto& [name, value] : r.headers)
        size += 10 + name.size() + (value ? value->size() : 0);
    }
    result.initial_capacity = std::min<std::size_t>(size, INT32_MAX);
    return result;
  }

  [[nodiscard]] error too_large() const {
    return {error_code::message_too_large,
      at(asked_.topic, where()) + ": the records exceed 2 GiB"};
  }

  result<shared_bytes> batch_v2() {
    protocol::batch_builder builder{options()};
    for (const auto& r : asked_.records) {
      if (!builder.append(r, now_))
        return too_large();
    }
    return builder.seal();
  }

  result<shared_bytes> message_set(std::int8_t magic) {
    protocol::message_set_builder builder{magic, options()};
    const auto view = [](const std::optional<std::string>& text) {
      return text ? std::optional{protocol::as_bytes(*text)} : std::nullopt;
    };
    for (const auto& r : asked_.records) {
      if (!builder.append(view(r.key), view(r.value), r.time.value_or(now_)))
        return too_large();
    }
    return builder.seal();
  }

  timestamp now_;
  protocol::partitioner choose_;
  std::uint32_t random_ = 0;
  uuid id_;
  std::optional<shared_bytes> encoded_;
  std::int8_t magic_ = -1;
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  produce asked, const call_context& around, reply_function<produced> reply) {
  return calls::start<calls::produce_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
