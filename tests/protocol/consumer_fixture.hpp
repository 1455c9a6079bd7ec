#pragma once

#include <cafka/protocol/machines/consumer_machine.hpp>

#include <catch2/catch_test_macros.hpp>

/// A consumer machine, and what is told to it.
namespace consumer_fixture {

using namespace cafka::protocol;
using namespace std::chrono_literals;

using machine = consumer_machine;
using time_point = machine::time_point;

inline const auto topic_t = std::make_shared<const std::string>("t");

inline uuid id_of(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

/// A machine, and what it wanted done.
struct fixture {
  explicit fixture(consumer_machine_options o = {}, std::size_t memory = 64 << 20)
    : budget(memory), m(with_reset(std::move(o)), budget) {}

  static consumer_machine_options with_reset(consumer_machine_options o) {
    o.max_partition_fetch_bytes = 1'000;
    return o;
  }

  void assign(std::uint32_t slot, start_at start) {
    m.set(
      now, slot, {++generation, topic_t, static_cast<std::int32_t>(slot), start, false});
    turn();
  }

  void turn() {
    for (auto& a : m.take_effects())
      actions.push_back(std::move(a));
  }

  void later(std::chrono::milliseconds d) { later_at(now + d); }

  void later_at(time_point then) {
    now = std::max(now, then);
    m.on_time(now);
    turn();
  }

  /// The first action of this kind, which is then done with.
  template <class T>
  std::optional<T> next() {
    for (auto i = actions.begin(); i != actions.end(); ++i) {
      if (auto* x = std::get_if<T>(&*i)) {
        auto found = *x;
        actions.erase(i);
        return found;
      }
    }
    return std::nullopt;
  }

  /// Each partition `p` of `partitions` is led by broker `p % brokers`.
  void metadata(int partitions, int brokers = 1, std::uint8_t id = 1, int epoch = 0) {
    REQUIRE(next<machine::ask_metadata>());
    metadata_response r;
    auto& t = r.topics.emplace_back();
    t.name = *topic_t;
    t.topic_id = id_of(id);
    for (int p = 0; p != partitions; ++p) {
      auto& x = t.partitions.emplace_back();
      x.partition_index = p;
      x.leader_id = brokers > 0 ? p % brokers : -1;
      x.leader_epoch = epoch;
    }
    m.on_metadata(now, r);
    turn();
  }

  fetch_request fill(const machine::send_fetch& s, std::int16_t version = 17) {
    auto r = m.fill(now, s.request, version);
    REQUIRE(r);
    return *r;
  }

  static fetch_response answer(std::int32_t session = 9) {
    fetch_response r;
    r.session_id = session;
    r.responses.emplace_back().topic_id = id_of(1);
    return r;
  }

  static fetch_partition_data& part(fetch_response& r, int p, const char* records = "") {
    auto& x = r.responses.back().partitions.emplace_back();
    x.partition_index = p;
    x.high_watermark = 1'000;
    x.records = shared_bytes::copy_of(std::string_view{records});
    return x;
  }

  std::vector<machine::fetched> answered(
    const machine::send_fetch& s, const fetch_response& r) {
    return m.on_answer(now, s.request, r);
  }

  void read(const machine::fetched& f, std::int64_t next, std::size_t bytes = 500) {
    m.on_read(now, f, next, bytes, {});
  }

  time_point now = time_point{} + 1h;
  byte_budget budget;
  machine m;
  std::uint64_t generation = 0;
  std::vector<machine::effect> actions;
};

/// With one partition that is read from offset 5 on, and its first fetch filled.
struct reading : fixture {
  using fixture::fixture;
  void begin() {
    assign(0, start_at::offset(5));
    metadata(1);
    fetch = *next<machine::send_fetch>();
    request = fill(fetch);
  }
  machine::send_fetch fetch{};
  fetch_request request;
};

} // namespace consumer_fixture
