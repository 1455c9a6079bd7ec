#pragma once

#include "../defaults.hpp"
#include "../log_level.hpp"
#include "broker_connection.hpp"
#include "cluster.hpp"
#include "connection_reports.hpp"
#include "effects.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace cafka::protocol {

/// How a dispatcher behaves.
struct dispatcher_options {
  /// Where to ask first; must not be empty.
  std::vector<endpoint> brokers;
  std::string client_id = defaults::client_id;
  /// The release of the brokers, which then are not asked for their versions.
  std::optional<protocol::kafka_version> kafka_version;
  /// The deadline of a call that has none of its own.
  std::chrono::milliseconds request_timeout = defaults::request_timeout;
  /// How long a broker may leave a request without a byte of its answer before the
  /// connection is considered dead.
  std::chrono::milliseconds socket_timeout = defaults::socket_timeout;
  /// How often metadata of the topics in use is asked for; zero means only when needed.
  std::chrono::milliseconds metadata_max_age = defaults::metadata_max_age;
  /// How often the coordinators in use are asked for; zero means only when needed.
  std::chrono::milliseconds coordinator_query_interval =
    defaults::coordinator_query_interval;
  /// A topic or coordinator not used for so long is not asked about any more.
  std::chrono::milliseconds topic_idle = defaults::topic_idle;
  /// How long a topic or partition that brokers do not know is asked for again: it may be
  /// new.
  std::chrono::milliseconds unknown_topic_wait = defaults::unknown_topic_wait;
  /// Topics to ask about from the start.
  std::vector<std::string> initial_topics;
  /// The longest that a client pauses because of what one answer says of a quota.
  std::chrono::milliseconds max_throttle = defaults::max_throttle;
  /// Most connections to one broker for requests that rest there; beyond that they share.
  std::size_t max_resting = 64;
  /// Such a connection is closed when it was not used for so long.
  std::chrono::milliseconds resting_idle{30'000};
  backoff_options reconnect_backoff = defaults::reconnect;
  backoff_options retry_backoff = defaults::retry;
  /// With which mechanism to log in: the first that the broker has enabled. None: there
  /// is no login.
  std::vector<sasl::mechanism> sasl_mechanisms;
  /// What was derived from passwords; null: a store of the dispatcher's own.
  std::shared_ptr<sasl::scram_keys> sasl_keys;
  /// After a login that failed.
  backoff_options login_backoff = defaults::login;
  /// Most calls at a time; one more is refused with `queue_full`.
  std::size_t max_pending = defaults::max_pending;
  /// The lowest level that `log_line` is made for.
  log_level tell_from = log_level::off;
  /// Seeds the jitter and the choice of the first broker.
  std::uint64_t seed = 0;
};

/// Decides what a client of one cluster does next: which broker to connect to, which call
/// to send where and in which version, when to ask for metadata and coordinators, what to
/// try again and what to give up.
///
/// Events go in with the time; what is to be done comes out as effects. Every call that
/// was submitted comes out exactly once, with its outcome, at its deadline at the latest.
class dispatcher {
public:
  /// One connection, for people.
  struct connection_info {
    broker_id broker;
    endpoint address;
    bool up = false;
    std::size_t in_flight = 0;
    error last_error;
    /// Until when a quota of the broker holds requests back, the longest of several; what
    /// is past counts as nothing.
    time_point held_until;
    /// How it has logged in; nothing without a login.
    std::optional<sasl::mechanism> mechanism;
    /// When the broker ends the session, unless it is renewed; nothing: never.
    std::optional<time_point> session_ends;
    /// As whom it has logged in; empty where that is not known.
    std::string principal = {};
  };

  /// How many logins there were.
  struct login_counts {
    std::uint64_t authentications = 0;   ///< Of new connections.
    std::uint64_t failures = 0;          ///< Of these and of renewals.
    std::uint64_t reauthentications = 0; ///< Renewed in place.
  };

  explicit dispatcher(dispatcher_options options);
  ~dispatcher();

  /// Begins: connects and asks for metadata.
  void start(time_point now);

  /// Takes a call. A deadline of zero in its traits means `request_timeout`.
  void submit(time_point now, std::unique_ptr<call> what);

  /// Connects, also when no call wants it, if no broker can be asked.
  void want_connection(time_point now);

