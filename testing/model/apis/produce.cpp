#include "api.hpp"

#include <algorithm>

// Produce, versions 0 to 13.
//
// Up to 2 the records are message sets of format 0 or 1, of which the log gets batches of
// format 2; since 3 there is exactly one batch of format 2 for each partition, else
// INVALID_RECORD. zstd needs 7, else UNSUPPORTED_COMPRESSION_TYPE. Since 2 the answer has
// the time of the log, where it stamps one, since 5 the log's start, since 8 an error's
// text, since 10 who leads beside NOT_LEADER_OR_FOLLOWER (KIP-951). Topics are named by
// ids in 13. With acks of 0 there is no answer, and an error ends the connection.
//
// Records of a transaction in a request without its id are
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED, for all partitions. A refusal by the log itself
// has the log's start beside it, others -1; a batch that is there already is answered
// with the highest time in it.
//
// What is checked for each partition, in this order: acks (INVALID_REQUIRED_ACKS), the
// form, the topic (UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID), the leader, enough
// replicas (NOT_ENOUGH_REPLICAS, for acks of -1; since 4.0 no more are needed than there
// are replicas), the first offset (INVALID_RECORD unless 0), the size
// (MESSAGE_TOO_LARGE), the checksum (CORRUPT_MESSAGE), keys of compacted topics
// (INVALID_RECORD), the transaction, and what `producer_table` says. Since 3.6 a batch of
// a transaction is refused whose partition is not part of it, with INVALID_TXN_STATE,
// since 11 TRANSACTION_ABORTABLE; since 12, with transaction.version 2, the partition
// becomes part of it. What the coordinator refuses comes as it says it, but
// INVALID_PRODUCER_EPOCH for a producer that is fenced, and before 12 NOT_ENOUGH_REPLICAS
// while the last transaction is not complete (KIP-890). Times far from the broker's own
// are not looked at (message.timestamp.after.max.ms).

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t batches_since = 3;
constexpr std::int16_t zstd_since = 7;
constexpr std::int16_t leader_since = 10;
constexpr std::int16_t abortable_since = 11;
constexpr std::int16_t adds_since = 12;
constexpr std::int16_t ids_since = 13;
constexpr kafka_version first_that_verifies{3, 6};
constexpr kafka_version first_with_effective_isr{4, 0};

/// Why a partition's records are refused, in the field's words.
partition_produce_response refused(
  partition_id index, error_code why, std::string text = {}) {
  partition_produce_response x;
  x.index = index;
  x.error_code = why;
  x.base_offset = -1;
  if (!text.empty())
    x.error_message = std::move(text);
  return x;
}

/// A whole message set as one batch, with the codec of its first message; nothing where a
/// checksum is wrong.
std::optional<shared_bytes> converted(const shared_bytes& set) {
  builder_options options;
  options.max_size = std::numeric_limits<std::int32_t>::max();
  std::optional<batch_builder> builder;
  batch_reader in{set};
  record_batch message;
  while (in.next(message)) {
    if (!builder) {
      options.compression = message.info().compression;
      builder.emplace(options);
    }
    for (const auto& r : message)
      static_cast<void>(builder->append(r.key, r.value, r.time));
  }
  if (in.error().code != error_code::none || !builder || builder->empty())
    return std::nullopt;
  return *builder->seal();
}

/// The one batch's header, as far as it can be read without looking at its checksum.
struct examined {
  batch_info info;
  error_code code = error_code::none;
  bool checksum_fits = true;
};

examined examine(const shared_bytes& records) {
  examined out;
  read_options careless;
  careless.check_crcs = false;
  batch_reader in{records, careless};
  record_batch batch;
  if (!in.find(batch)) {
    out.code = error_code::invalid_record;
    return out;
  }
  out.info = batch.info();
  if (out.info.magic != 2 || out.info.wire_size != records.size())
    out.code = error_code::invalid_record;
  batch_reader careful{records};
  out.checksum_fits = careful.next(batch) && batch.info().record_count > 0;
  if (out.checksum_fits) {
    for ([[maybe_unused]] const auto& r : batch)
      ;
    if (batch.error().code != error_code::none)
      out.code = error_code::invalid_record;
  }
  return out;
}

