#pragma once

#include "worker.hpp"
#include <cafka/protocol/clients/stream_client.hpp>

#include <deque>
#include <optional>
#include <string>

namespace cafka::simulate {

/// How a stream and its consumer behave.
struct stream_settings {
  protocol::stream_client_options options;
  duration longest_pause = std::chrono::milliseconds{300};
};

/// A stream's client, the worker that it asks, and a consumer that grants credit, is done
/// with batches later, and starts it again when it has ended.
///
/// Promises: batches come in order, without a gap and each record once; nothing is
/// committed that the consumer was not done with; a stream ends with a reason.
class stream final : public actor {
public:
  stream(world& w, std::string name, stream_settings settings, worker& asked);

  [[nodiscard]] time_point next_alarm() const override { return alarm_; }
  void on_alarm() override;
  void begin() override;
  void set_busy(bool busy) override;
  std::string waits_for() override;
  void check() override;
  void stop() override;
  void gone() override;
  void crash() override;

private:
  using client_type = protocol::stream_client;

  void start();
  void turn(const std::function<void(client_type&)>& event);
  void act(stream_batch& x);
  void act(stream_end& x);
  void act(client_type::finished&);
  template <class Request>
  void act(Request& request);
  void work();
  void finish();

  stream_settings with_;
  worker& asked_;
  const place where_;
  std::optional<client_type> client_;
  std::uint64_t incarnation_ = 0;
  time_point alarm_ = time_point::max();
  /// Batches that the consumer has and is not done with.
  std::deque<log_offset> held_;
  /// What comes next; nothing: that is not known yet.
  std::optional<std::int64_t> next_;
  /// The farthest that the consumer ever was done with.
  std::int64_t done_ = 0;
  /// The first that this incarnation was handed.
  std::int64_t began_ = 0;
  /// Of the log: those that a jump has been explained by, and those at the last
  /// hand-over.
  std::uint64_t disturbances_ = 0;
  std::uint64_t seen_ = 0;
  world::truth truth_{};
  time_point last_message_;
  bool busy_ = false;
  bool stopping_ = false;
  bool ended_ = false;
};

} // namespace cafka::simulate
