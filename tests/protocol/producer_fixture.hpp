#pragma once

#include <cafka/protocol/machines/producer_machine.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace cafka::testing {

using namespace cafka::protocol;
using namespace std::chrono_literals;

using time_point = producer_machine::time_point;

inline time_point virtual_now;

inline time_point virtual_clock() {
  return virtual_now;
}

/// One topic of one partition, step by step.
struct single {
  explicit single(producer_machine_options o = {}) : machine(o, batches) {
    virtual_now = time_point{} + 1h;
    machine.start(virtual_now);
  }

  static accumulator_options with_clock() {
    accumulator_options o;
    o.clock = virtual_clock;
    return o;
  }

  void send() {
    const auto taken = batches.append(
      batches.topic("t"), {.value = as_bytes("value")}, timestamp{}, nullptr);
    REQUIRE(taken.status == error_code::none);
    machine.on_changed(virtual_now);
  }

  /// What there is to do of this kind, with the rest forgotten.
  template <class T>
  std::vector<T> next() {
    std::vector<T> found;
    for (auto& a : machine.take_effects()) {
      if (const auto* told = std::get_if<stall_report>(&a))
        stalls.push_back(*told);
      if (auto* x = std::get_if<T>(&a))
        found.push_back(std::move(*x));
    }
    return found;
  }

  void metadata(error_code e, broker_id leader = 1) {
    metadata_response answer;
    auto& t = answer.topics.emplace_back();
    t.name = "t";
    t.topic_id = id;
    t.error_code = e;
    if (e == error_code::none)
      t.partitions.emplace_back().leader_id = leader;
    machine.on_metadata(virtual_now, answer);
  }

  /// With metadata and a producer id, and nothing to do.
  void ready() {
    metadata(error_code::none);
    machine.on_identity(virtual_now, 7, 0);
  }

  /// One batch of the request that is due within `longest`: its number and what is in it.
  struct sent_batch {
    std::uint64_t request = 0;
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;
    time_point at;
  };
  std::optional<sent_batch> next_batch(std::chrono::milliseconds longest = 1s) {
    const auto request = wait_for<producer_machine::send_request>(longest);
    if (!request)
      return std::nullopt;
    const auto items = machine.fill(virtual_now, request->request);
    REQUIRE(items.size() == 1);
    batch_reader in{items[0].batch};
    record_batch b;
    REQUIRE(in.next(b));
    return sent_batch{
      request->request, b.info().producer_epoch, b.info().base_sequence, virtual_now};
  }

  void answer(std::uint64_t request, error_code e) {
    produce_response done;
    done.responses.emplace_back().name = "t";
    done.responses[0].partition_responses.emplace_back().error_code = e;
    machine.on_answer(virtual_now, request, done);
  }

  /// Lets the time pass until something of this kind is to be done.
  template <class T>
  std::optional<T> wait_for(std::chrono::milliseconds longest) {
    const auto until = virtual_now + longest;
    while (true) {
      if (auto found = next<T>(); !found.empty())
        return found.front();
      const auto at = machine.next_time();
      if (at > until)
        return std::nullopt;
      virtual_now = std::max(virtual_now, at);
      machine.on_time(virtual_now);
    }
  }

  accumulator batches{with_clock()};
  producer_machine machine;
  uuid id;                          ///< Of the topic; zero: metadata do not have it.
  std::vector<stall_report> stalls; ///< All that were told.
};

} // namespace cafka::testing
