#pragma once

#include "../../actors/transport/transport.hpp"

#include <caf/actor_control_block.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <utility>

namespace cafka::cli {

/// Connections of another factory with a bug that can be switched on: the next frame that
/// one worker sends throws an exception in it.
class failing_transports final : public actors::transport_factory {
public:
  explicit failing_transports(std::shared_ptr<actors::transport_factory> real)
    : real_(std::move(real)) {}

  /// Lets the next frame of this worker fail, once.
  void fail_once(caf::actor_id worker) { *victim_ = worker; }

  std::unique_ptr<actors::transport> open(const actors::endpoint& peer,
    const actors::transport_options& options, caf::weak_actor_ptr owner,
    actors::connection_id id) override {
    const auto worker = owner.get() == nullptr ? caf::actor_id{0} : owner->id();
    return std::make_unique<connection>(
      real_->open(peer, options, std::move(owner), id), worker, victim_);
  }

private:
  using victim = std::shared_ptr<std::atomic<caf::actor_id>>;

  class connection final : public actors::transport {
  public:
    connection(
      std::unique_ptr<actors::transport> real, caf::actor_id worker, victim victim)
      : real_(std::move(real)), worker_(worker), victim_(std::move(victim)) {}

    send_status send(protocol::frame f) override {
      auto expected = worker_;
      if (worker_ != 0 && victim_->compare_exchange_strong(expected, 0))
        throw std::logic_error{"a bug, switched on by the demo"};
      return real_->send(std::move(f));
    }

    void grant(std::size_t bytes) override { real_->grant(bytes); }

    void close() override { real_->close(); }

  private:
    std::unique_ptr<actors::transport> real_;
    caf::actor_id worker_;
    victim victim_;
  };

  std::shared_ptr<actors::transport_factory> real_;
  victim victim_ = std::make_shared<std::atomic<caf::actor_id>>(0);
};

} // namespace cafka::cli
