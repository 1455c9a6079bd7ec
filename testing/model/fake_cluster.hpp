#pragma once

#include "apis/api.hpp"
#include "exchange.hpp"
#include "state.hpp"

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cafka::testing {

/// A Kafka cluster without network, threads or a clock: requests in, answers out, and the
/// time as an argument.
///
/// It answers as brokers of the chosen release do, each API as its file in `apis/` says.
/// All replicas of a partition have the same log at any time, and those whose broker is
/// alive are in sync. A connection's requests are worked on one by one: the next one
/// waits until the answer before it has left, as with a real broker. A request that
/// cannot be read, or is of a version that the broker does not know, ends its connection.
///
/// The contract is that of all machines: after an event or a control the owner takes the
/// effects, and it comes back by `next_time`.
class fake_cluster {
public:
  using connection_id = std::uint64_t;
  static constexpr int always = testing::always;

  /// Bytes for a client, or the end of its connection.
  struct effect {
    connection_id connection = 0;
    /// With the length in front; empty: the connection ends.
    protocol::shared_bytes bytes;

    [[nodiscard]] bool hangs_up() const { return bytes.empty(); }
    /// The answer behind its length.
    [[nodiscard]] protocol::shared_bytes payload() const {
      return bytes.slice(sizeof(std::int32_t), bytes.size());
    }
  };

  explicit fake_cluster(cluster_options options = {});

  // -- events ---------------------------------------------------------------------------

  /// Whether somebody listens at a broker's address.
  [[nodiscard]] bool listens(std::int32_t broker) const {
    return state_of(broker).alive(broker);
  }

  /// A connection is open, whose number the caller chooses; its first frame tells that
  /// as well.
  void on_connect(time_point now, std::int32_t broker, connection_id connection);
  /// A frame came, without its length.
  void on_request(time_point now, std::int32_t broker, connection_id connection,
    protocol::shared_bytes frame);
  /// The client has closed its connection. What was being worked on is done all the same.
  void on_disconnect(time_point now, connection_id connection);
  void on_time(time_point now);

  [[nodiscard]] time_point next_time() const;
  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

  /// Whether a connection's next request would be worked on at once.
  [[nodiscard]] bool is_free(connection_id connection) const;

  /// A request without a connection, answered at once: what waits does not, and only
  /// hooks for answers apply. Nothing where the broker gives no answer.
  template <class Request>
  std::optional<typename Request::response> ask(
    time_point now, std::int32_t broker, const Request& request, std::int16_t version);

  // -- what happens to requests and answers
  // -----------------------------------------------

  /// Looks at requests of an API, at each once, and may decide about them.
  template <class Request>
  void on(std::function<void(exchange<Request>&)> how, int times = always) {
    exchanges_.push_back({Request::key,
      [how = std::move(how)](
        const seen_request& seen, const void* request, ruling& said) {
        exchange<Request> one{seen, *static_cast<const Request*>(request), said};
        how(one);
      },
      times});
  }

  /// The same for who knows the types by the API's number alone.
  void on(protocol::api_key key,
    std::function<void(const seen_request&, const void* request, ruling&)> how,
    int times = always) {
    exchanges_.push_back({key, std::move(how), times});
  }

  /// Decides on each request of an API, or without one on every request.
  void treat(std::optional<protocol::api_key> key,
    std::function<treatment(const seen_request&)> how, int times = always);
  /// So many requests of an API become of that.
  void treat(protocol::api_key key, treatment how, int times = 1);

  /// Answers in the cluster's place; what it returns nothing for is served.
  template <class Request>
  void answer(std::function<std::optional<typename Request::response>(
      const seen_request&, const Request&)>
      how);

  /// Changes answers before they leave: a lie, or a fault.
  template <class Request>
  void change(
    std::function<void(const seen_request&, const Request&, typename Request::response&)>
      how);

  /// Changes the bytes of answers, the length included.
  void change_bytes(
    std::function<void(const seen_request&, std::vector<std::byte>&)> how);

  /// Refuses so many requests of an API, with an error wherever the answer has a place.
  void fail(protocol::api_key key, protocol::error_code why, int times = 1);

  /// Throttles so many requests of an API, as a quota does: the answer says so, and the
  /// connection is not read from for that time; in versions of old the answer leaves that
  /// much later (KIP-219).
  void throttle(protocol::api_key key, std::chrono::milliseconds time, int times = 1);

  /// So many answers, of those that it can be told in, are this lie.
  void lie(answer_lie how, int times = 1) { lies_[how] = times; }
  /// How many lies were told.
  [[nodiscard]] std::size_t lies_told() const { return lies_told_; }

  /// No request is treated specially any more.
  void be_well();

  // -- brokers --------------------------------------------------------------------------

  /// The broker is gone at once: its connections end, others lead.
  void kill(std::int32_t broker);
  /// It is back, leads what nobody else leads, and knows of each producer the last batch.
  void restart(std::int32_t broker);
  /// Takes requests and says nothing, until `resume`.
  void pause(std::int32_t broker);
  void resume(std::int32_t broker);
  /// Each answer of the broker leaves so much later.
  void slow(std::int32_t broker, std::chrono::milliseconds by);
  void cut(connection_id connection);
  /// All connections to a broker.
  void cut_all(std::int32_t broker);
  void set_address(std::int32_t broker, protocol::endpoint where);
  void set_rack(
    std::int32_t broker, std::optional<std::string> rack, std::int64_t behind = 0);
  /// Whether the broker waits for the bytes that a Fetch asks for; all do at first.
  void set_waits(std::int32_t broker, bool waits) { at(broker).waits = waits; }
  /// How many fetch sessions a broker keeps; 1,000 at first, zero: none.
  void set_session_limit(std::int32_t broker, std::size_t limit) {
    at(broker).sessions.limit = limit;
  }
  void set_release(std::int32_t broker, protocol::kafka_version release);
  /// Of an API all brokers know only these versions; an empty range: none.
  void limit(protocol::api_key key, protocol::version_range versions);
  /// -1 for none.
  void move_controller(std::int32_t broker) { state_.controller = broker; }
  /// -1 for none. The type is that of FindCoordinator: 0 a group, 1 a transaction.
  void move_coordinator(std::int8_t type, const std::string& key, std::int32_t broker) {
    state_.coordinators[{type, key}] = broker;
    ++state_.changes;
  }
  /// All keys have other coordinators, those that were moved too.
  void rehash_coordinators();
  /// The network between brokers breaks, and the smaller side, or of two that are equal
  /// that without the controller, goes on with what it knew; a broker that is not named
  /// belongs to the other. The controls of topics, logs and coordinators are those of the
  /// larger side, which cannot make a broker of the smaller one a leader.
  void partition(
    const std::vector<std::int32_t>& one, const std::vector<std::int32_t>& other);
  /// All brokers reach each other again, and know what the larger side knows.
  void heal();

  // -- topics and logs ------------------------------------------------------------------

  // -- logins

  /// A user has this password from now on; logins that hold go on.
  void set_password(const std::string& user, std::string password) {
    state_.options.sasl.users[user] = std::move(password);
  }
  void remove_user(const std::string& user) { state_.options.sasl.users.erase(user); }
  /// The mechanisms that brokers have enabled from now on.
  void enable_mechanisms(std::vector<std::string> all) {
    state_.options.sasl.mechanisms = std::move(all);
  }
  /// What brokers do wrong in logins from now on.
  void lie_in_logins(login_lie how) { state_.lie = how; }
  /// Who has logged in on a connection; empty: nobody.
  [[nodiscard]] std::string user_of(connection_id connection) const;

  /// Zero: what the options say. Partition p's first replica is the p-th broker, who
  /// leads.
  void create_topic(const std::string& name, std::int32_t partitions = 0,
    std::int16_t replication_factor = 0, std::map<std::string, std::string> configs = {});
  void delete_topic(const std::string& name);
  /// Deletes a topic and makes it anew, with another id, empty.
  void remake_topic(const std::string& name);
  [[nodiscard]] protocol::uuid topic_id(const std::string& name);
  /// How many partitions a topic has; zero: there is none of that name.
  [[nodiscard]] std::int32_t partitions(const std::string& name);

  /// In a new epoch; -1 for none. A broker that was no replica becomes one.
  void move_leader(const std::string& topic, std::int32_t partition, std::int32_t broker);
  [[nodiscard]] std::int32_t leader(const std::string& topic, std::int32_t partition);
  [[nodiscard]] std::int32_t epoch(const std::string& topic, std::int32_t partition);
  /// An epoch of choice, also one that goes back, as after a restored backup.
  void set_epoch(const std::string& topic, std::int32_t partition, std::int32_t epoch);

  [[nodiscard]] const fake_log& log(const std::string& topic, std::int32_t partition);
  /// Appends as a producer without idempotence; returns the first offset.
  protocol::log_offset append(const std::string& topic, std::int32_t partition,
    const std::vector<protocol::record>& records,
    protocol::codec compression = protocol::codec::none);
  /// Appends a batch as it stands: a transaction's, say.
  protocol::log_offset append_batch(const std::string& topic, std::int32_t partition,
    const protocol::shared_bytes& batch);
  /// Drops what lies at an offset or behind it, as an unclean election does.
  void truncate(
    const std::string& topic, std::int32_t partition, protocol::log_offset end);
  /// Drops what lies before an offset, as retention does.
  void trim(const std::string& topic, std::int32_t partition, protocol::log_offset start);
  /// Lets a log begin at an offset, empty.
  void skip(
    const std::string& topic, std::int32_t partition, protocol::log_offset offset);
  /// Brokers know no producer any more, as when their ids have expired.
  void forget_producers();
  /// Brokers know of each producer the last batch, as when all have been started anew.
  void forget_all_but_last();
  /// Brokers know of producers the epoch alone, as once when the records were removed.
  void forget_batches();

  // -- what there was -------------------------------------------------------------------

  /// Requests so far, of one API and of all.
  [[nodiscard]] std::size_t asked(protocol::api_key key) const;
  [[nodiscard]] std::size_t asked() const { return asked_; }
  [[nodiscard]] const cluster_options& options() const { return state_.options; }
  /// Topics by name.
  [[nodiscard]] std::vector<std::string> topics() const;
  /// What a group has committed for a partition.
  [[nodiscard]] std::optional<protocol::log_offset> committed(
    const std::string& group, const std::string& topic, std::int32_t partition) const;
  /// -1 for none; the type as of `move_coordinator`.
  [[nodiscard]] std::int32_t coordinator(std::int8_t type, const std::string& key) const {
    return state_.coordinator(type, key);
  }
  /// The broker that a connection leads to.
  [[nodiscard]] std::optional<std::int32_t> broker_of(connection_id connection) const;
  /// What time of the day it is at `now`; times in logs that are there already stay.
  void set_time_of_day(time_point now, protocol::timestamp time);
  [[nodiscard]] protocol::endpoint address(std::int32_t broker) const;
  [[nodiscard]] std::vector<std::int32_t> brokers() const;
  /// The broker that listens there; nothing for an address of nobody.
  [[nodiscard]] std::optional<std::int32_t> broker_at(
    const protocol::endpoint& where) const;
  [[nodiscard]] std::size_t sessions(std::int32_t broker) const;
  /// Ends the fetch sessions of a broker.
  void forget_sessions(std::int32_t broker);

private:
  struct connection {
    std::int32_t broker = 0;
    std::deque<protocol::shared_bytes> queue;
    /// The answer that leaves, or the end that comes, at a time.
    struct leaving {
      time_point at;
      protocol::shared_bytes bytes;
      /// Whether the connection ends behind it.
      bool last = false;
    };
    std::optional<leaving> pending;
    /// A request that waits; true once it does not.
    std::function<bool(time_point now)> again;
    seen_request waits;
    /// What hooks have said about it.
    ruling said;
    /// The queue's first has waited, and hooks have said this about it.
    std::optional<ruling> said_before;
    time_point until = time_point::max();
    /// What had changed when it was asked last.
    std::uint64_t seen_changes = 0;
    time_point muted_until = time_point::min();
    fake_login login;
    /// Nothing comes any more.
    bool stuck = false;

    [[nodiscard]] bool busy() const {
      return stuck || pending.has_value() || again != nullptr;
    }
  };

  struct exchange_hook {
    protocol::api_key key;
    std::function<void(const seen_request&, const void* request, ruling&)> how;
    int times = always;
  };
  struct hook {
    std::optional<protocol::api_key> key;
    std::function<treatment(const seen_request&)> how;
    int times = always;
  };
  /// Of a type that only who made them knows; the answer's says whether there is one.
  using answer_hook = std::function<bool(const seen_request&, const void*, void*)>;
  using change_hook = std::function<void(const seen_request&, const void*, void*)>;
  struct counted {
    protocol::error_code code = protocol::error_code::none;
    std::chrono::milliseconds time{0};
    int times = 0;
  };

  void settle(time_point now);
  bool settle(time_point now, connection_id id, connection& c);
  void work_on(time_point now, connection_id id, connection& c);
  void work_on(const seen_request& seen, protocol::reader& body, connection& c);
  void answer_unknown(const seen_request& seen, connection& c);
  void answer_bare(time_point now, connection& c, const protocol::shared_bytes& message);
  [[nodiscard]] treatment treatment_of(const seen_request& seen);
  [[nodiscard]] ruling ruling_of(const seen_request& seen, const void* request);
  template <class Request>
  void serve(const seen_request& seen, protocol::reader& body, connection& c);
  template <class Request>
  outcome<typename Request::response> outcome_of(const seen_request& seen,
    const Request& request, const ruling& said, fake_login* login = nullptr,
    bool anew = false);
  template <class Request>
  void finish(const seen_request& seen, const Request& request,
    typename Request::response response, connection& c, const ruling& said);
  void leave(const seen_request& seen, std::vector<std::byte> bytes, connection& c,
    treatment how, std::chrono::milliseconds throttle, bool mute);
  void count_lie(int& times);
  void end(connection& c, time_point at);
  std::optional<counted> due(
    std::map<protocol::api_key, counted>& all, protocol::api_key key);
  void set_versions(fake_broker& b);
  [[nodiscard]] const fake_state& state_of(std::int32_t broker) const {
    return apart_ && apart_->cut_off.contains(broker) ? *apart_ : state_;
  }
  fake_state& state_of(std::int32_t broker) {
    return apart_ && apart_->cut_off.contains(broker) ? *apart_ : state_;
  }
  fake_broker& at(std::int32_t broker) { return state_of(broker).brokers.at(broker); }
  [[nodiscard]] const fake_broker& at(std::int32_t broker) const {
    return state_of(broker).brokers.at(broker);
  }
  [[nodiscard]] bool is_apart(std::int32_t broker) const {
    return &state_of(broker) != &state_;
  }
  [[nodiscard]] bool leads_apart(const fake_topic& topic, std::size_t partition) const;
  void lose(std::int32_t broker);
  void regain(std::int32_t broker);
  void work_anew(const std::set<std::int32_t>& brokers);
  fake_partition& find_partition(const std::string& topic, std::int32_t partition);
  protocol::log_offset append_to(fake_partition& p, const protocol::shared_bytes& batch);

  fake_state state_;
  /// The side of a broken network that goes on with what it knew.
  std::optional<fake_state> apart_;
  time_point now_ = time_point::min();
  std::map<connection_id, connection> connections_;
  std::vector<effect> effects_;
  std::vector<exchange_hook> exchanges_;
  std::vector<hook> hooks_;
  std::multimap<protocol::api_key, answer_hook> answers_;
  std::multimap<protocol::api_key, change_hook> changes_;
  std::vector<std::function<void(const seen_request&, std::vector<std::byte>&)>> bytes_;
  std::map<protocol::api_key, counted> failing_;
  std::map<protocol::api_key, counted> throttled_;
  std::map<answer_lie, int> lies_;
  std::size_t lies_told_ = 0;
  std::map<protocol::api_key, protocol::version_range> limits_;
  std::map<protocol::api_key, std::size_t> asked_by_key_;
  std::size_t asked_ = 0;
};

template <class Request>
void fake_cluster::answer(std::function<std::optional<typename Request::response>(
    const seen_request&, const Request&)>
    how) {
  answers_.emplace(Request::key,
    [how = std::move(how)](
      const seen_request& seen, const void* request, void* response) {
      auto said = how(seen, *static_cast<const Request*>(request));
      if (!said)
        return false;
      *static_cast<typename Request::response*>(response) = *std::move(said);
      return true;
    });
}

template <class Request>
void fake_cluster::change(
  std::function<void(const seen_request&, const Request&, typename Request::response&)>
    how) {
  changes_.emplace(Request::key,
    [how = std::move(how)](
      const seen_request& seen, const void* request, void* response) {
      how(seen, *static_cast<const Request*>(request),
        *static_cast<typename Request::response*>(response));
    });
}

template <class Request>
outcome<typename Request::response> fake_cluster::outcome_of(const seen_request& seen,
  const Request& request, const ruling& said, fake_login* login, bool anew) {
  using response_type = typename Request::response;
  if (said.answer)
    return *static_cast<const response_type*>(said.answer.get());
  if (said.error)
    return refuse(request, seen.header.version, *said.error);
  const auto [first, last] = answers_.equal_range(Request::key);
  for (auto at = first; !anew && at != last; ++at) {
    typename Request::response response;
    if (at->second(seen, &request, &response))
      return response;
  }
  if (const auto failing = anew ? std::nullopt : due(failing_, Request::key))
    return refuse(request, seen.header.version, failing->code);
  return handle(request_context{state_of(seen.broker), at(seen.broker), seen.now,
                  seen.header.version, seen.header.client_id.value_or(""), login},
    request);
}

template <class Request>
std::optional<typename Request::response> fake_cluster::ask(
  time_point now, std::int32_t broker, const Request& request, std::int16_t version) {
  using response_type = typename Request::response;
  seen_request seen;
  seen.now = now;
  seen.broker = broker;
  seen.header.key = Request::key;
  seen.header.version = version;
  ++asked_;
  ++asked_by_key_[Request::key];
  auto out = outcome_of(seen, request, {});
  std::optional<response_type> response;
  if (auto* waits = std::get_if<waiting<response_type>>(&out))
    response = waits->again(waits->until);
  else if (auto* ready = std::get_if<response_type>(&out))
    response = std::move(*ready);
  if (!response)
    return response;
  const auto [first, last] = changes_.equal_range(Request::key);
  for (auto at = first; at != last; ++at)
    at->second(seen, &request, &*response);
  return response;
}

} // namespace cafka::testing
