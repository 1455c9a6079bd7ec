#pragma once

#include "../messages/api_versions.hpp"
#include "../schema/kafka_version.hpp"
#include "backoff.hpp"
#include "call.hpp"
#include "connection_login.hpp"
#include "time_point.hpp"

#include <cstdint>
#include <deque>
#include <string_view>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// A call's number, unique within its dispatcher.
using call_id = std::uint64_t;

/// One connection's life: connecting, agreeing on versions, logging in, up, down and
/// waiting to try again; and which requests are on it.
///
/// A broker is asked for its versions with ApiVersions, unless its release is told. Those
/// before 0.10 do not know that request: 0.9 says nothing to it, older ones hang up. So
/// may a broker that stops, is overloaded or wants TLS; therefore only an answer to a
/// request that old brokers know tells an old one.
///
/// After a silence a Heartbeat follows ApiVersions. Brokers answer in order: one that
/// answers the second request alone does not know the first.
///
/// After a hang-up the next connection begins with a Heartbeat, and if the broker hangs
/// up on that too, as 0.8.1 does, the one after it with a ListOffsets. When that is
/// answered, ApiVersions is asked once more. A broker that closes the connection again is
/// old, if its answer was that of a 0.8: the connection that comes then is up at once,
/// with the versions of the release that the answer shows. A hang-up counts if it comes
/// at once.
///
/// A login that the broker limits in time is renewed in place: requests that are on the
/// connection are answered first, and it takes no others until the login is done.
///
/// What was found out holds for a connection; the next one asks again, so that a broker
/// that was replaced is noticed. Hang-ups may come by chance, all of them: a connection
/// that goes by them is replaced after a pause, and the next one asks again. The pause
/// grows as long as the result is the same.
///
/// Source: KIP-35 (ApiVersions), KIP-511 (its fallback to version 0); `SocketServer` and
/// `KafkaApis` of Kafka 0.8.1, 0.8.2 and 0.9.0.
class broker_connection {
public:
  enum class state : std::uint8_t {
    down,
    connecting,
    negotiating,
    authenticating,
    up,
    reauthenticating
  };

  /// A request that was sent and not answered.
  struct sent_request {
    std::int32_t correlation_id = 0;
    call_id call = 0; ///< 0 once the answer is not awaited any more.
    std::int16_t version = 0;
    time_point sent_at;
    std::chrono::milliseconds answer_timeout{0};
    std::size_t size = 0; ///< In bytes.
  };

  /// An answer of which bytes have come, but not all.
  struct arrival {
    call_id call = 0; ///< 0: not awaited.
    std::size_t received = 0;
    std::size_t expected = 0; ///< 0 while its length is not known.
    time_point at;            ///< When bytes of it were last told of.

    [[nodiscard]] std::size_t missing() const {
      return expected > received ? expected - received : 0;
    }
  };

  /// What a broker that does not tell its versions was found to be.
  struct old_broker {
    kafka_version release;
    /// Where it rests on hang-ups: how long it is relied on; else zero.
    std::chrono::seconds pause{0};
    /// When it is to be found out anew; `max`: not while the connection lives.
    time_point check_at = time_point::max();
  };

  struct ignored {};

  /// It takes no more requests, and is to be replaced once nothing is awaited on it.
  struct to_be_replaced {};

  /// The handshake is over: requests may be sent, behind this frame where there is one.
  struct ready {
    std::optional<frame> last = {};
  };

  /// The handshake goes on with this frame.
  struct reply {
    frame bytes;
  };

  /// The login goes on with credentials: `on_credentials`.
  struct credentials_wanted {
    sasl::mechanism mechanism{};
    bool refused = false; ///< Those that came last were.
  };

  /// The login was renewed: it takes requests again.
  struct renewed {};

  /// The login is not renewed yet, for want of credentials, and is tried again.
  struct renewal_put_off {
    error why;
  };

  /// The answer to a request.
  struct answer {
    call_id call = 0;
    std::int16_t version = 0;
  };

  using event = std::variant<ignored, to_be_replaced, ready, reply, credentials_wanted,
    renewed, renewal_put_off, answer, error>;

