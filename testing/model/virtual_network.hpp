#pragma once

#include "../../protocol/endpoint.hpp"
#include "../../protocol/result.hpp"
#include "fake_cluster.hpp"

#include <functional>
#include <map>
#include <set>
#include <variant>

namespace cafka::testing {

/// The way between a client without I/O and a fake cluster, in virtual time: what the
/// client wants done goes in, what happens to it comes out.
///
/// Bytes of a connection arrive in their order. A client's loop turns like this: do what
/// the client's effects say; then let the time jump to the nearer `next_time` of both,
/// and hand on what comes out.
class virtual_network {
public:
  using connection_id = fake_cluster::connection_id;

  struct came_up {
    connection_id connection = 0;
  };
  struct came_frame {
    connection_id connection = 0;
    protocol::shared_bytes frame; ///< Behind its length.
  };
  struct went_down {
    connection_id connection = 0;
    protocol::error why;
  };
  using event = std::variant<came_up, came_frame, went_down>;

  explicit virtual_network(fake_cluster& cluster) : cluster_(cluster) {}

  // -- what the client does
  // ---------------------------------------------------------------

  void connect(time_point now, connection_id id, const protocol::endpoint& to);
  void send(time_point now, connection_id id, const protocol::frame& bytes);
  /// What is on its way to the broker arrives; what comes from it does not.
  void disconnect(time_point now, connection_id id);

  // -- what happens
  // -----------------------------------------------------------------------

  /// At the cluster as well.
  [[nodiscard]] time_point next_time() const;
  /// What has happened by now, in its order.
  [[nodiscard]] std::vector<event> on_time(time_point now);

  /// The connection breaks, and what is on its way in both directions is lost.
  void cut(time_point now, connection_id id);

  /// How long bytes take, and the first packets of a connection; asked for each.
  std::function<std::chrono::milliseconds()> latency = [] {
    return std::chrono::milliseconds{1};
  };

private:
  struct line {
    std::int32_t broker = 0;
    time_point last_there; ///< When what was sent last arrives.
    time_point last_back;
    bool up = false;
  };

  void at(time_point when, std::function<void(time_point)> what) {
    agenda_.emplace(when, std::move(what));
  }
  void hand_back(time_point now);
  void lose(connection_id id, protocol::error why);

  fake_cluster& cluster_;
  std::map<connection_id, line> lines_;
  std::set<connection_id> cut_;
  std::multimap<time_point, std::function<void(time_point)>> agenda_;
  std::vector<event> events_;
};

} // namespace cafka::testing
