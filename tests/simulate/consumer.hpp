#pragma once

#include "shell.hpp"
#include <cafka/protocol/clients/consumer_client.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace cafka::simulate {

/// How a consumer and its program behave.
struct consumer_settings {
  client_settings client;
  protocol::consumer_client_options options;
  std::size_t buffer_memory = protocol::defaults::buffer_memory;
  std::vector<place> partitions;
  duration longest_pause = std::chrono::milliseconds{300};
  /// Of a thousand batches, how many the program holds for a while.
  unsigned held = 100;
  /// The largest that a batch may be as it is stored, and decompressed.
  std::size_t largest_batch = 1024 * 1024;
  std::size_t largest_content = 0;
  /// Between polls, how often of a thousand the program seeks, pauses and so on.
  unsigned moves = 10;
  /// A fault of the checker's own, to see that it is noticed: of so many batches one is
  /// dropped, or handed out once more. Zero: none.
  std::uint64_t drops_one_in = 0;
  std::uint64_t doubles_one_in = 0;
};

/// A consumer's client, what its handles keep, as `actors/consumer_core` does, and a
/// program that polls.
///
/// Promises: docs/consumer.md. Records come in order, without a gap and each once, over
/// crashes too; where reading goes on elsewhere, that was told, and there was a reason.
class consumer final : public shell<consumer, protocol::consumer_client> {
public:
  consumer(world& w, std::string name, consumer_settings settings);

  void begin() override;
  void set_busy(bool busy) override;
  std::string waits_for() override;
  void check() override;
  void stop() override;
  void gone() override;

private:
  friend shell;
  using client_type = protocol::consumer_client;
  using machine = protocol::consumer_machine;

  struct entry {
    place where;
    std::uint32_t slot = 0;
    std::shared_ptr<const std::string> topic;
    std::uint64_t generation = 0;
    bool assigned = true;
    bool paused = false;
    bool changed = false;
    std::size_t queued = 0;
    /// Where the program stands.
    protocol::start_at start;
    /// It was told nothing of where a moment is.
    bool awaits_position = false;
    /// Its offset may have been out of range from the start.
    bool may_jump = false;
    /// Of the log, those that reading went on elsewhere for.
    std::uint64_t disturbances = 0;
    /// When records of it came, or it went on elsewhere, the last time.
    world::truth truth{};
  };
  struct queued_batch {
    entry* of = nullptr;
    std::shared_ptr<protocol::consumed_content> content;
    log_offset end;          ///< Behind its records.
    protocol::start_at next; ///< Where reading goes on behind it.
  };
  struct taking {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    std::size_t bytes = 0;
  };

  void before_event() { sync(); }
  void after_event_done() {}
  void act(client_type::arrived& x);
  void act(const client_type::request_took&) {}
  void act(const machine::positioned& x);
  void act(const machine::report& x);
  void act(const machine::stray& x);
  void on_crash(std::vector<effect>&) {}
  void restart();

  void sync();
  void wake();
  entry* find(std::uint32_t slot, std::uint64_t generation);
  void change(entry& e);
  void advance(entry& e, protocol::start_at where);
  void go_to(entry& e, protocol::start_at where);
  void take(std::size_t most);
  void walk(entry& e, const queued_batch& q);
  void work();
  [[nodiscard]] bool is_astray(const entry& e) const;
  void move();

  consumer_settings with_;
  std::shared_ptr<protocol::byte_budget> budget_;
  std::vector<std::unique_ptr<entry>> entries_;
  std::deque<queued_batch> queue_;
  std::vector<taking> takings_;
  std::vector<std::shared_ptr<protocol::consumed_content>> held_;
  bool busy_ = false;
  bool stopped_ = false;
};

} // namespace cafka::simulate
