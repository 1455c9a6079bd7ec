#pragma once

#include "scripted_peer.hpp"
#include <cafka/actors/transport/asio_transport.hpp>
#include <cafka/actors/type_ids.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <memory>

namespace cafka::testing {

using actors::transport;
using actors::transport_options;
using namespace std::chrono_literals;

/// What the owner of a connection was told, for a test to wait on.
class inbox {
public:
  void told(const actors::transport_up& m);
  void told(actors::transport_frames& m);
  void told(const actors::transport_progress& m);
  void told(const actors::transport_outdated& m);
  void told(const actors::transport_down& m);

  /// False when it does not happen within 20 s.
  bool wait_up();
  /// Whether it is the first of both.
  bool wait_up_or_down();
  bool wait_frames(std::size_t count);
  bool wait_down();
  bool wait_outdated();
  [[nodiscard]] std::size_t outdated() const;

  [[nodiscard]] std::vector<protocol::shared_bytes> frames() const;
  [[nodiscard]] std::size_t frame_count() const;
  /// How many `transport_frames` brought them.
  [[nodiscard]] std::size_t frame_messages() const;
  [[nodiscard]] std::vector<actors::transport_progress> progress() const;
  bool wait_progress(std::size_t count);
  /// Until the owner was told that so much of a frame has arrived.
  bool wait_received(std::size_t size);
  [[nodiscard]] std::size_t downs() const;
  [[nodiscard]] protocol::error reason() const;
  /// Whether nothing came after `transport_down`, nor from another connection.
  [[nodiscard]] bool in_order() const;
  void expect(actors::connection_id id) { id_ = id; }
  /// All messages so far.
  [[nodiscard]] std::size_t messages() const;

private:
  template <class Predicate>
  bool wait(Predicate p);
  void note(actors::connection_id id);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  actors::connection_id id_ = 1;
  bool up_ = false;
  std::vector<protocol::shared_bytes> frames_;
  std::size_t frame_messages_ = 0;
  std::size_t messages_ = 0;
  std::vector<actors::transport_progress> progress_;
  std::size_t downs_ = 0;
  std::size_t outdated_ = 0;
  protocol::error reason_;
  bool in_order_ = true;
};

/// An actor system with a transport factory.
struct transport_fixture {
  explicit transport_fixture(
    unsigned threads = 1, actors::resolver r = actors::system_resolver);

  /// An actor that writes into `box` and ends on the exit message.
  caf::actor owner(const std::shared_ptr<inbox>& box);

  caf::actor_system_config config;
  caf::actor_system system;
  actors::asio_transport_factory factory;
};

/// A connection with its owner and inbox.
struct wired_owner {
  wired_owner(transport_fixture& f, const protocol::endpoint& peer,
    const transport_options& options = {});
  ~wired_owner();
  wired_owner(const wired_owner&) = delete;
  wired_owner& operator=(const wired_owner&) = delete;

  transport::send_status send(protocol::byte_view payload);

  std::shared_ptr<inbox> box = std::make_shared<inbox>();
  caf::actor owner;
  std::unique_ptr<transport> wire;
};

/// `size` bytes that differ from those of another seed.
[[nodiscard]] bytes pattern(std::size_t size, std::uint32_t seed = 1);

/// The frame that carries `payload`, its prefix in a part of its own.
[[nodiscard]] protocol::frame frame_of(protocol::byte_view payload);

} // namespace cafka::testing