  void on_up(time_point now, std::uint64_t connection);
  void on_frame(time_point now, std::uint64_t connection, const shared_bytes& payload);
  /// Bytes of an answer arrive that is not whole yet, `received` of `expected` so far; or
  /// bytes of a request leave, where both are zero.
  void on_progress(
    time_point now, std::uint64_t connection, std::size_t received, std::size_t expected);
  /// The connection is to be replaced: it takes no further request, and ends when nothing
  /// is awaited on it.
  void on_outdated(time_point now, std::uint64_t connection);
  void on_down(time_point now, std::uint64_t connection, const error& why);
  void on_time(time_point now);
  /// Credentials came that were asked for, or why there are none.
  void on_credentials(time_point now, std::uint64_t connection, result<sasl::login> with);

  /// A frame that was to be sent could not: `closed`, its connection has ended, which is
  /// about to be told; otherwise too many bytes wait to be written there.
  void on_refused(time_point now, const send_frame& what, bool closed);
  /// All effects that were taken are carried out; what was refused has been told.
  void on_carried_out(time_point now);
  /// Whether `on_carried_out` has anything to do.
  [[nodiscard]] bool waits_for_carrying_out() const { return !unanswered_.empty(); }

  /// When `on_time` must be called at the latest.
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  /// What is to be done, in this order.
  [[nodiscard]] std::vector<client_effect> take_effects() {
    return std::exchange(effects_, {});
  }

  /// Ends every call with `why` and every connection; nothing is taken afterwards.
  void shut_down(const error& why);

  [[nodiscard]] const cluster& known() const { return cluster_; }
  /// Whether a broker can be asked now.
  [[nodiscard]] bool connected() const { return up_links_ > 0; }
  [[nodiscard]] std::size_t pending() const { return calls_.size() - own_calls_; }
  [[nodiscard]] std::vector<connection_info> connections() const;
  /// Whom a connection leads to; -1: that is not known.
  [[nodiscard]] broker_id broker_at(std::uint64_t connection) const;
  [[nodiscard]] login_counts logins_so_far() const;
  /// Why no broker can be asked, each address with its reason.
  [[nodiscard]] std::string why_disconnected() const;
  /// Whether each address has failed in a way that waiting does not mend, and none has
  /// answered since: refused, not resolved, without the TLS or the login that it wants.
  [[nodiscard]] bool unreachable() const;

private:
  class metadata_call;
  class coordinator_call;

  enum class waits_for : std::uint8_t {
    nothing,
    connection,
    metadata,
    leader,
    topic,
    partition,
    coordinator,
    broker,
    quota,
    retry
  };

  struct pending_call {
    std::unique_ptr<call> what;
    time_point submitted;
    std::uint64_t refreshes = 0; // That had begun by then.
    time_point deadline;
    time_point not_before;
    broker_connection* on = nullptr; // Where it is in flight.
    time_point sent_at;
    std::size_t sent_bytes = 0;
    std::int16_t version = 0;
    std::int32_t sent_as = 0;
    std::uint32_t attempts = 0;
    bool own = false; // The dispatcher asks for itself.
    waits_for waiting = waits_for::nothing;
    broker_id waiting_broker = -1;
    throttle held_for; // What held it back last, and whose it was.
    broker_id held_by = -1;
    error last_error;
  };

  struct coordinator_use {
    time_point last_used;
    bool wanted = false;
    call_id lookup = 0;    // The FindCoordinator under way.
    time_point found_at;   // When the last one ended.
    time_point not_before; // The next one, after failures.
    time_point next_lookup = time_point::max();
    std::uint32_t failures = 0;
    std::uint32_t in_vain = 0; // Found so often since one could be reached.
    error refused;             // Why no waiting can help, as of `found_at`.
    broker_id told = -1;       // The coordinator that was told of last.
  };

  struct lookup_outcome {
    coordinator_of what;
    error outcome;
  };

  // The last is 0, except in the lane `resting`.
  using link_key = std::tuple<broker_id, lane, std::uint32_t>;
  using calls = std::unordered_map<call_id, pending_call>;

  // Where a call can go now: a link that is up; null after noting what it waits for; or
  // why no waiting can help.
  using route = result<broker_connection*>;

