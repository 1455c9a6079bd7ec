#pragma once

#include "../../base/inspect.hpp"
#include "../consumer/consumer.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace cafka {

namespace actors {

class handlers_core;

} // namespace actors

/// What a handler is made for: a partition that its group has given to this member.
/// Copying one costs some strings and reference counts.
class partition_assignment {
public:
  partition_assignment() = default;
  /// Made by the group. `number`: of this assignment.
  partition_assignment(caf::actor_system& system, std::string group,
    topic_partition which, std::uint64_t number,
    std::weak_ptr<const actors::handlers_core> core)
    : system_(&system),
      group_(std::move(group)),
      which_(std::move(which)),
      number_(number),
      core_(std::move(core)) {}

  /// Where actors are spawned.
  [[nodiscard]] caf::actor_system& system() const { return *system_; }
  /// The group's name.
  [[nodiscard]] const std::string& group() const { return group_; }
  /// The topic of the partition.
  [[nodiscard]] const std::string& topic() const { return which_.topic; }
  /// The partition's number.
  [[nodiscard]] partition_id partition() const { return which_.partition; }

  /// All records before `next` are handled: for batches that were answered with
  /// `handled::later`. From any thread. When the partition has gone to another member
  /// meanwhile, nothing happens.
  void acknowledge(log_offset next) const;

private:
  caf::actor_system* system_ = nullptr;
  std::string group_;
  topic_partition which_;
  std::uint64_t number_ = 0;
  std::weak_ptr<const actors::handlers_core> core_;
};

/// What a handler says to a batch.
struct handled {
  /// What it says.
  enum class answer : std::uint8_t {
    async_commit, ///< All of it is handled; committed with the next commit.
    sync_commit,  ///< Likewise, and it is committed before the next batch comes.
    later,        ///< `partition_assignment::acknowledge` will say so; more may come.
    failed        ///< It could not be handled: it comes again.
  };

  /// The answer.
  answer is = answer::async_commit;
  /// Of `failed`: the record, all before which are handled; -1: it is not known. Then the
  /// records come one by one, those that were handled already among them.
  log_offset at = -1;
  /// Of `failed`: why.
  std::string why = {};

  /// KafkaEx: `:async_commit`.
  static handled async_commit() { return {}; }
  /// KafkaEx: `:sync_commit`.
  static handled sync_commit() { return {answer::sync_commit, -1, {}}; }
  /// brod: `{ok, State}`.
  static handled later() { return {answer::later, -1, {}}; }
  /// It is not known which record it was.
  static handled failed(std::string why) { return {answer::failed, -1, std::move(why)}; }
  /// This record; those before it are handled.
  static handled failed(log_offset at, std::string why) {
    return {answer::failed, at, std::move(why)};
  }
};

/// The answer's name, as `async_commit`.
[[nodiscard]] std::string_view to_string(handled::answer a);

/// To a handler that is an actor, with `consumer_group_options::tell_handlers`: its
/// partition goes to another member. It is ended once it has answered, with anything.
struct partition_revoked {
  /// How much time there is.
  milliseconds left{0};
};

/// Likewise: its partition may be another member's already. It is ended; nothing that it
/// acknowledges counts.
struct partition_lost {
  /// Why.
  error why = {};
};

/// Handles the records of one partition. Its functions are called one at a time, in an
/// actor of its own; one that throws is a crash: another handler is made, which gets what
/// this one has not acknowledged. KafkaEx: a `GenConsumer`.
class partition_handler {
public:
  partition_handler() = default;
  partition_handler(const partition_handler&) = delete;
  partition_handler& operator=(const partition_handler&) = delete;
  virtual ~partition_handler() = default;

  /// Records are there, at least one; those of the next call follow these. It may block
  /// with `consumer_group_options::detached`.
  virtual handled on_batch(const consumed_batch& batch) = 0;
  /// The partition goes to another member: what it still acknowledges counts.
  virtual void on_revoked(milliseconds /*left*/) {}
  /// The partition may be another member's already.
  virtual void on_lost(const error& /*why*/) {}
};

namespace actors {

/// A handler that is a function.
template <class Function>
class handler_of_function final : public partition_handler {
public:
  /// Of this function.
  explicit handler_of_function(Function f) : f_(std::move(f)) {}
  /// Calls it.
  handled on_batch(const consumed_batch& batch) override { return f_(batch); }

private:
  Function f_;
};

/// An actor around a handler.
caf::actor spawn_handler(
  caf::actor_system& sys, std::unique_ptr<partition_handler> what, bool detached);

} // namespace actors

/// Makes the handler of a partition, at first and after each crash, from a function of a
/// `const partition_assignment&` that returns
///
/// - a function from a `const consumed_batch&` to `handled`, or
/// - a `std::unique_ptr` to a `partition_handler`, or
/// - an actor that answers `consumed_batch` with `handled`, at once or by a promise, or
///   with an error, which is `failed`. Other messages are its own.
///
/// It is called in the actor that supervises the handler and must return soon; what it
/// throws is a failed start, which is tried again.
class handler_factory {
public:
  /// Of such a function.
  template <class Make>
    requires(!std::same_as<std::remove_cvref_t<Make>,
               handler_factory> && std::invocable<Make&, const partition_assignment&>)
  handler_factory(Make make) { // Implicit: functions are handed over in its place.
    using made = std::invoke_result_t<Make&, const partition_assignment&>;
    if constexpr (std::convertible_to<made, std::unique_ptr<partition_handler>>) {
      make_ = [make = std::move(make)](
                const partition_assignment& of, bool detached) mutable -> caf::actor {
        return actors::spawn_handler(of.system(), make(of), detached);
      };
    } else if constexpr (std::is_invocable_r_v<handled, made&, const consumed_batch&>) {
      make_ = [make = std::move(make)](
                const partition_assignment& of, bool detached) mutable -> caf::actor {
        return actors::spawn_handler(of.system(),
          std::make_unique<actors::handler_of_function<made>>(make(of)), detached);
      };
    } else {
      make_ = [make = std::move(make)](
                const partition_assignment& of, bool) mutable -> caf::actor {
        return caf::actor_cast<caf::actor>(make(of));
      };
      is_actor_ = true;
    }
  }

  /// Makes the handler. `detached`: with a thread of its own, unless it is an actor.
  [[nodiscard]] caf::actor operator()(
    const partition_assignment& of, bool detached) const {
    return make_(of, detached);
  }
  /// Whether it makes actors of the program's own.
  [[nodiscard]] bool makes_actors() const { return is_actor_; }

private:
  std::function<caf::actor(const partition_assignment&, bool)> make_;
  bool is_actor_ = false;
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT_ENUM(handled::answer, async_commit, failed)
CAFKA_INSPECT(handled, is, at, why)
CAFKA_INSPECT(partition_revoked, left)
CAFKA_INSPECT(partition_lost, why)

} // namespace cafka