/// The records that a compacted topic cannot take.
std::vector<batch_index_and_error_message> without_keys(const shared_bytes& records) {
  std::vector<batch_index_and_error_message> all;
  std::int32_t index = 0;
  batch_reader in{records};
  record_batch batch;
  while (in.next(batch)) {
    for (const auto& r : batch) {
      if (!r.key)
        all.push_back({index, "a record without a key"});
      ++index;
    }
  }
  return all;
}

bool has_transactions(const produce_request& asked) {
  for (const auto& t : asked.topic_data) {
    for (const auto& p : t.partition_data) {
      batch_reader in{p.records.value_or(shared_bytes{}), {.check_crcs = false}};
      record_batch batch;
      if (in.find(batch) && batch.info().transactional)
        return true;
    }
  }
  return false;
}

class appending {
public:
  appending(const request_context& c, const produce_request& asked)
    : c_(c), asked_(asked) {}

  produce_response run() {
    for (const auto& t : asked_.topic_data) {
      auto& out = response_.responses.emplace_back();
      out.name = t.name;
      out.topic_id = t.topic_id;
      auto* topic = topic_of(c_.cluster, t, c_.version >= ids_since);
      for (const auto& p : t.partition_data)
        out.partition_responses.push_back(append(topic, p));
    }
    return std::move(response_);
  }
  /// Whether the answer comes when the request's time is over, and not before.
  [[nodiscard]] bool late() const { return late_; }

private:
  partition_produce_response append(
    fake_topic* topic, const partition_produce_data& asked) {
    auto records = asked.records.value_or(shared_bytes{});
    if (c_.version < batches_since) {
      const auto batch = converted(records);
      if (!batch)
        return refused(asked.index, error_code::corrupt_message);
      records = *batch;
    }
    auto batch = examine(records);
    if (batch.code == error_code::none && batch.info.compression == codec::zstd
      && c_.version < zstd_since)
      batch.code = error_code::unsupported_compression_type;
    auto* const p = fake_state::find(topic, asked.index);
    if (p == nullptr)
      return refused(asked.index,
        topic == nullptr && c_.version >= ids_since
          ? error_code::unknown_topic_id
          : error_code::unknown_topic_or_partition);
    if (batch.code != error_code::none)
      return refused(asked.index, batch.code, "the records are no single batch");
    if (asked_.acks < -1 || asked_.acks > 1)
      return refused(asked.index, error_code::invalid_required_acks);
    return append(*topic, *p, asked.index, records, batch);
  }

  partition_produce_response append(fake_topic& topic, fake_partition& p,
    partition_id index, const shared_bytes& records, const examined& batch) {
    if (p.leader != c_.broker.id) {
      auto x = refused(index, error_code::not_leader_or_follower);
      if (c_.version >= leader_since)
        name_leader(c_, p, x.current_leader, response_);
      return x;
    }
    const auto by_log = [&](error_code why, std::string text = {}) {
      auto x = refused(index, why, std::move(text));
      x.log_start_offset = p.log.start();
      return x;
    };
    const auto alive = static_cast<std::int64_t>(c_.cluster.alive_of(p.replicas).size());
    auto needed = topic.number("min.insync.replicas", 1);
    if (c_.broker.release >= first_with_effective_isr)
      needed = std::min(needed, static_cast<std::int64_t>(p.replicas.size()));
    if (asked_.acks == -1 && alive < needed)
      return by_log(error_code::not_enough_replicas);
    if (batch.info.base_offset != log_offset{0})
      return by_log(error_code::invalid_record, "the first offset is not 0");
    const auto largest =
      topic.number("max.message.bytes", c_.cluster.options.max_message_bytes);
    if (static_cast<std::int64_t>(batch.info.wire_size) > largest)
      return refused(index, error_code::message_too_large,
        "the batch has more than " + std::to_string(largest) + " bytes");
    if (!batch.checksum_fits)
      return refused(index, error_code::corrupt_message);
    if (batch.info.control)
      return by_log(error_code::invalid_record, "clients write no control batch");
    if (topic.says("cleanup.policy", "compact")) {
      if (auto missing = without_keys(records); !missing.empty()) {
        auto x = by_log(error_code::invalid_record, "records without keys");
        x.record_errors = std::move(missing);
        return x;
      }
    }
    if (asked_.acks == -1 && c_.cluster.misses_replicas(p)) {
      late_ = true;
      return refused(index, error_code::request_timed_out);
    }
    return write(topic, p, index, records, batch.info);
  }

