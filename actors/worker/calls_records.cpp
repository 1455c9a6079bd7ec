#include "../../base/thrown_by.hpp"
#include "../../protocol/messages/fetch.hpp"
#include "../../protocol/messages/list_offsets.hpp"
#include "../../protocol/messages/produce.hpp"
#include "../../protocol/records/batch_builder.hpp"
#include "../../protocol/text.hpp"
#include "calls_common.hpp"

namespace cafka::actors {

namespace {

/// The newest Produce version that takes v1 message sets; later ones take v2 batches.
constexpr std::int16_t last_message_set_version = 2;
/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t fetch_by_id_since = 13;
constexpr std::int16_t produce_by_id_since = 13;

/// More than so many bytes about single records no error has.
constexpr std::size_t most_about_records = 2'000;

/// A fetch that may wait longer than this has a connection for itself.
constexpr milliseconds longest_shared_wait{100};

/// Finds the part of a per-topic, per-partition answer that is about what was asked.
template <class Topics, class NameOf, class PartitionsOf, class IndexOf>
auto* find_partition(Topics& topics, NameOf is_topic, PartitionsOf partitions,
  IndexOf index, partition_id p) {
  using part = std::remove_reference_t<decltype(partitions(*topics.begin()).front())>;
  for (auto& t : topics) {
    if (!is_topic(t))
      continue;
    for (auto& x : partitions(t)) {
      if (index(x) == p)
        return &x;
    }
  }
  return static_cast<part*>(nullptr);
}

// -- produce ----------------------------------------------------------------------------

class produce_call final : public replying_call<produce, produced> {
public:
  produce_call(traits what, produce request, produce_surroundings around,
    reply_function<produced> reply)
    : replying_call(std::move(what), std::move(request), std::move(reply)),
      now_(around.now),
      choose_(std::move(around.choose)),
      random_(around.random) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override {
    auto batch = records_for(version);
    if (!batch)
      return batch.error();
    protocol::produce_request out;
    out.acks = request_.required_acks;
    out.timeout_ms = in_milliseconds(request_.timeout);
    auto& topic = out.topic_data.emplace_back();
    if (version >= produce_by_id_since) {
      topic.topic_id = id_ = known.topic_id(request_.topic);
      if (id_.is_zero())
        return {error_code::unknown_topic_id, request_.topic};
    } else {
      topic.name = request_.topic;
    }
    auto& partition = topic.partition_data.emplace_back();
    partition.index = where();
    partition.records = *std::move(batch);
    answer_.topic = request_.topic;
    answer_.partition = where();
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::produce_response>(payload, version);
    if (!answer)
      return may_be_done(answer.error());
    const auto* part = find_partition(
      answer->responses,
      [&](const auto& t) {
        return version >= produce_by_id_since ? t.topic_id == id_
                                              : t.name == request_.topic;
      },
      [](auto& t) -> auto& { return t.partition_responses; },
      [](const auto& x) { return x.index; }, where());
    if (part == nullptr)
      return may_be_done(unanswered(request_.topic, where()));
    if (part->error_code != error_code::none) {
      auto detail = at(request_.topic, where());
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
    protocol::partition_choice choice{request_.topic, {}, partitions, random_};
    const std::string* first = nullptr;
    std::optional<partition_id> chosen;
    for (const auto& r : request_.records) {
      if (!r.key)
        continue;
      choice.key = protocol::as_bytes(*r.key);
      const auto p = choose_(choice);
      if (chosen && *chosen != p)
        return invalid("one request writes to one partition, but the keys \"" + *first
          + "\" and \"" + *r.key + "\" lead to " + at(request_.topic, *chosen) + " and "
          + at(request_.topic, p));
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
    result.compression = request_.compression;
    result.max_size = INT32_MAX;
    std::size_t size = 128;
    for (const auto& r : request_.records) {
      size += 32 + (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0);
      for (const auto& [name, value] : r.headers)
        size += 10 + name.size() + (value ? value->size() : 0);
    }
    result.initial_capacity = std::min<std::size_t>(size, INT32_MAX);
    return result;
  }

  [[nodiscard]] error too_large() const {
    return {error_code::message_too_large,
      at(request_.topic, where()) + ": the records exceed 2 GiB"};
  }

  result<shared_bytes> batch_v2() {
    protocol::batch_builder builder{options()};
    for (const auto& r : request_.records) {
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
    for (const auto& r : request_.records) {
      if (!builder.append(view(r.key), view(r.value), r.time.value_or(now_)))
        return too_large();
    }
    return builder.seal();
  }

  timestamp now_;
  protocol::partitioner choose_;
  std::uint32_t random_;
  uuid id_;
  std::optional<shared_bytes> encoded_;
  std::int8_t magic_ = -1;
};

/// Leaves the versions that can carry what the records have.
void narrow(protocol::call::traits& what, const produce& request) {
  if (request.compression == codec::zstd)
    what.need(7, "zstd needs"); // KIP-110
  for (const auto& r : request.records) {
    if (!r.headers.empty())
      what.need(3, "headers need"); // KIP-82
    if (r.time)
      what.need(2, "timestamps need"); // KIP-32
  }
}

// -- fetch ------------------------------------------------------------------------------

class fetch_call final : public replying_call<fetch, fetched> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override {
    protocol::fetch_request out;
    out.max_wait_ms = in_milliseconds(request_.wait_time);
    out.min_bytes = request_.min_bytes;
    // Before version 3 there is no limit for the whole answer.
    if (version >= 3)
      out.max_bytes = request_.max_bytes;
    if (version >= 4)
      out.isolation_level = static_cast<std::int8_t>(request_.isolation);
    auto& topic = out.topics.emplace_back();
    if (version >= fetch_by_id_since) {
      topic.topic_id = id_ = known.topic_id(request_.topic);
      if (id_.is_zero())
        return {error_code::unknown_topic_id, request_.topic};
    } else {
      topic.topic = request_.topic;
    }
    auto& partition = topic.partitions.emplace_back();
    partition.partition = request_.partition;
    partition.fetch_offset = *request_.offset;
    partition.partition_max_bytes = request_.max_bytes;
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::fetch_response>(payload, version);
    if (!answer)
      return answer.error();
    if (answer->error_code != error_code::none)
      return {answer->error_code, at(request_.topic, request_.partition)};
    auto* part = find_partition(
      answer->responses,
      [&](const auto& t) {
        return version >= fetch_by_id_since ? t.topic_id == id_
                                            : t.topic == request_.topic;
      },
      [](auto& t) -> auto& { return t.partitions; },
      [](const auto& x) { return x.partition_index; }, request_.partition);
    if (throttled().told_ms > 0 && (part == nullptr || !tells(*part)))
      return {error_code::throttling_quota_exceeded,
        at(request_.topic, request_.partition) + ": a quota of the broker leaves out the "
          + "records for " + std::to_string(throttled().told_ms) + " ms"};
    if (part == nullptr)
      return unanswered(request_.topic, request_.partition);
    if (part->error_code != error_code::none)
      return {part->error_code,
        at(request_.topic, request_.partition) + " at offset "
          + std::to_string(request_.offset->value())};
    std::vector<protocol::aborted_span> aborted;
    if (part->aborted_transactions) {
      for (const auto& a : *part->aborted_transactions)
        aborted.push_back({a.producer_id, a.first_offset});
    }
    auto records = protocol::fetched_records::read(
      part->records ? *std::move(part->records) : shared_bytes{}, *request_.offset,
      std::move(aborted), reading());
    if (!records) {
      auto e = records.error();
      e.detail = at(request_.topic, request_.partition) + ": " + e.detail;
      return e;
    }
    answer_ = {request_.topic, request_.partition, part->high_watermark,
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
      || part.high_watermark <= *request_.offset;
  }

  [[nodiscard]] protocol::read_options reading() const {
    constexpr std::size_t times = 32;
    protocol::read_options result;
    if (request_.max_decompressed_bytes)
      result.max_decompressed_size = *request_.max_decompressed_bytes;
    if (request_.max_decompression_ratio)
      result.max_decompression_ratio = *request_.max_decompression_ratio;
    const auto asked = static_cast<std::size_t>(request_.max_bytes);
    result.max_decompressed_in_all =
      std::min(times * asked, std::max(asked, result.max_decompressed_size));
    return result;
  }

  uuid id_;
};

// -- list_offsets -----------------------------------------------------------------------

class list_offsets_call final : public replying_call<list_offsets, listed_offset> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::list_offsets_request out;
    if (version >= 2)
      out.isolation_level = static_cast<std::int8_t>(request_.isolation);
    auto& topic = out.topics.emplace_back();
    topic.name = request_.topic;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = request_.partition;
    partition.timestamp =
      before_all_ ? offset_time::earliest().value : request_.time.value;
    out.timeout_ms = in_milliseconds(request_.deadline);
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::list_offsets_response>(payload, version);
    if (!answer)
      return answer.error();
    const auto* part = find_partition(
      answer->topics, [&](const auto& t) { return t.name == request_.topic; },
      [](auto& t) -> auto& { return t.partitions; },
      [](const auto& x) { return x.partition_index; }, request_.partition);
    if (part == nullptr)
      return unanswered(request_.topic, request_.partition);
    if (part->error_code != error_code::none)
      return {part->error_code, at(request_.topic, request_.partition)};
    answer_.topic = request_.topic;
    answer_.partition = request_.partition;
    if (version == 0)
      return receive(part->old_style_offsets);
    if (part->offset.value() >= 0)
      answer_.offset = part->offset;
    if (part->timestamp >= 0)
      answer_.time = timestamp{milliseconds{part->timestamp}};
    answer_.epoch = part->leader_epoch;
    return {};
  }

private:
  /// No file is so old: every record is at or after the moment, and the first is meant.
  error receive(const std::vector<log_offset>& offsets) {
    if (!offsets.empty())
      answer_.offset = offsets.front();
    else if (request_.time.value >= 0 && !std::exchange(before_all_, true))
      return {error_code::offset_not_available,
        at(request_.topic, request_.partition)
          + ": all its files were written after the moment; its first offset is asked "
            "for"};
    return {};
  }

  bool before_all_ = false;
};

} // namespace

// -- from a message to a call -------------------------------------------

std::unique_ptr<protocol::call> make_call(
  produce request, produce_surroundings around, reply_function<produced> reply) {
  auto wrong = check(request.topic, request.partition.value_or(0));
  if (!wrong && request.records.empty())
    wrong = invalid("there are no records to produce");
  if (!wrong && request.required_acks < -1)
    wrong = invalid("required_acks is " + std::to_string(request.required_acks)
      + ", allowed are -1 (all), 0, and more");
  if (wrong) {
    reply(std::move(wrong));
    return nullptr;
  }
  if (request.timeout <= milliseconds{0})
    request.timeout = request.deadline;
  auto what = traits_of<protocol::produce_request>(request.api_version);
  narrow(what, request);
  what.where = protocol::leader_of{
    request.topic, request.partition.value_or(-1), around.create_topic};
  what.patience = request.timeout;
  what.repeatable = false;
  what.answered = request.required_acks != 0;
  return std::make_unique<produce_call>(
    std::move(what), std::move(request), std::move(around), std::move(reply));
}

error check_fetch_pin(std::optional<std::int16_t> pinned) {
  return protocol::check_pin(
    protocol::api_key::fetch, protocol::fetch_request::versions, pinned);
}

std::unique_ptr<protocol::call> make_call(fetch request, reply_function<fetched> reply) {
  auto wrong = check(request.topic, request.partition);
  if (!wrong && (!request.offset || request.offset->value() < 0))
    wrong = invalid(request.offset
        ? "offset " + std::to_string(request.offset->value()) + " is negative"
        : std::string{"no offset is named"});
  if (!wrong && (request.max_bytes <= 0 || request.min_bytes < 0))
    wrong = invalid(request.min_bytes < 0 ? "min_bytes must not be negative"
                                          : "max_bytes must be more than zero");
  if (!wrong && request.max_decompressed_bytes == 0)
    wrong = invalid("max_decompressed_bytes must be more than zero");
  if (wrong) {
    reply(std::move(wrong));
    return nullptr;
  }
  auto what = traits_of<protocol::fetch_request>(request.api_version);
  if (request.isolation == isolation_level::read_committed)
    what.need(4, "read_committed needs"); // KIP-98
  what.where = protocol::leader_of{request.topic, request.partition};
  const bool rests = request.min_bytes > 0 && request.wait_time > longest_shared_wait;
  what.lane = rests ? protocol::lane::resting : protocol::lane::long_poll;
  what.patience = request.wait_time;
  what.while_arriving = request.while_arriving;
  return std::make_unique<fetch_call>(
    std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  list_offsets request, reply_function<listed_offset> reply) {
  if (auto wrong = check(request.topic, request.partition)) {
    reply(std::move(wrong));
    return nullptr;
  }
  auto what = traits_of<protocol::list_offsets_request>(request.api_version);
  if (request.isolation == isolation_level::read_committed)
    what.need(2, "read_committed needs"); // KIP-98
  if (request.time.value == offset_time::max_timestamp().value)
    what.need(7, "max_timestamp needs"); // KIP-734
  what.where = protocol::leader_of{request.topic, request.partition};
  return std::make_unique<list_offsets_call>(
    std::move(what), std::move(request), std::move(reply));
}

} // namespace cafka::actors