  route find_route(time_point now, pending_call& c);
  [[nodiscard]] std::string no_address_of(broker_id id) const;
  // `held`: those that a quota holds back are asked only when there are no others.
  [[nodiscard]] broker_connection* least_busy(time_point now, api_key key) const;
  [[nodiscard]] const quotas::hold* held(
    time_point now, const broker_connection& l, api_key key) const;
  void apply_throttle(
    time_point now, broker_connection& from, api_key key, const throttle& what);
  // Once it is sent, if its deadline does not count what quotas cost.
  void extend(call_id id, pending_call& c, std::chrono::milliseconds by);
  [[nodiscard]] static std::string quota_text(broker_id of, const throttle& what);
  [[nodiscard]] std::chrono::milliseconds silence_of(const broker_connection& l) const;
  route route_to_any(time_point now, pending_call& c);
  route route_to_broker(time_point now, pending_call& c, broker_id id);
  route route_to_controller(time_point now, pending_call& c);
  route route_to_leader(time_point now, pending_call& c, const leader_of& where);
  route route_to_coordinator(time_point now, pending_call& c, const coordinator_of& what);
  route wait_for(pending_call& c, waits_for what, broker_id broker = -1);

  // Sends the call or leaves it waiting.
  void try_send(time_point now, calls::iterator at);
  void transmit(time_point now, calls::iterator at, broker_connection& to);
  void deliver(time_point now, broker_connection& from,
    const broker_connection::answer& a, const shared_bytes& payload);
  void apply_remedy(const broker_connection& from, const target& where, remedy what);
  void try_again(time_point now, calls::iterator at, error why);
  void finish(calls::iterator at, error outcome);
  void end(std::unique_ptr<call> what, error outcome);
  void expire(time_point now, calls::iterator at);
  // When an answer is considered lost that is arriving, of a call that waits for it.
  [[nodiscard]] time_point arriving_until(const pending_call& c, call_id id) const;
  // Ends a connection that is of no use, and whose broker is not to blame.
  void let_go(time_point now, broker_connection& l);
  [[nodiscard]] std::string why_waiting(const pending_call& c) const;
  [[nodiscard]] std::string why_no_connection(const pending_call& c) const;
  [[nodiscard]] std::string why_no_coordinator(const pending_call& c) const;
  call_id submit_own(time_point now, std::unique_ptr<call> what);

  void advance(time_point now);
  void dispatch_waiting(time_point now);
  void want_metadata() { cluster_.topics().want_all(); }
  // For a waiting call: it looks again when the refresh under way has ended.
  void need_metadata() {
    if (!cluster_.topics().asking())
      want_metadata();
  }
  static topic_directory_options directory_options(const dispatcher_options& of);
  void use_topic(time_point now, const std::string& topic, bool create);
  // Whether metadata that was asked for after the call was submitted has come.
  [[nodiscard]] bool asked_since(const pending_call& c) const {
    return refreshed_ > c.refreshes;
  }
  void refresh(time_point now);
  void refreshed(time_point now);
  void adopt_seed();
  [[nodiscard]] broker_connection* next_to_tell(time_point now) const;
  void note_asked(time_point now, broker_connection& to, const pending_call& c);
  void reach_out(time_point now);
  void look_up(time_point now);
  void looked_up(time_point now);
  void look_up_those_due(time_point now);
  void note_unreachable(time_point now, broker_id id);
  void plan_lookup(time_point now, coordinator_use& use);
  void note_answer(time_point now, const broker_connection& from, const pending_call& c);
  void plan_release(time_point now);
  void release_idle(time_point now);
  void drop_idle_coordinators(time_point now);

  broker_connection& link_to(broker_id id, const endpoint& address, lane l);
  broker_connection& resting_link_to(broker_id id, const endpoint& address);
  void close_idle_links(time_point now);
  std::unique_ptr<broker_connection> make_link(
    const endpoint& address, broker_id broker, lane l);
  void connect(time_point now, broker_connection& l);
  void handle(time_point now, broker_connection& l, broker_connection::event event,
    const shared_bytes& payload);
  [[nodiscard]] const std::vector<endpoint>& places();
  void connect_seed(time_point now);
  void lose(time_point now, broker_connection& l, const error& why);
  void drop_connection(broker_connection& l, std::string_view why);
  [[nodiscard]] error judged(broker_connection& l, const error& why);
  void refuse_waiting(const broker_connection& l, const error& why);
  [[nodiscard]] bool refused_everywhere(const error& why) const;
  void check_addresses(time_point now);
  void retire(
    time_point now, std::unique_ptr<broker_connection> l, const endpoint* address);
  void end_retired();
  void replace_outdated(time_point now);