  partition_produce_response write(const fake_topic& topic, fake_partition& p,
    partition_id index, const shared_bytes& records, const batch_info& info) {
    partition_produce_response x;
    x.index = index;
    x.log_start_offset = p.log.start();
    const auto idempotent = info.producer_id >= 0;
    std::optional<timestamp> stamp;
    if (topic.says("message.timestamp.type", "LogAppendTime"))
      stamp = c_.cluster.time_of_day(c_.now);
    if (const auto why = may_join(topic, index, info); why != error_code::none)
      return refused(index, why);
    if (idempotent) {
      const auto said = p.producers[c_.broker.id].check(
        info, c_.broker.release, info.transactional && adds_itself());
      if (said.code != error_code::none) {
        auto no = refused(index, said.code);
        no.log_start_offset = p.log.start();
        return no;
      }
      if (said.written_at) {
        x.base_offset = *said.written_at;
        x.log_append_time_ms = said.time.time_since_epoch().count();
        return x;
      }
    }
    x.base_offset = p.log.append(records, info, p.epoch, stamp);
    if (stamp)
      x.log_append_time_ms = stamp->time_since_epoch().count();
    if (idempotent) {
      // Also those that are down: they have the same log, once they are back.
      for (auto& [broker, table] : p.producers)
        table.note(info, x.base_offset, stamp.value_or(info.max_timestamp));
    }
    ++c_.cluster.changes;
    return x;
  }

  /// Whether a partition becomes part of a transaction by this request.
  [[nodiscard]] bool adds_itself() const {
    return c_.version >= adds_since && c_.cluster.transaction_version() >= 2;
  }

  /// Whether a batch of a transaction is part of the producer's, or becomes it.
  [[nodiscard]] error_code may_join(
    const fake_topic& topic, partition_id index, const batch_info& info) {
    if (!info.transactional || c_.broker.release < first_that_verifies)
      return error_code::none;
    if (c_.cluster.apart())
      return error_code::not_enough_replicas;
    const auto adds = adds_itself();
    const auto why = c_.cluster.admit(c_.now, *asked_.transactional_id,
      {info.producer_id, info.producer_epoch}, topic.name, index.value(), adds);
    if (why == error_code::transaction_abortable && c_.version < abortable_since)
      return error_code::invalid_txn_state;
    if (why == error_code::concurrent_transactions && c_.version < adds_since)
      return error_code::not_enough_replicas;
    return why;
  }

  const request_context& c_;
  const produce_request& asked_;
  produce_response response_;
  bool late_ = false;
};

bool has_error(const produce_response& response) {
  for (const auto& t : response.responses) {
    for (const auto& p : t.partition_responses) {
      if (p.error_code != error_code::none)
        return true;
    }
  }
  return false;
}

} // namespace

outcome<produce_response> handle(const request_context& c, const produce_request& asked) {
  appending work{c, asked};
  auto response = !asked.transactional_id && has_transactions(asked)
    ? refuse(asked, c.version, error_code::transactional_id_authorization_failed)
    : work.run();
  if (work.late()) {
    waiting<produce_response> later;
    later.until = c.now + std::chrono::milliseconds{asked.timeout_ms};
    later.again = [response = std::move(response), until = later.until](time_point now) {
      return now < until ? std::nullopt : std::optional{response};
    };
    return later;
  }
  if (asked.acks != 0)
    return response;
  if (has_error(response))
    return hang_up{};
  return no_answer{};
}

produce_response refuse(const produce_request& asked, std::int16_t, error_code why) {
  produce_response response;
  for (const auto& t : asked.topic_data) {
    auto& out = response.responses.emplace_back();
    out.name = t.name;
    out.topic_id = t.topic_id;
    for (const auto& p : t.partition_data)
      out.partition_responses.push_back(refused(p.index, why));
  }
  return response;
}

} // namespace cafka::testing
