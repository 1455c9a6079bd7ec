#pragma once

#include <cafka/protocol/machines/backoff.hpp>
#include <cafka/protocol/machines/call.hpp>
#include <cafka/protocol/schema/version_table.hpp>

#include <cstdint>
#include <deque>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// When something happened; machines are told the time, they never look at a clock.
using time_point = std::chrono::steady_clock::time_point;

/// A call's number, unique within its dispatcher.
using call_id = std::uint64_t;

/// One connection's life: connecting, agreeing on versions, up, down and waiting to try
/// again; and which requests are on it.
///
/// Source: KIP-35 (ApiVersions), KIP-511 (its fallback to version 0).
class link {
public:
  enum class state : std::uint8_t { down, connecting, negotiating, up };

  /// A request that was sent and not answered.
  struct sent_request {
    std::int32_t correlation_id = 0;
    call_id call = 0; ///< 0 once nobody waits for the answer any more.
    std::int16_t version = 0;
    time_point sent_at;
    std::chrono::milliseconds patience{0};
  };

  struct ignored {};

  /// The handshake is over: requests may be sent.
  struct ready {};

  /// The handshake goes on with this frame.
  struct reply {
    frame bytes;
  };

  /// The answer to a request.
  struct answer {
    call_id call = 0;
    std::int16_t version = 0;
  };

  using event = std::variant<ignored, ready, reply, answer, error>;

  link(endpoint address, broker_id broker, lane l, std::string client_id)
    : address_(std::move(address)),
      broker_(broker),
      lane_(l),
      client_id_(std::move(client_id)) {}

  [[nodiscard]] state current() const { return state_; }
  [[nodiscard]] bool up() const { return state_ == state::up; }
  [[nodiscard]] const endpoint& address() const { return address_; }
  /// -1 while the broker at this address is not known by number.
  [[nodiscard]] broker_id broker() const { return broker_; }
  [[nodiscard]] protocol::lane lane() const { return lane_; }
  /// The connection that `connecting` began; 0 while down.
  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  [[nodiscard]] const version_table& versions() const { return versions_; }
  [[nodiscard]] const error& last_error() const { return last_error_; }
  [[nodiscard]] std::size_t in_flight() const { return sent_.size(); }
  /// Since when it is up with nothing on it.
  [[nodiscard]] std::optional<time_point> idle_since() const {
    return up() && sent_.empty() ? std::optional{heard_at_} : std::nullopt;
  }
  /// When a link that is down may connect again.
  [[nodiscard]] time_point retry_at() const { return retry_at_; }
  /// How often in a row it went down without having answered a request.
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  /// Whether somebody waits for it to be up.
  [[nodiscard]] bool wanted() const { return wanted_; }
  void set_wanted(bool wanted) { wanted_ = wanted; }

  void set_broker(broker_id id) { broker_ = id; }
  /// Where to connect to next time.
  void set_address(endpoint address) { address_ = std::move(address); }

  /// Lets a link that is down connect again at once.
  void retry_now(time_point now) { retry_at_ = now; }

  /// A connection attempt began.
  void connecting(time_point now, std::uint64_t connection);

  /// The connection stands: returns the first frame of the handshake.
  [[nodiscard]] result<frame> connected(time_point now);

  /// The correlation id that the next request must carry.
  [[nodiscard]] std::int32_t next_correlation_id() const { return next_correlation_id_; }

  /// A request with `next_correlation_id` went out; a call that waits for no answer is
  /// not noted.
  void sent(time_point now, call_id call, const call::traits& what, std::int16_t version);

  /// A frame came; an error means that the connection is of no more use.
  [[nodiscard]] event received(time_point now, const shared_bytes& payload);

  /// Nobody waits for the answer to this call any more.
  void abandon(call_id call);

  /// When the link must be held for dead unless something is heard.
  [[nodiscard]] std::optional<time_point> silent_until(
    std::chrono::milliseconds socket_timeout) const;

  /// The connection is gone: returns what was on it, and sets when to try again.
  template <class Generator>
  std::vector<sent_request> down(
    time_point now, error why, const backoff_options& reconnect, Generator& random) {
    // A connection that answered something may be made again at once; one that never did
    // counts as a failure even if it stood, so that no peer can make us spin.
    failures_ = useful_ ? 0 : failures_ + 1;
    retry_at_ = useful_ ? now : now + backoff(reconnect, failures_, random);
    return closed(std::move(why));
  }

private:
  std::vector<sent_request> closed(error why);
  [[nodiscard]] result<frame> handshake(time_point now, std::int16_t version);
  [[nodiscard]] event handshake_answer(time_point now, const shared_bytes& payload);

  endpoint address_;
  broker_id broker_;
  protocol::lane lane_;
  std::string client_id_;
  state state_ = state::down;
  std::uint64_t connection_ = 0;
  std::int32_t next_correlation_id_ = 1;
  std::int16_t handshake_version_ = 0;
  version_table versions_;
  std::deque<sent_request> sent_;
  time_point heard_at_;
  time_point retry_at_;
  bool useful_ = false;
  bool wanted_ = false;
  std::uint32_t failures_ = 0;
  error last_error_;
};

} // namespace cafka::protocol
