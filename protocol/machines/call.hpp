#pragma once

#include "../defaults.hpp"
#include "../schema/api_key.hpp"
#include "../schema/codec.hpp"
#include "../schema/version.hpp"
#include "../wire/shared_bytes.hpp"
#include "coordinator_of.hpp"
#include "quota.hpp"
#include <cafka/version.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace cafka::protocol {

class cluster;

/// What brokers are told is talking to them (KIP-511).
inline constexpr std::string_view client_software_name = "cafka";
/// The version that goes with it.
inline constexpr std::string_view client_software_version = CAFKA_VERSION;

struct any_broker {};

struct controller_broker {};

/// The leader of a partition.
struct leader_of {
  /// The topic's name.
  std::string topic;
  /// -1: the call chooses one, once it is known how many there are.
  partition_id partition;
  /// Whether asking about the topic may create it.
  bool create_topic = false;
};

/// Which broker must answer: any, one by number, the controller, a partition's leader, or
/// a coordinator.
using target =
  std::variant<any_broker, broker_id, controller_broker, leader_of, coordinator_of>;

/// Requests of one lane wait for each other, as a broker answers a connection in order;
/// each lane has a connection of its own to each broker, `resting` as many as it needs.
enum class lane : std::uint8_t {
  normal,    ///< Answered as soon as the broker can.
  group,     ///< Likewise, but must not wait for replicas: heartbeats, commits.
  long_poll, ///< May rest at the broker for a moment: fetches.
  resting,   ///< May rest at the broker for long: has a connection for itself.
};

/// A request on its way to its answer.
///
/// The dispatcher owns it: encodes it once it knows where to and in which version, hands
/// it the answer, and ends it exactly once with `finish`.
class call {
public:
  /// What the dispatcher has to know of a call.
  struct traits {
    /// The API.
    api_key key{};
    /// The versions that will do.
    version_range versions;
    /// Why not all of cafka's versions will do, such as "headers need"; a literal.
    std::string_view who_needs;
    /// The version that the caller demands; nothing: the newest that both sides know.
    std::optional<std::int16_t> pinned;
    /// Which broker must answer.
    target where;
    /// Which requests to the same broker it may wait for.
    protocol::lane lane = lane::normal;
    /// From its acceptance to its end, whatever happens; zero: the client's own.
    std::chrono::milliseconds deadline{0};
    /// How long the broker may rest on the request by the request's own words.
    std::chrono::milliseconds answer_timeout{0};
    /// Whether sending it again after a lost answer does no harm.
    bool repeatable = true;
    /// False for what no broker answers: a produce without acknowledgement.
    bool answered = true;
    /// Whether the deadline waits for an answer that is arriving: as long as bytes of it
    /// come, with pauses shorter than `socket_timeout`.
    bool while_arriving = false;
    /// Whether the deadline, once it is sent, does not count the time in which a quota
    /// keeps the broker from reading it.
    bool quota_extends_deadline = false;
    /// For a question to any broker: whether the last answer may be out of date, so that
    /// another broker is asked than the last time.
    bool elsewhere = false;

    /// Rules out versions below `version`, for the reason that `who` gives.
    void need(std::int16_t version, std::string_view who) {
      if (version <= versions.min)
        return;
      versions.min = version;
      who_needs = who;
    }
  };

  /// With what the dispatcher has to know of it.
  explicit call(traits&& what) : traits_(std::move(what)) {}
  /// With what the dispatcher has to know of it.
  explicit call(const traits& what) : traits_(what) {}
  call(const call&) = delete;
  call& operator=(const call&) = delete;
  virtual ~call() = default;

  /// What the dispatcher has to know of it.
  [[nodiscard]] const traits& what() const { return traits_; }

  /// Whether sending it again now, after a lost answer, does no harm.
  [[nodiscard]] virtual bool repeatable() const { return traits_.repeatable; }

  /// Whether giving up its answer does no harm, as its owner decides anew what to send.
  [[nodiscard]] virtual bool expendable() const { return repeatable(); }

  /// Chooses the partition of a `leader_of` that leaves it open.
  error choose_partition(std::int32_t partitions) {
    const auto chosen = partition_among(partitions);
    if (!chosen)
      return chosen.error();
    if (chosen->value() < 0 || chosen->value() >= partitions)
      return {error_code::invalid_argument,
        "the partitioner chose " + std::to_string(chosen->value()) + " of "
          + std::to_string(partitions) + " partitions"};
    std::get<leader_of>(traits_.where).partition = *chosen;
    return {};
  }

  /// The whole frame, in the version chosen.
  virtual result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) = 0;

  /// What a FindCoordinator asks about.
  [[nodiscard]] virtual std::optional<coordinator_of> looks_up() const { return {}; }

  /// Reads the answer and keeps what it says; an answer may teach about the cluster.
  ///
  /// An error that `may_retry` allows leads to another attempt.
  virtual error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) = 0;

  /// Whether an answer with this code says that nothing has happened yet, and that it may
  /// be another one next time.
  [[nodiscard]] virtual bool may_retry(error_code e) const { return is_retriable(e); }

  /// What the last answer has said of a quota.
  [[nodiscard]] const throttle& throttled() const { return throttled_; }

  /// No answer throttles for longer than this, whatever it says.
  void limit_throttle(std::chrono::milliseconds longest) { longest_throttle_ = longest; }

  /// The end: `none` when `receive` has kept an answer, or why there is none.
  virtual void finish(error outcome) = 0;

protected:
  /// Reads an answer and notes what it says of a quota; the answer's own
  /// `throttle_time_ms` is brought within what is allowed.
  template <class Response>
  result<Response> read_answer(const shared_bytes& payload, std::int16_t version) {
    auto answer = decode_response<Response>(payload, version);
    if constexpr (requires { answer->throttle_time_ms; }) {
      throttled_ = {};
      if (answer)
        answer->throttle_time_ms = note_throttle(
          answer->throttle_time_ms, version >= Response::client_throttles_since);
    }
    return answer;
  }

private:
  std::int32_t note_throttle(std::int32_t told_ms, bool client_pauses);

  [[nodiscard]] virtual result<partition_id> partition_among(std::int32_t) {
    return error{error_code::invalid_argument, "no partition is named"};
  }

  traits traits_;
  throttle throttled_;
  std::chrono::milliseconds longest_throttle_ = defaults::max_throttle;
};

} // namespace cafka::protocol
