#pragma once

#include "scripted_peer.hpp"
#include <cafka/actors/transport/asio_transport.hpp>
#include <cafka/actors/worker/worker.hpp>
#include <cafka/protocol/schema/codec.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace cafka::testing {

using namespace std::chrono_literals;

/// A Kafka broker's answers, as far as a worker's first steps need them.
///
/// It says that it is broker 1, alone, that it leads partition 0 of every topic, and that
/// the log there ends at offset 42.
class honest_broker {
public:
  explicit honest_broker(protocol::endpoint address) : address_(std::move(address)) {}

  /// The frame that answers this request, with its length; nothing for a request that
  /// wants no answer.
  [[nodiscard]] std::optional<bytes> answer(const bytes& request) const;

  /// What the request asks for.
  [[nodiscard]] static protocol::api_key key_of(const bytes& request);
  [[nodiscard]] static std::int32_t correlation_id_of(const bytes& request);

  /// From now on every session is honest, also one that has begun otherwise.
  void reform() { reformed_ = true; }
  [[nodiscard]] bool reformed() const { return reformed_; }

private:
  protocol::endpoint address_;
  std::atomic<bool> reformed_ = false;
};

/// A peer and the broker that it may play.
class scripted_broker {
public:
  using session = scripted_peer::session;

  /// A session from its beginning to its end, at which the connection is closed.
  using script = std::function<void(session&, const honest_broker&)>;

  /// The first `misbehaving` sessions follow `script`; after them the peer is honest.
  explicit scripted_broker(script misbehave, std::size_t misbehaving = SIZE_MAX,
    scripted_peer::settings how = {});

  /// An honest one; port zero picks a free one.
  explicit scripted_broker(std::uint16_t port = 0)
    : scripted_broker({}, 0, {.port = port}) {}

  [[nodiscard]] protocol::endpoint address() const { return peer_.address(); }
  [[nodiscard]] scripted_peer& peer() { return peer_; }

  /// How many requests of an API came.
  [[nodiscard]] std::size_t asked(protocol::api_key key) const;

  /// From now on it is honest: in sessions to come, and where the script asks.
  void reform() { honest_->reform(); }

private:
  void serve(session& s);

  script script_;
  std::size_t misbehaving_;
  std::atomic<bool> ready_ = false;
  std::optional<honest_broker> honest_;
  scripted_peer peer_;
};

/// An actor system, a transport and workers on it that give up soon.
struct worker_fixture {
  worker_fixture();
  ~worker_fixture();

  /// A worker with short times, so that tests are quick, which asks about the topic
  /// `topic` from the start.
  worker_actor worker(std::vector<protocol::endpoint> uris);
  /// Ends a worker and waits until it has ended.
  void stop(const worker_actor& w);

  /// Asks from this thread; a caf::error, which means that the worker is gone, is the
  /// error `worker_down`.
  result<listed_offset> latest(const worker_actor& w, milliseconds deadline);
  result<produced> produce_one(
    const worker_actor& w, milliseconds deadline, std::int16_t acks = -1);
  result<worker_status> status(const worker_actor& w);

  caf::actor_system_config config;
  caf::actor_system system;
  std::shared_ptr<actors::asio_transport_factory> factory;
  std::vector<worker_actor> workers;
};

} // namespace cafka::testing
