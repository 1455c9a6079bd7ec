#include "transport_fixture.hpp"

#include <cafka/actors/interfaces.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>

namespace cafka::testing {

namespace {

bool register_types() {
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::init_global_meta_objects<caf::id_block::cafka>();
  caf::init_global_meta_objects<caf::id_block::cafka_operations>();
  caf::core::init_global_meta_objects();
  return true;
}

caf::behavior collector(const std::shared_ptr<inbox>& box) {
  return {
    [box](const actors::transport_up& m) { box->told(m); },
    [box](actors::transport_frames& m) { box->told(m); },
    [box](const actors::transport_progress& m) { box->told(m); },
    [box](const actors::transport_outdated& m) { box->told(m); },
    [box](const actors::transport_down& m) { box->told(m); },
  };
}

caf::actor_system_config& with_threads(caf::actor_system_config& config) {
  static const bool registered = register_types();
  static_cast<void>(registered);
  config.set("caf.scheduler.policy", "sharing");
  config.set("caf.scheduler.max-threads", std::size_t{2});
  return config;
}

} // namespace

// -- inbox ------------------------------------------------------------------------------

template <class Predicate>
bool inbox::wait(Predicate p) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, 20s, p);
}

void inbox::note(actors::connection_id id) {
  ++messages_;
  in_order_ = in_order_ && downs_ == 0 && id == id_;
  changed_.notify_all();
}

void inbox::told(const actors::transport_up& m) {
  const std::lock_guard lock{mutex_};
  note(m.id);
  in_order_ = in_order_ && !up_;
  up_ = true;
}

void inbox::told(actors::transport_frames& m) {
  const std::lock_guard lock{mutex_};
  note(m.id);
  in_order_ = in_order_ && up_ && !m.frames.empty();
  ++frame_messages_;
  for (auto& f : m.frames)
    frames_.push_back(std::move(f));
}

void inbox::told(const actors::transport_progress& m) {
  const std::lock_guard lock{mutex_};
  note(m.id);
  progress_.push_back(m);
}

void inbox::told(const actors::transport_outdated& m) {
  const std::lock_guard lock{mutex_};
  note(m.id);
  ++outdated_;
}

bool inbox::wait_outdated() {
  return wait([this] { return outdated_ > 0; });
}

std::size_t inbox::outdated() const {
  const std::lock_guard lock{mutex_};
  return outdated_;
}

void inbox::told(const actors::transport_down& m) {
  const std::lock_guard lock{mutex_};
  note(m.id);
  ++downs_;
  reason_ = m.reason;
}

bool inbox::wait_up() {
  return wait([this] { return up_; });
}

bool inbox::wait_up_or_down() {
  wait([this] { return up_ || downs_ > 0; });
  const std::lock_guard lock{mutex_};
  return up_;
}

bool inbox::wait_frames(std::size_t count) {
  return wait([&] { return frames_.size() >= count; });
}

bool inbox::wait_progress(std::size_t count) {
  return wait([&] { return progress_.size() >= count; });
}

bool inbox::wait_received(std::size_t size) {
  return wait([&] { return !progress_.empty() && progress_.back().received == size; });
}

bool inbox::wait_down() {
  return wait([this] { return downs_ > 0; });
}

std::vector<protocol::shared_bytes> inbox::frames() const {
  const std::lock_guard lock{mutex_};
  return frames_;
}

std::size_t inbox::frame_count() const {
  const std::lock_guard lock{mutex_};
  return frames_.size();
}

std::size_t inbox::frame_messages() const {
  const std::lock_guard lock{mutex_};
  return frame_messages_;
}

std::vector<actors::transport_progress> inbox::progress() const {
  const std::lock_guard lock{mutex_};
  return progress_;
}

std::size_t inbox::downs() const {
  const std::lock_guard lock{mutex_};
  return downs_;
}

protocol::error inbox::reason() const {
  const std::lock_guard lock{mutex_};
  return reason_;
}

bool inbox::in_order() const {
  const std::lock_guard lock{mutex_};
  return in_order_;
}

std::size_t inbox::messages() const {
  const std::lock_guard lock{mutex_};
  return messages_;
}

// -- fixture ----------------------------------------------------------------------------

transport_fixture::transport_fixture(unsigned threads, actors::resolver r)
  : system(with_threads(config)), factory(threads, std::move(r)) {
}

caf::actor transport_fixture::owner(const std::shared_ptr<inbox>& box) {
  return system.spawn([box](caf::event_based_actor*) { return collector(box); });
}

wired_owner::wired_owner(
  transport_fixture& f, const protocol::endpoint& peer, const transport_options& options)
  : owner(f.owner(box)),
    wire(f.factory.open(peer, options, caf::actor_cast<caf::weak_actor_ptr>(owner), 1)) {
}

wired_owner::~wired_owner() {
  wire.reset();
  if (owner != nullptr)
    cafka::post_exit(owner, caf::exit_reason::user_shutdown);
}

transport::send_status wired_owner::send(protocol::byte_view payload) {
  return wire->send(frame_of(payload));
}

bytes pattern(std::size_t size, std::uint32_t seed) {
  bytes result(size);
  for (auto& b : result) {
    seed = seed * 1664525u + 1013904223u;
    b = static_cast<std::byte>(seed >> 24);
  }
  return result;
}

protocol::frame frame_of(protocol::byte_view payload) {
  const auto all = framed(payload);
  protocol::frame f;
  f.parts.push_back(protocol::shared_bytes::copy_of(protocol::byte_view{all}.first(4)));
  if (!payload.empty())
    f.parts.push_back(protocol::shared_bytes::copy_of(payload));
  f.size = all.size();
  return f;
}

} // namespace cafka::testing
