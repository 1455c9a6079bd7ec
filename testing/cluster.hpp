#pragma once

#include "../protocol/endpoint.hpp"
#include "../protocol/records/batch_builder.hpp"
#include "../protocol/schema/api_key.hpp"
#include "model/cluster_options.hpp"
#include "model/exchange.hpp"
#include "model/logged_record.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::actors {

class transport_factory;

} // namespace cafka::actors

namespace cafka::testing {

struct cluster_core;
class clock;
class fake_cluster;

/// How a cluster listens on ports.
struct listen_options {
  /// The address that it binds to, and that it tells clients: of IPv4, in numbers.
  std::string host = "127.0.0.1";
  /// The first broker's port; the others have the next ones. Zero: any that are free.
  std::uint16_t port = 0;
};

/// A Kafka cluster in this process, for tests: its brokers answer as those of the chosen
/// release do, keep their logs in memory, and fail when they are told to.
///
/// An application reaches it without sockets, with `{.brokers = c.bootstrap(),
/// .transports = c.transports()}`; any other client on loopback, after `listen`. A topic
/// is made when it is first asked about, or by `create_topic`.
///
/// Every function may be called from any thread, and from within a hook. There, one that
/// returns nothing takes effect once the hook's request has been dealt with.
class cluster {
public:
  /// Brokers are up from the start.
  explicit cluster(cluster_options options = {});
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;
  /// Ends all connections, and closes its ports.
  ~cluster();

  // -- the way to it --------------------------------------------------------------------

  /// Where its brokers are, as `host:port,host:port`; other addresses after `listen`.
  [[nodiscard]] std::string bootstrap() const;

  /// Connections without sockets, for `application_options::transports`. They last as
  /// long as the cluster, take no time, and have no TLS: with it they end with
  /// `tls_failed`. The cluster's clock is then that of the actor system.
  [[nodiscard]] std::shared_ptr<actors::transport_factory> transports() const;

  /// Time by hand, for actor systems whose configuration it was set in (`clock::set_in`):
  /// with connections of `transports` the cluster has that time, too.
  [[nodiscard]] testing::clock& clock();

  /// Listens on ports from now on, for any client; a thread of its own serves them, and
  /// the cluster's clock is the steady one. Returns `bootstrap()`. A second call listens
  /// nowhere else.
  ///
  /// A broker that was killed refuses connections. Throws `std::system_error` when a port
  /// is not free, or the host is none.
  std::string listen(const listen_options& how = {});

  // -- requests -------------------------------------------------------------------------

  /// Calls `how` with each request of an API before it is worked on, or with so many;
  /// hooks are called in the order in which they were set, and none may throw. Example:
  ///
  ///     c.on<protocol::produce_request>([](auto& asked) {
  ///       if (asked.broker() == 1)
  ///         asked.fail(error_code::not_leader_or_follower);
  ///     });
  template <class Request>
  void on(std::function<void(exchange<Request>&)> how, int times = always) {
    hook(
      Request::key,
      [how = std::move(how)](const seen_request& seen, const void* asked, ruling& said) {
        exchange<Request> one{seen, *static_cast<const Request*>(asked), said};
        how(one);
      },
      times);
  }
  /// The same for the next request of the API alone.
  template <class Request>
  void once(std::function<void(exchange<Request>&)> how) {
    on<Request>(std::move(how), 1);
  }
  /// So many requests of an API are refused; the error stands wherever the answer has a
  /// place for one.
  template <class Request>
  void fail(protocol::error_code why, int times = 1) {
    on<Request>([why](exchange<Request>& asked) { asked.fail(why); }, times);
  }
  /// The same by the API's number.
  void fail(protocol::api_key key, protocol::error_code why, int times = 1);
  /// So many requests of an API are treated like this.
  void treat(protocol::api_key key, treatment how, int times = 1);
  /// So many requests of an API are throttled as by a quota: the answer says so, and the
  /// connection is not read from for that time (KIP-219).
  void throttle(protocol::api_key key, std::chrono::milliseconds time, int times = 1);
  /// So many answers are lies.
  void lie(answer_lie how, int times = 1);
  /// No hook, error, quota, lie or delay is left.
  void be_well();

  /// How many requests of an API came so far.
  [[nodiscard]] std::size_t asked(protocol::api_key key) const;
  /// How many requests came so far.
  [[nodiscard]] std::size_t asked() const;
  /// Waits until `done` is true, which is called whenever something has happened to the
  /// cluster. False: it is not by then, in real time.
  bool wait(const std::function<bool()>& done,
    std::chrono::milliseconds at_most = std::chrono::seconds{20}) const;

  // -- brokers --------------------------------------------------------------------------
  //
  // They throw `std::out_of_range` for a broker that there is not.

