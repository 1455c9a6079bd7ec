#pragma once

#include "../fixture.hpp"

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The same requests to a fake cluster and to a real broker.
namespace fake_against_kafka {

using namespace fake_fixture;

/// Somebody who answers Kafka's requests.
class answering {
public:
  answering() = default;
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;
  virtual ~answering() = default;

  /// A request behind its length, and the answer behind its; nothing when the connection
  /// ends, and the next request opens another one.
  virtual std::optional<shared_bytes> exchange(const shared_bytes& request) = 0;

  template <class Request>
  std::optional<typename Request::response> ask(
    const Request& request, std::int16_t version) {
    const auto frame = encode_request(request, version, ++correlation_, "compare");
    INFO(to_string(frame.error()));
    REQUIRE(frame);
    std::vector<std::byte> all;
    for (const auto& part : frame->parts)
      all.insert(all.end(), part.view().begin(), part.view().end());
    all.erase(all.begin(), all.begin() + 4);
    const auto answer = exchange(shared_bytes::from(std::move(all)));
    if (!answer)
      return std::nullopt;
    auto response = decode_response<typename Request::response>(*answer, version);
    INFO(to_string(response.error()));
    REQUIRE(response);
    return *response;
  }

private:
  std::int32_t correlation_ = 0;
};

/// The broker that CAFKA_KAFKA names, the first of the list.
std::unique_ptr<answering> real_kafka();

class fake_target;

/// What both have said to the same requests, in words, without what is free: ids, times
/// of the day, addresses, texts of errors, what a quota says.
class both {
public:
  both();
  ~both();

  /// Makes a topic on both, and waits until it can be written to.
  std::string topic(
    std::int32_t partitions = 1, std::vector<creatable_topic_config> configs = {});

  /// Asks both and compares; a request may need the ids of each.
  template <class Request>
  void same(const Request& request, std::int16_t version) {
    same<Request>([&](answering&) { return request; }, version);
  }
  template <class Request>
  void same(const std::function<Request(answering&)>& request, std::int16_t version) {
    static_cast<void>(pair<Request>(request, version));
  }
  /// The same; returns what each has said, the real one first.
  template <class Request>
  auto pair(const std::function<Request(answering&)>& request, std::int16_t version) {
    auto a = real().ask(request(real()), version);
    auto b = fake().ask(request(fake()), version);
    INFO(print(request(fake())) << " v" << version);
    CHECK(said(a) == said(b));
    ++compared;
    return std::pair{std::move(a), std::move(b)};
  }

  [[nodiscard]] answering& real() { return *real_; }
  [[nodiscard]] answering& fake();
  /// Lets time pass for the fake alone.
  void pass_on_fake(milliseconds time);
  /// A group that this broker coordinates, of both.
  [[nodiscard]] std::string group();
  /// A group that another broker coordinates, of both.
  [[nodiscard]] std::string group_elsewhere();
  /// A transactional id that this broker coordinates, of both.
  [[nodiscard]] std::string transactional_id();
  /// The number of the broker that is asked.
  [[nodiscard]] std::int32_t broker() const { return broker_; }
  std::size_t compared = 0;

private:
  template <class Response>
  static std::string said(std::optional<Response> r) {
    if (!r)
      return "(the connection ends)";
    clean(*r);
    return print(*r);
  }

  static void clean(api_versions_response& r);
  static void clean(metadata_response& r);
  static void clean(produce_response& r);
  static void clean(fetch_response& r);
  static void clean(list_offsets_response& r);
  static void clean(init_producer_id_response& r);
  static void clean(find_coordinator_response& r);
  static void clean(offset_commit_response& r);
  static void clean(offset_fetch_response& r);
  static void clean(create_topics_response& r);
  static void clean(delete_topics_response& r);
  static void clean(join_group_response& r);
  static void clean(sync_group_response& r) { r.throttle_time_ms = 0; }
  static void clean(heartbeat_response& r) { r.throttle_time_ms = 0; }
  static void clean(leave_group_response& r);
  static void clean(consumer_group_heartbeat_response& r);
  static void clean(consumer_group_describe_response& r);
  static void clean(describe_groups_response& r);
  static void clean(list_groups_response& r);
  static void clean(delete_groups_response& r);
  static void clean(offset_delete_response& r);
  static void clean(offset_for_leader_epoch_response& r) { r.throttle_time_ms = 0; }

  std::unique_ptr<answering> real_;
  std::unique_ptr<fake_target> fake_;
  std::int32_t broker_ = 0;
};

/// The id that a target has given to a topic.
uuid id_of(answering& target, const std::string& topic);

} // namespace fake_against_kafka
