#include "commands.hpp"
#include "record_sink.hpp"

#include <map>
#include <optional>
#include <random>
#include <vector>

namespace cafka::cli {

namespace {

/// Bytes of a batch: well below a broker's limit of 1 MB.
constexpr std::size_t batch_bytes = 500'000;

/// What surrounds a record at most, in each of Kafka's formats, and a header.
constexpr std::size_t record_overhead = 40;
constexpr std::size_t header_overhead = 10;

std::size_t size_of(const protocol::outgoing_record& r) {
  return bytes_of(r) + record_overhead + r.headers.size() * header_overhead;
}

std::optional<std::string> owned(const std::optional<protocol::byte_view>& bytes) {
  return bytes ? std::optional{std::string{protocol::as_text(*bytes)}} : std::nullopt;
}

record copy_of(const protocol::outgoing_record& r) {
  record result;
  result.key = owned(r.key);
  result.value = owned(r.value);
  for (const auto& h : r.headers)
    result.headers.emplace_back(h.key, owned(h.value));
  result.time = r.time;
  return result;
}

class worker_sink final : public record_sink {
public:
  worker_sink(const produce_arguments& what, application& app, produce_tally& tally,
    std::function<void()> on_delivered)
    : what_(what),
      app_(app),
      tally_(tally),
      on_delivered_(std::move(on_delivered)),
      random_(std::random_device{}()) {}

  bool add(const protocol::outgoing_record& r, std::uint64_t number) override {
    const auto partition = partition_of(r);
    if (!partition) {
      tally_.refused(number, -1, partition.error());
      return false;
    }
    const auto size = size_of(r);
    auto& to = open_[*partition];
    if (!to.request.records.empty() && to.size + size > batch_bytes && !send(to))
      return false;
    if (to.request.records.empty()) {
      to.request.topic = what_.topic;
      to.request.partition = *partition;
      to.request.required_acks = what_.required_acks.value_or(-1);
      to.request.compression = what_.compression.value_or(codec::none);
    }
    to.request.records.push_back(copy_of(r));
    to.sources.emplace_back(number, bytes_of(r));
    to.size += size;
    const auto full = to.size >= batch_bytes
      || (what_.batch_size && to.request.records.size() >= *what_.batch_size);
    // A topic that nobody knows yet has partitions once there is a record in it.
    return (!full && *partition) || send(to);
  }

  bool idle() override { return send_all(); }

  bool finish() override {
    if (!tally_.first_failure())
      static_cast<void>(send_all());
    for (auto& [partition, b] : open_) {
      for (const auto& [number, bytes] : b.sources)
        tally_.refused(number, b.request.partition.value_or(-1),
          {error_code::closed, "what came before it was not written"});
    }
    open_.clear();
    return !tally_.first_failure();
  }

private:
  struct batch {
    produce request;
    std::size_t size = 0;
    /// Each record's number in the run, and its bytes.
    std::vector<std::pair<std::uint64_t, std::size_t>> sources;
  };

  /// Nothing while the topic is not there: its partitioner finds the way for one record.
  result<std::optional<partition_id>> partition_of(const protocol::outgoing_record& r) {
    if (r.partition.value() >= 0)
      return std::optional{r.partition};
    if (partitions_ == 0) {
      const auto all = partitions_of(app_, what_.topic);
      if (!all && all.error().code == error_code::unknown_topic_or_partition)
        return std::optional<partition_id>{};
      if (!all)
        return all.error();
      partitions_ = static_cast<std::int32_t>(all->size());
    }
    if (r.key)
      return std::optional{what_.partitioner(
        {.topic = what_.topic, .key = *r.key, .partitions = partitions_})};
    // Those without a key go on together until their batch is full.
    if (!keyless_ || keyless_->value() >= partitions_)
      keyless_ = partition_id{
        static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(partitions_))};
    return keyless_;
  }

  bool send_all() {
    for (auto& [partition, b] : open_) {
      if (!b.request.records.empty() && !send(b))
        return false;
    }
    return true;
  }

  bool send(batch& b) {
    const auto where = app_.produce(b.request);
    const auto partition =
      where ? where->partition : b.request.partition.value_or(partition_id{-1});
    if (!where && partition.value() < 0) {
      for (const auto& [number, bytes] : b.sources)
        tally_.refused(number, -1, where.error());
    } else {
      auto& taken = taken_[partition];
      delivery report;
      report.partition = partition;
      report.first_number = taken;
      report.count = static_cast<std::int32_t>(b.sources.size());
      if (where)
        report.base_offset = where->base_offset.value_or(-1);
      else
        report.error = where.error();
      for (const auto& [number, bytes] : b.sources)
        tally_.taken(partition, taken++, number, bytes);
      tally_.reported(report);
    }
    if (keyless_ == b.request.partition)
      keyless_.reset();
    b = {};
    on_delivered_();
    return where.has_value();
  }

  const produce_arguments& what_;
  application& app_;
  produce_tally& tally_;
  const std::function<void()> on_delivered_;
  std::minstd_rand random_;
  std::map<std::optional<partition_id>, batch> open_;
  std::map<partition_id, std::uint64_t> taken_;
  std::optional<partition_id> keyless_;
  std::int32_t partitions_ = 0;
};

} // namespace

std::unique_ptr<record_sink> make_worker_sink(const produce_arguments& what,
  application& app, produce_tally& tally, std::function<void()> on_delivered) {
  return std::make_unique<worker_sink>(what, app, tally, std::move(on_delivered));
}

} // namespace cafka::cli