  /// With a `release` the broker is not asked for its versions. `all`, null for no
  /// logins, must outlive the connection.
  broker_connection(endpoint address, broker_id broker, lane l, std::string client_id,
    std::optional<kafka_version> release = {}, client_logins* all = nullptr)
    : address_(std::move(address)),
      broker_(broker),
      lane_(l),
      client_id_(std::move(client_id)),
      told_(release) {
    if (all != nullptr && !all->mechanisms.empty())
      login_.emplace(address_, *all);
  }

  [[nodiscard]] state current() const { return state_; }
  [[nodiscard]] bool up() const {
    return state_ == state::up || state_ == state::reauthenticating;
  }
  /// Whether it is up, its login neither being renewed nor over, and it has not ended as
  /// far as is known.
  [[nodiscard]] bool takes_requests() const {
    return state_ == state::up && !session_over_ && !ending_ && !outdated();
  }
  /// It is to be replaced once nothing is awaited on it, for that reason, which is not
  /// empty and outlives the connection.
  void note_outdated(std::string_view why) { outdated_ = why; }
  [[nodiscard]] bool outdated() const { return !outdated_.empty(); }
  /// Why it is to be replaced; empty: it is not.
  [[nodiscard]] std::string_view why_outdated() const { return outdated_; }
  /// A request was refused, for the connection has ended: that is about to be told.
  void note_ending() { ending_ = true; }
  [[nodiscard]] const endpoint& address() const { return address_; }
  /// -1 while the broker at this address is not known by number.
  [[nodiscard]] broker_id broker() const { return broker_; }
  [[nodiscard]] protocol::lane lane() const { return lane_; }
  /// The connection that `connecting` began; 0 while down.
  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  [[nodiscard]] const version_table& versions() const { return versions_; }
  /// The features in force in the whole cluster, as this broker has told them in its
  /// handshake (KIP-584).
  [[nodiscard]] const finalized_features& features() const { return features_; }
  [[nodiscard]] const error& last_error() const { return last_error_; }
  [[nodiscard]] std::size_t in_flight() const { return sent_.size(); }
  /// Since when it is up with nothing on it.
  [[nodiscard]] std::optional<time_point> idle_since() const {
    return takes_requests() && sent_.empty() ? std::optional{used_at_} : std::nullopt;
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
  void set_address(endpoint address);
  /// Ends what is not up yet, and connects to another address next time, at once.
  void move_to(time_point now, endpoint address);

  /// Whether its broker listens elsewhere now: it takes no more requests.
  [[nodiscard]] bool retired() const { return retired_; }
  void retire() { retired_ = true; }
  /// The calls that wait for an answer on it.
  [[nodiscard]] std::vector<call_id> awaited() const;

  /// When metadata was asked for here, in the dispatcher's count; 0 for never.
  [[nodiscard]] std::uint64_t turn() const { return turn_; }
  void set_turn(std::uint64_t turn) { turn_ = turn; }

  /// The release of a broker that does not tell its versions, as far as it shows, on a
  /// connection that is up.
  [[nodiscard]] std::optional<kafka_version> old_release() const {
    return up() && old_ ? std::optional{old_->release} : std::nullopt;
  }
  /// The same for other connections to the same broker; nothing when they are to ask.
  [[nodiscard]] std::optional<old_broker> found_old(time_point now) const {
    return up() && old_ && now < old_->check_at ? old_ : std::nullopt;
  }
  /// Whether the next connection goes on with what this one began: finding out how old
  /// the broker is, or which login it takes.
  [[nodiscard]] bool in_doubt() const {
    return state_ == state::down
      && (next_ != approach::ask || (login_ && login_->goes_on()));
  }

  /// Lets a link that is down connect again at once.
  void retry_now(time_point now) { retry_at_ = now; }

  /// A connection attempt began. `old`: what another connection to the same broker, which
  /// is up, has found out.
  void connecting(time_point now, std::uint64_t connection,
    std::optional<old_broker> old = std::nullopt);

  /// The connection stands: the handshake begins, or is not needed.
  [[nodiscard]] event connected(time_point now);

  /// Credentials came, or why there are none, after `credentials_wanted`. `share`: of the
  /// session's life, after which the login is renewed.
  [[nodiscard]] event on_credentials(
    time_point now, result<sasl::login> with, double share);

  /// How far the first login is; empty: none is under way.
  [[nodiscard]] std::string login_stage() const;
  /// The mechanism of the login that made it up; nothing without one.
  [[nodiscard]] std::optional<sasl::mechanism> authenticated_by() const {
    return up() && login_ ? std::optional{login_->mechanism()} : std::nullopt;
  }
  /// Who has logged in; empty: nobody, or it is not known.
  [[nodiscard]] std::string authenticated_as() const {
    return up() && login_ ? login_->principal() : std::string{};
  }
  /// When the broker ends the session; nothing: never.
  [[nodiscard]] std::optional<time_point> session_ends() const {
    return up() && login_ ? login_->session_ends() : std::nullopt;
  }

  /// When `on_time` must be called at the latest.
  [[nodiscard]] std::optional<time_point> next_time() const;

  /// Goes on with the handshake, renews the login, or is outdated, if the time for that
  /// has come.
  [[nodiscard]] event on_time(time_point now);

  /// Notes, before `down`, that it was the broker who ended the connection; adds to `why`
  /// what that may mean.
  void hung_up(time_point now, error& why);

  /// Whether the connection that has just ended was one that agreed on versions and then
  /// ended at the first request, as a broker's does that wants a login.
  [[nodiscard]] bool wants_login() const { return wants_login_; }

  /// The correlation id that the next request must carry.
  [[nodiscard]] std::int32_t next_correlation_id() const { return next_correlation_id_; }

  /// A request with `next_correlation_id` went out; a call that waits for no answer is
  /// not noted. `size` is the request's, in bytes.
  void on_sent(time_point now, call_id call, const call::traits& what,
    std::int16_t version, std::size_t size = 0);

  /// The request with this id did not go out after all.
  void withdraw(std::int32_t correlation_id);

  /// Bytes arrive of a frame that is not whole yet, `received` of `expected` so far, or,
  /// where both are zero, bytes of a request leave: the broker is alive. An error means
  /// that the connection is of no more use.
  [[nodiscard]] event on_progress(
    time_point now, std::size_t received, std::size_t expected);

  /// The answer that is arriving, as far as `on_progress` told of it.
  [[nodiscard]] const std::optional<arrival>& arriving() const { return arriving_; }

  /// A frame came; an error means that the connection is of no more use.
  [[nodiscard]] event received(time_point now, const shared_bytes& payload);

  /// The broker reads nothing from the connection until then, for a quota.
  void mute(quotas::hold why) {
    if (why.until > muted_.until)
      muted_ = why;
  }
  /// Until when it reads nothing, and why; what is past counts as nothing.
  [[nodiscard]] const quotas::hold& muted() const { return muted_; }
  /// What the answer that ended the handshake said of a quota, in milliseconds.
  [[nodiscard]] std::int32_t handshake_throttle() const { return handshake_throttle_; }

  /// The answer to this call, which was sent with this id, is not awaited any more.
  void abandon(call_id call, std::int32_t correlation_id);

  /// Whether answers under way, which are not awaited, would keep the next one
  /// waiting: a large one is arriving, or one is outstanding that may rest at the broker.
  [[nodiscard]] bool clogged() const;

  /// When the link is considered dead unless something is heard: bytes are enough.
  [[nodiscard]] std::optional<time_point> silent_until(
    std::chrono::milliseconds socket_timeout) const;

  /// The connection is gone: returns what was on it, and sets when to try again.
  template <class Generator>
  std::vector<sent_request> down(
    time_point now, error why, const backoff_options& reconnect, Generator& random) {
    // A connection that answered something may be made again at once; one that never did
    // counts as a failure even if it stood, so that no peer can make us spin. Finding out
    // how old a broker is takes some connections and ends in one or the other.
    auto orphans = closed(std::move(why));
    retry_at_ = now;
    if (useful_)
      failures_ = 0;
    else if (!in_doubt())
      retry_at_ += backoff(reconnect, ++failures_, random);
    return orphans;
  }

  /// The connection was ended because it was `clogged`: the next one may be made at once.
  void let_go(time_point now);

private:
  /// How a connection begins.
  enum class approach : std::uint8_t { ask, try_heartbeat, try_list_offsets, assume_old };

  std::vector<sent_request> closed(error why);
  [[nodiscard]] event versions_known(time_point now);
  [[nodiscard]] event made_up(std::optional<frame> last = {});
  [[nodiscard]] event renew(time_point now);
  [[nodiscard]] event on_login_time(time_point now);
  [[nodiscard]] event send_first_message(time_point now);
  [[nodiscard]] event send_token(time_point now, const secret& token);
  [[nodiscard]] event login_answer(time_point now, const shared_bytes& payload);
  [[nodiscard]] event login_goes_on(
    time_point now, const sasl_authenticate_response& said);
  [[nodiscard]] std::optional<time_point> login_time() const;
  [[nodiscard]] std::optional<time_point> renewal_at() const;
  [[nodiscard]] bool bare_exchange() const;
  [[nodiscard]] event use(time_point now, kafka_version release);
  void assume_old(kafka_version release);
  [[nodiscard]] std::optional<time_point> check_at() const;
  // Sends a request of the handshake; its correlation id goes into `id`.
  template <class Request>
  [[nodiscard]] event send(
    time_point now, const Request& request, std::int16_t version, std::int32_t& id);
  [[nodiscard]] event ask(time_point now, std::int16_t version);
  [[nodiscard]] event try_heartbeat(time_point now);
  [[nodiscard]] event try_list_offsets(time_point now);
  [[nodiscard]] event versions_answer(time_point now, const shared_bytes& payload);
  [[nodiscard]] event trial_answer(time_point now, const shared_bytes& payload);
  void hung_up_when_up(error& why);

  endpoint address_;
  broker_id broker_;
  protocol::lane lane_;
  std::string client_id_;
  state state_ = state::down;
  std::uint64_t connection_ = 0;
  std::int32_t next_correlation_id_ = 1;
  std::optional<kafka_version> told_;
  approach approach_ = approach::ask;
  approach next_ = approach::ask;
  // What this or the next connection is about.
  std::optional<old_broker> old_;
  // Of what hang-ups have shown last; zero: ApiVersions was answered since.
  std::chrono::seconds pause_{0};
  // ApiVersions, and a request that old brokers know, on their way; 0 for none.
  std::int32_t asked_ = 0;
  std::int32_t tried_ = 0;
  api_key tried_api_ = api_key::heartbeat;
  time_point asked_at_; ///< Of the first of them that is not answered.
  std::int16_t handshake_version_ = 0;
  version_table versions_;
  finalized_features features_;
  std::deque<sent_request> sent_;
  time_point heard_at_;
  time_point used_at_; // By a call.
  std::optional<connection_login> login_;
  std::int32_t login_id_ = 0; // The login's request on its way; 0 for none.
  bool session_over_ = false;
  std::optional<arrival> arriving_;
  quotas::hold muted_{};
  std::int32_t handshake_throttle_ = 0;
  time_point retry_at_;
  bool useful_ = false;
  bool ending_ = false;
  std::string_view outdated_; ///< Why; empty for not.
  bool wanted_ = false;
  bool retired_ = false;
  bool wants_login_ = false;
  // The size of the large request that the broker hung up on the last time; 0 for none.
  std::size_t hung_up_on_ = 0;
  std::uint64_t turn_ = 0;
  std::uint32_t failures_ = 0;
  error last_error_;
};

template <class Request>
broker_connection::event broker_connection::send(
  time_point now, const Request& request, std::int16_t version, std::int32_t& id) {
  id = next_correlation_id_++;
  if (sent_.empty())
    asked_at_ = now;
  sent_.push_back({id, 0, version, now, std::chrono::milliseconds{0}, 0});
  auto bytes = encode_request(request, version, id, client_id_);
  if (!bytes)
    return bytes.error();
  return reply{*std::move(bytes)};
}

} // namespace cafka::protocol
