#pragma once

#include "../../supervision/supervisor.hpp"
#include "../consumer/consumer_core.hpp"
#include "../current_actor.hpp"
#include "../log_sink.hpp"
#include "../producer/producer.hpp"
#include "consumer_group.hpp"
#include "group_core.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace cafka::actors {

/// What the handles of a group with handlers and the incarnations of the actor that feeds
/// them share.
class handlers_core : public std::enable_shared_from_this<handlers_core> {
public:
  handlers_core(caf::actor_system& system, consumer_group_options what,
    handler_factory make, std::shared_ptr<log_sink> sink)
    : sys(system),
      options(std::move(what)),
      factory(std::move(make)),
      log(std::move(sink)) {}

  caf::actor_system& sys;
  const consumer_group_options options;
  const handler_factory factory;
  const std::shared_ptr<log_sink> log; ///< May be null.
  /// What it reads with.
  std::shared_ptr<consumer_core> reader;
  /// The supervisor of the handlers' supervisors; null: there is none now.
  std::function<supervision::supervisor_actor()> partitions;
  /// Told each event of their supervisors; may be empty.
  std::function<void(const supervision::supervision_event&)> observer;
  /// Writes dead letters; empty: there are none.
  producer letters;

  /// The actor that feeds the handlers.
  current_actor actor;
  /// Of assignments, so that none is taken for another.
  std::atomic<std::uint64_t> last_number = 0;

  /// There is something for the handlers.
  void signal();
  /// The actor takes what there is.
  void take_signal() { signalled_ = false; }

  /// The name of a dead letter's topic.
  [[nodiscard]] std::string letters_for(const std::string& topic) const;
  void write(log_level level, const std::string& text) const {
    if (log != nullptr)
      log->write(level, "group", reader->options.name, text);
  }

private:
  std::atomic<bool> signalled_ = false;
};

/// Starts the actor that feeds the handlers of the group.
caf::actor spawn_handlers(
  caf::actor_system& sys, const std::shared_ptr<handlers_core>& core);

} // namespace cafka::actors