  // What a log may want; see `log_line`.
  [[nodiscard]] bool tells(log_level level) const { return level >= options_.tell_from; }
  void tell(log_level level, std::string text);
  void tell_connecting(const broker_connection& l);
  void tell_handshake(const broker_connection& l, std::size_t bytes);
  void tell_up(const broker_connection& l);
  void tell_renewed(const broker_connection& l);
  void tell_put_off(time_point now, const broker_connection& l, const error& why);
  void tell_lost(time_point now, const broker_connection& l, const error& why,
    bool was_up, std::size_t in_flight);
  void tell_closing(const broker_connection& l, std::string_view why);
  void tell_recovered(time_point now, const broker_connection& l);
  void tell_answered(time_point now, const broker_connection& from, const pending_call& c,
    std::size_t bytes, const error& outcome);
  void tell_unanswered(time_point now, const pending_call& c);
  void tell_pause(
    time_point now, const broker_connection& from, std::chrono::milliseconds time);
  void tell_cluster_news();
  void tell_coordinator(const coordinator_of& what, broker_id& told, broker_id now);

  [[nodiscard]] broker_connection* by_connection(std::uint64_t connection) const;
  // Those that take requests.
  template <class F>
  void each_link(F f) const {
    if (seed_ != nullptr)
      f(*seed_);
    for (const auto& [key, l] : broker_connections_)
      f(*l);
  }
  template <class F>
  void each_connection(F f) const {
    each_link(f);
    for (const auto& l : retired_)
      f(*l);
  }

  dispatcher_options options_;
  std::vector<client_effect> effects_;
  // Calls that no broker answers, whose frames may not have been taken yet.
  struct unanswered {
    call_id call = 0;
    connection_id on = 0;
  };
  std::vector<unanswered> unanswered_;
  cluster cluster_;
  std::minstd_rand random_;

  call_id last_call_ = 0;
  calls calls_;
  std::size_t own_calls_ = 0;
  std::vector<call_id> waiting_;
  std::set<std::pair<time_point, call_id>> deadlines_;

  std::uint64_t last_connection_ = 0;
  std::map<link_key, std::unique_ptr<broker_connection>> broker_connections_;
  // To addresses that their brokers have left, until nothing is awaited on them.
  std::vector<std::unique_ptr<broker_connection>> retired_;
  bool some_outdated_ = false;
  std::unordered_map<std::uint64_t, broker_connection*> connections_;
  // As of which `cluster::addresses` all this is.
  std::uint64_t addresses_seen_ = 0;
  // The first contact: goes through the bootstrap list and the known brokers in turn.
  std::unique_ptr<broker_connection> seed_;
  std::size_t seed_at_ = 0;
  std::size_t seed_tried_ = 0;
  std::vector<endpoint> places_;
  std::uint64_t places_as_of_ = 0;
  std::map<endpoint, error> seed_errors_;
  // How often in a row a broker there wanted a login.
  std::map<endpoint, std::uint32_t> hang_ups_;
  client_logins logins_;
  std::size_t up_links_ = 0;
  connection_reports reports_;

  std::optional<error> refresh_outcome_;
  std::uint64_t refreshes_ = 0; // Begun.
  std::uint64_t refreshed_ = 0; // Which of them brought the last answer.
  // The connection that the last answer came on.
  std::uint64_t metadata_from_ = 0;
  // How often in a row metadata was asked for again soon, and by which count.
  std::uint64_t turn_ = 0;
  std::size_t asked_in_row_ = 0;
  time_point asked_at_ = time_point::min();
  time_point reach_out_not_before_ = time_point::min();
  broker_id reached_out_to_ = -1;

  std::map<coordinator_of, coordinator_use> coordinators_;
  bool lookup_wanted_ = false;
  std::size_t lookups_ = 0;   // Under way.
  bool lookups_wait_ = false; // For one of them to end.
  // When coordinators are looked through for those not used any more.
  time_point release_at_ = time_point::max();
  std::vector<lookup_outcome> looked_up_;
  // When the first of the coordinators in use is to be asked for again.
  time_point next_lookup_ = time_point::max();

  quotas quotas_;
  bool any_extends_ = false; // Some calls have deadlines that do not count quotas.

  // Something happened that may let a waiting call go.
  bool changed_ = false;
  // When the first of the waiting calls may be tried again.
  time_point retry_at_ = time_point::max();
  bool shut_ = false;
};

} // namespace cafka::protocol
