#include "api.hpp"

#include <algorithm>

// Fetch, versions 0 to 18.
//
// Up to 1 the records are of format 0, up to 3 of format 1, since 4 batches of format 2;
// zstd needs 10, else UNSUPPORTED_COMPRESSION_TYPE. The last batch of a partition is cut
// where its limit is reached. Up to 2 that is so for the first batch as well, and the
// whole answer has no limit; since 3 the first batch of the answer comes whole, whatever
// its size, and another first batch that does not fit is left out. Since 4 readers of
// committed records get nothing behind the last stable offset, and are told of aborted
// transactions. Sessions since 7, the client's epoch since 9, replicas close by since 11
// (KIP-392), from when on followers serve any client, diverging epochs since 12,
// topic ids since 13 (UNKNOWN_TOPIC_ID), and since 16 who leads (KIP-951).
//
// An answer waits for `min_bytes` up to `max_wait_ms`, but not when a partition fails,
// has a diverging epoch or is better read elsewhere. In 15 the broker that asks moved to
// a tagged field; requests of brokers are not served.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t limit_since = 3;
constexpr std::int16_t batches_since = 4;
constexpr std::int16_t zstd_since = 10;
constexpr std::int16_t racks_since = 11;
constexpr std::int16_t epochs_since = 12;
constexpr std::int16_t ids_since = 13;
constexpr std::int16_t leader_since = 16;

fetch_partition_data unknown(partition_id index, error_code why) {
  fetch_partition_data x;
  x.partition_index = index;
  x.error_code = why;
  x.high_watermark = -1;
  x.records = shared_bytes{};
  return x;
}

/// By the log, which says of transactions what it always says.
fetch_partition_data failed(
  partition_id index, error_code why, const fetch_request& asked) {
  auto x = unknown(index, why);
  if (asked.isolation_level != 1)
    x.aborted_transactions.reset();
  return x;
}

/// One request while it waits for records.
class fetching {
public:
  fetching(const request_context& c, const fetch_request& asked)
    : cluster_(c.cluster),
      broker_(c.broker.id),
      version_(c.version),
      asked_(asked),
      session_(c.broker.sessions.begin(asked, c.version)) {}

  [[nodiscard]] error_code error() const { return session_.error; }
  [[nodiscard]] bool empty() const { return session_.partitions.empty(); }

  /// The answer, if it may come now.
  std::optional<fetch_response> read(const request_context& c, bool at_once) {
    fetch_response response;
    full_ = false;
    all_ = 0;
    const auto limit = std::min(asked_.max_bytes, cluster_.options.fetch_max_bytes);
    room_ = static_cast<std::size_t>(std::max(limit, 0));
    first_comes_whole_ = version_ >= limit_since;
    for (const auto& p : session_.partitions) {
      if (response.responses.empty() || response.responses.back().topic != p.topic
        || response.responses.back().topic_id != p.topic_id) {
        auto& t = response.responses.emplace_back();
        t.topic = p.topic;
        t.topic_id = p.topic_id;
      }
      response.responses.back().partitions.push_back(one(c, p, response));
    }
    const auto enough =
      static_cast<std::size_t>(std::max(std::min(asked_.min_bytes, limit), 0));
    if (!at_once && !full_ && all_ < enough)
      return std::nullopt;
    c.broker.sessions.finish(session_, response, version_);
    return response;
  }

private:
  fetch_partition_data one(
    const request_context& c, const session_partition& s, fetch_response& response) {
    auto* const topic =
      version_ >= ids_since ? cluster_.find(s.topic_id) : cluster_.find(s.topic);
    auto* const p = fake_state::find(topic, s.asked.partition);
    if (p == nullptr) {
      full_ = true;
      return unknown(s.asked.partition,
        topic == nullptr && version_ >= ids_since
          ? error_code::unknown_topic_id
          : error_code::unknown_topic_or_partition);
    }
    const auto follower_may = version_ >= racks_since;
    const auto code = may_serve(c, *p, s.asked.current_leader_epoch, follower_may);
    if (code != error_code::none) {
      full_ = true;
      auto x = failed(s.asked.partition, code, asked_);
      if (version_ >= leader_since
        && (code == error_code::not_leader_or_follower
          || code == error_code::fenced_leader_epoch))
        name_leader(c, *p, x.current_leader, response);
      return x;
    }
    return one(c, s.asked, p->log, *p);
  }

