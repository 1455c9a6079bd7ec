#pragma once

#include <cafka/testing/model/fake_cluster.hpp>

#include <catch2/catch_test_macros.hpp>

/// A fake cluster, and requests that reach it over connections as bytes.
namespace fake_fixture {

using namespace cafka::protocol;
using namespace cafka::testing;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct fixture {
  explicit fixture(cluster_options options = {}) : cluster(std::move(options)) {}

  /// Sends; the answer comes with `answer`.
  template <class Request>
  void send(const Request& request, std::int16_t version, std::int32_t broker = 1,
    std::uint64_t connection = 1) {
    const auto frame = encode_request(request, version, ++correlation, "test");
    REQUIRE(frame);
    std::vector<std::byte> all;
    for (const auto& part : frame->parts)
      all.insert(all.end(), part.view().begin(), part.view().end());
    all.erase(all.begin(), all.begin() + 4);
    cluster.on_request(now, broker, connection, shared_bytes::from(std::move(all)));
    take();
  }

  void take() {
    for (auto& e : cluster.take_effects()) {
      if (e.hangs_up())
        ended.push_back(e.connection);
      else
        came[e.connection].push_back(e.payload());
    }
  }

  /// The next answer on a connection; nothing when there is none.
  template <class Response>
  std::optional<Response> answer(std::int16_t version, std::uint64_t connection = 1) {
    auto& mine = came[connection];
    if (mine.empty())
      return std::nullopt;
    auto response = decode_response<Response>(mine.front(), version);
    mine.pop_front();
    INFO(to_string(response.error()));
    REQUIRE(response);
    return *response;
  }

  /// Sends, and has the answer at once.
  template <class Request>
  typename Request::response ask(const Request& request, std::int16_t version,
    std::int32_t broker = 1, std::uint64_t connection = 1) {
    send(request, version, broker, connection);
    auto response = answer<typename Request::response>(version, connection);
    REQUIRE(response);
    return *response;
  }

  void pass(milliseconds time) {
    now += time;
    cluster.on_time(now);
    take();
  }

  time_point now = time_point{} + 1h;
  fake_cluster cluster;
  std::int32_t correlation = 0;
  std::map<std::uint64_t, std::deque<shared_bytes>> came;
  std::vector<std::uint64_t> ended;
};

inline record a_record(std::string value) {
  record r;
  r.value = std::move(value);
  return r;
}

inline std::vector<record> numbered(int count, int from = 0) {
  std::vector<record> all;
  for (int i = 0; i != count; ++i)
    all.push_back(a_record(std::to_string(from + i)));
  return all;
}

/// A batch of an idempotent producer.
inline shared_bytes sealed(
  int count, std::int64_t producer, std::int16_t epoch, std::int32_t sequence) {
  batch_builder builder;
  for (const auto& r : numbered(count))
    REQUIRE(builder.append(r, timestamp{1s}));
  seal_options how;
  how.producer_id = producer;
  how.producer_epoch = epoch;
  how.base_sequence = sequence;
  return *builder.seal(how);
}

inline produce_request producing(shared_bytes records, std::int16_t acks = -1,
  std::int32_t partition = 0, std::string topic = "t") {
  produce_request request;
  request.acks = acks;
  request.timeout_ms = 1'000;
  auto& t = request.topic_data.emplace_back();
  t.name = std::move(topic);
  t.partition_data.push_back({partition, std::move(records)});
  return request;
}

inline fetch_request fetching(
  std::int64_t offset, std::int32_t partition = 0, std::string topic = "t") {
  fetch_request request;
  request.max_bytes = 1'000'000;
  request.min_bytes = 1;
  auto& t = request.topics.emplace_back();
  t.topic = std::move(topic);
  auto& p = t.partitions.emplace_back();
  p.partition = partition;
  p.fetch_offset = offset;
  p.partition_max_bytes = 1'000'000;
  return request;
}

inline list_offsets_request listing(
  std::int64_t time, std::int32_t partition = 0, std::string topic = "t") {
  list_offsets_request request;
  auto& t = request.topics.emplace_back();
  t.name = std::move(topic);
  auto& p = t.partitions.emplace_back();
  p.partition_index = partition;
  p.timestamp = time;
  return request;
}

/// Without having topics made, which versions before 4 cannot say.
inline metadata_request asking_about(
  const std::vector<std::string>& topics, bool may_make = false) {
  metadata_request request;
  request.topics.emplace();
  for (const auto& name : topics)
    request.topics->emplace_back().name = name;
  request.allow_auto_topic_creation = may_make;
  return request;
}

inline const partition_produce_response& only(const produce_response& r) {
  REQUIRE(r.responses.size() == 1);
  REQUIRE(r.responses[0].partition_responses.size() == 1);
  return r.responses[0].partition_responses[0];
}

inline const fetch_partition_data& only(const fetch_response& r) {
  REQUIRE(r.responses.size() == 1);
  REQUIRE(r.responses[0].partitions.size() == 1);
  return r.responses[0].partitions[0];
}

inline const list_offsets_partition_response& only(const list_offsets_response& r) {
  REQUIRE(r.topics.size() == 1);
  REQUIRE(r.topics[0].partitions.size() == 1);
  return r.topics[0].partitions[0];
}

/// Values of the records, as texts.
inline std::vector<std::string> values(const shared_bytes& records) {
  std::vector<std::string> all;
  batch_reader in{records};
  record_batch batch;
  while (in.next(batch)) {
    for (const auto& r : batch)
      all.emplace_back(as_text(*r.value));
  }
  return all;
}

} // namespace fake_fixture