  /// The numbers of all brokers, also of those that are down.
  [[nodiscard]] std::vector<std::int32_t> brokers() const;
  /// Where a broker is.
  [[nodiscard]] protocol::endpoint address(std::int32_t broker) const;
  /// A broker is gone at once: its connections end, and replicas lead its partitions.
  void kill(std::int32_t broker);
  /// It is back, with its log, and leads what nobody else leads.
  void restart(std::int32_t broker);
  /// It takes requests and says nothing, until `resume`.
  void pause(std::int32_t broker);
  /// See `pause`.
  void resume(std::int32_t broker);
  /// Each of its answers leaves so much later; zero: no longer.
  void slow(std::int32_t broker, std::chrono::milliseconds by);
  /// Ends all its connections; it takes new ones.
  void cut(std::int32_t broker);
  /// Another broker is the controller; -1: none.
  void move_controller(std::int32_t broker);
  /// The broker that coordinates a consumer group; -1: none can.
  [[nodiscard]] std::int32_t coordinator(const std::string& group) const;
  /// Another broker coordinates a consumer group; -1: none.
  void move_coordinator(const std::string& group, std::int32_t broker);
  /// Groups and transactions get other coordinators, as where the topics of their offsets
  /// have other leaders: each that can have another one, if several brokers are up.
  void rehash_coordinators();
  /// The network between brokers breaks: those of one side do not reach those of the
  /// other. Programs reach both.
  ///
  /// The larger side goes on, with brokers that are not named; of two that are equal the
  /// one with the controller does. On the other side, until `heal`, brokers know what
  /// they knew: they answer with metadata of old, lead what they led, take records that
  /// no replica of the larger side needs, let others run into their timeouts, and make
  /// and remove no topics. What was written there for `acks` 1 alone is lost in the end,
  /// and groups find COORDINATOR_NOT_AVAILABLE.
  void partition(
    const std::vector<std::int32_t>& one, const std::vector<std::int32_t>& other);
  /// All brokers reach each other again.
  void heal();

  // -- topics and logs ------------------------------------------------------------------
  //
  // They throw `std::invalid_argument` for a topic or a partition that there is not.

  /// Makes a topic, with configs such as `max.message.bytes`. Zero: what the options say.
  /// Partition p's first replica, which leads, is the p-th broker, and so on in turn.
  void create_topic(const std::string& name, std::int32_t partitions = 0,
    std::int16_t replication_factor = 0, std::map<std::string, std::string> configs = {});
  /// Deletes a topic, if there is one.
  void delete_topic(const std::string& name);
  /// Deletes a topic and makes it anew, empty and with another id.
  void remake_topic(const std::string& name);
  /// The names of all topics, sorted.
  [[nodiscard]] std::vector<std::string> topics() const;
  /// The broker that leads a partition; -1: none.
  [[nodiscard]] std::int32_t leader(
    const std::string& topic, std::int32_t partition) const;
  /// Another broker leads a partition, in a new epoch; -1: none.
  void move_leader(const std::string& topic, std::int32_t partition, std::int32_t broker);

  /// All records of a partition that programs see, decompressed: also those of
  /// transactions that were aborted.
  [[nodiscard]] std::vector<logged_record> log(
    const std::string& topic, std::int32_t partition = 0) const;
  /// The first offset of a partition that is still there.
  [[nodiscard]] protocol::log_offset start(
    const std::string& topic, std::int32_t partition = 0) const;
  /// The offset that the next record will have.
  [[nodiscard]] protocol::log_offset end(
    const std::string& topic, std::int32_t partition = 0) const;
  /// Appends records as one batch of a producer without idempotence; returns the first
  /// one's offset. A record without a time gets the present.
  protocol::log_offset append(const std::string& topic, std::int32_t partition,
    std::vector<protocol::record> records,
    protocol::codec compression = protocol::codec::none);
  /// Drops what lies at an offset or behind it, as an unclean election does.
  void truncate(
    const std::string& topic, std::int32_t partition, protocol::log_offset end);
  /// Drops what lies before an offset, as retention does.
  void trim(const std::string& topic, std::int32_t partition, protocol::log_offset start);
  /// Brokers know no producer any more, as when their ids have expired.
  void expire_producer_ids();

  /// What a group has committed for a partition; nothing: it has not.
  [[nodiscard]] std::optional<protocol::log_offset> committed(
    const std::string& group, const std::string& topic, std::int32_t partition = 0) const;

private:
  void hook(protocol::api_key key,
    std::function<void(const seen_request&, const void* asked, ruling&)> how, int times);
  void control_of(std::int32_t broker, std::function<void(fake_cluster&)> use) const;

  struct doors;

  std::shared_ptr<cluster_core> core_;
  std::unique_ptr<doors> doors_;
};

} // namespace cafka::testing