  fetch_partition_data one(const request_context& c, const fetch_partition& asked,
    const fake_log& log, const fake_partition& p) {
    const auto follows = p.leader != c.broker.id;
    auto end = p.readable_end();
    if (follows)
      end = std::max(log.start(), log_offset{end.value() - c.broker.behind});
    if (asked.last_fetched_epoch.value() >= 0 && version_ >= epochs_since) {
      const auto known = log.end_of(asked.last_fetched_epoch, p.epoch);
      if (known.end == log_offset{-1} || known.epoch == leader_epoch{-1}) {
        full_ = true;
        return failed(asked.partition, error_code::offset_out_of_range, asked_);
      }
      if (known.epoch < asked.last_fetched_epoch || known.end < asked.fetch_offset) {
        full_ = true;
        auto x = found(asked, log, end);
        x.diverging_epoch = {known.epoch, known.end};
        return x;
      }
    }
    if (asked.fetch_offset < log.start() || asked.fetch_offset > end) {
      full_ = true;
      return failed(asked.partition, error_code::offset_out_of_range, asked_);
    }
    auto x = found(asked, log, end);
    if (const auto closer = closer_replica(c, p, asked.fetch_offset, follows)) {
      full_ = true;
      x.preferred_read_replica = *closer;
      return x;
    }
    const auto until =
      asked_.isolation_level == 1 ? std::min(log.last_stable(), end) : end;
    const auto most = static_cast<std::size_t>(std::max(asked.partition_max_bytes, 0));
    // Up to 2 there is no limit for all partitions together.
    const auto limit = version_ >= limit_since ? std::min(most, room_) : most;
    auto got = log.read(asked.fetch_offset, until, limit, first_comes_whole_);
    if (version_ >= limit_since && got.first_incomplete)
      got.bytes.clear();
    const auto size = got.bytes.size();
    if (size > 0)
      first_comes_whole_ = false;
    room_ -= std::min(room_, size);
    all_ += size;
    auto records = shared_bytes::from(std::move(got.bytes));
    if (version_ < zstd_since && has_zstd(records)) {
      full_ = true;
      return unknown(asked.partition, error_code::unsupported_compression_type);
    }
    if (version_ < limit_since)
      records = older(log, asked.fetch_offset, until, limit);
    else if (version_ < batches_since)
      records = as_message_set(records, 1);
    x.records = std::move(records);
    if (asked_.isolation_level == 1) {
      for (const auto& a : log.aborted_between(asked.fetch_offset, until))
        x.aborted_transactions->push_back({a.producer_id, a.first});
    }
    return x;
  }

  [[nodiscard]] fetch_partition_data found(
    const fetch_partition& asked, const fake_log& log, log_offset end) const {
    fetch_partition_data x;
    x.partition_index = asked.partition;
    x.high_watermark = end;
    x.last_stable_offset = std::min(log.last_stable(), end);
    x.log_start_offset = log.start();
    if (asked_.isolation_level != 1)
      x.aborted_transactions.reset();
    x.records = shared_bytes{};
    return x;
  }

  /// In the format of old, cut where the limit is.
  [[nodiscard]] shared_bytes older(
    const fake_log& log, log_offset from, log_offset until, std::size_t limit) const {
    // Messages may be smaller than the batches that they come from.
    for (auto more = limit;; more *= 2) {
      auto whole = log.read(from, until, more, true).bytes;
      const auto all = whole.size() < more;
      const auto set =
        as_message_set(shared_bytes::from(std::move(whole)), version_ >= 2 ? 1 : 0);
      if (all || set.size() >= limit)
        return set.slice(0, limit);
    }
  }

  static bool has_zstd(const shared_bytes& records) {
    batch_reader in{records};
    record_batch batch;
    while (in.find(batch)) {
      if (batch.info().compression == codec::zstd)
        return true;
    }
    return false;
  }

  /// A replica in the reader's rack, while this leader is in another one.
  [[nodiscard]] std::optional<broker_id> closer_replica(const request_context& c,
    const fake_partition& p, log_offset from, bool follows) const {
    if (version_ < racks_since || asked_.rack_id.empty() || follows
      || c.broker.rack == asked_.rack_id)
      return std::nullopt;
    for (const auto b : c.cluster.alive_of(p.replicas)) {
      const auto& replica = c.cluster.brokers.at(b);
      if (replica.rack == asked_.rack_id
        && from.value() <= p.readable_end().value() - replica.behind)
        return b;
    }
    return std::nullopt;
  }

  fake_state& cluster_;
  std::int32_t broker_;
  std::int16_t version_;
  fetch_request asked_;
  fetch_sessions::context session_;
  /// Whether the answer waits for no more.
  bool full_ = false;
  std::size_t all_ = 0;
  std::size_t room_ = 0;
  bool first_comes_whole_ = true;
};

} // namespace

outcome<fetch_response> handle(const request_context& c, const fetch_request& asked) {
  const auto work = std::make_shared<fetching>(c, asked);
  if (work->error() != error_code::none) {
    fetch_response response;
    response.error_code = work->error();
    return response;
  }
  if (auto response =
        work->read(c, asked.max_wait_ms <= 0 || !c.broker.waits || work->empty()))
    return *std::move(response);
  waiting<fetch_response> later;
  later.until = c.now + std::chrono::milliseconds{asked.max_wait_ms};
  later.again = [work, c, until = later.until](time_point now) {
    auto then = c;
    then.now = now;
    return work->read(then, now >= until);
  };
  return later;
}

fetch_response refuse(const fetch_request& asked, std::int16_t, error_code why) {
  fetch_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.responses.emplace_back();
    out.topic = t.topic;
    out.topic_id = t.topic_id;
    for (const auto& p : t.partitions)
      out.partitions.push_back(unknown(p.partition, why));
  }
  return response;
}

} // namespace cafka::testing
