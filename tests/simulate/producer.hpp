#pragma once

#include "shell.hpp"
#include <cafka/protocol/clients/producer_client.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cafka::simulate {

/// How a producer and its program behave.
struct producer_settings {
  client_settings client;
  protocol::producer_client_options options;
  protocol::accumulator_options batches;
  std::vector<std::string> topics;
  duration longest_pause = std::chrono::milliseconds{500};
  std::uint64_t most_at_once = 20;
  std::size_t largest_value = 1'000;
  /// Of a thousand records, how many have a key, and how many name their partition.
  unsigned keyed = 200;
  unsigned placed = 300;
};

/// A producer's client, and a program that sends.
///
/// Promises: docs/producer.md. Each record that is taken has one outcome, by its time;
/// what the outcome says is compared by the ledger.
class producer final : public shell<producer, protocol::producer_client> {
public:
  producer(world& w, std::string name, producer_settings settings);
  ~producer() override;

  void begin() override;
  void set_busy(bool busy) override;
  std::string waits_for() override;
  void check() override;
  void stop() override;
  void gone() override;

private:
  friend shell;
  using client_type = protocol::producer_client;

  struct flusher {
    time_point deadline;
    std::uint32_t before = 0; ///< The number of the next record.
    bool closes = false;
  };

  void before_event() {}
  void after_event_done();
  void act(protocol::delivery_report& x);
  void act(const protocol::stall_report&) {}
  void act(const client_type::request_took&) {}
  void act(const client_type::topics_learned&) {}
  void act(const client_type::flush_ended& x);
  void act(const client_type::operation_ended& x) { x.tell(); }
  void act(const client_type::closed&) { closed_ = true; }
  void on_crash(std::vector<effect>& left);
  void restart();

  void work();
  void send_one();
  void flush(duration deadline, bool closes);
  void close();

  producer_settings with_;
  std::uint32_t source_ = 0;
  std::uint32_t next_ = 0; ///< Number of the next record.
  std::unique_ptr<protocol::accumulator> batches_;
  std::weak_ptr<protocol::buffer_pool> pool_;
  /// Records without an outcome, and when they were taken.
  std::map<std::uint32_t, time_point> open_;
  std::map<std::uint64_t, flusher> flushers_;
  place reported_;
  bool busy_ = false;
  bool working_ = false;
  bool stopping_ = false;
  bool closed_ = false;
};

} // namespace cafka::simulate
