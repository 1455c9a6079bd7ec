#pragma once

#include "agenda.hpp"
#include "trace.hpp"
#include <cafka/protocol/endpoint.hpp>
#include <cafka/testing/model/fake_cluster.hpp>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::simulate {

/// Connections between clients and the cluster: bytes take their time, in order, and
/// whatever happens to connections can happen at each of their bytes.
class network {
public:
  using number = testing::fake_cluster::connection_id;

  struct came_up {};
  struct came_frame {
    protocol::shared_bytes frame; ///< Behind its length.
  };
  struct came_progress {
    std::size_t received = 0;
    std::size_t expected = 0;
  };
  struct went_down {
    protocol::error why;
  };
  struct came_outdated {};
  using event =
    std::variant<came_up, came_frame, came_progress, came_outdated, went_down>;
  using receiver = std::function<void(event)>;

  /// How fast it is.
  struct pace {
    duration least = std::chrono::microseconds{100};
    duration most = std::chrono::milliseconds{2};
    /// Zero: bytes take no time.
    std::uint64_t bytes_per_second = 0;
  };

  /// The address at which any broker that is alive is found, as behind a name.
  static const protocol::endpoint bootstrap;

  network(testing::fake_cluster& cluster, agenda& plan, trace& story, time_point& now,
    random_source random)
    : cluster_(cluster), plan_(plan), story_(story), now_(now), random_(random) {}

  // -- clients --------------------------------------------------------------------------

  /// `tell` is called with what happens to the connection, until it went down or was
  /// closed.
  number connect(std::uint32_t client, const std::string& name,
    const protocol::endpoint& to, duration connect_timeout, receiver tell);
  enum class sent : std::uint8_t { queued, full, closed };
  sent send(number id, const protocol::frame& bytes);
  /// What is on its way to the broker arrives; what comes from it does not.
  void close(number id);

  // -- the world ------------------------------------------------------------------------

  /// Takes what the cluster has to say.
  void hand_back();

  pace speed;
  /// Most bytes that wait at a client to be sent on a connection.
  std::size_t write_queue_limit = 64 * 1024 * 1024;

  // -- faults ---------------------------------------------------------------------------

  [[nodiscard]] std::vector<number> connections() const;
  /// It breaks: what is on its way is lost. The client learns it so much later.
  void cut(number id, duration later);
  /// The same behind so many more bytes to the broker, or from it.
  void cut_after(number id, bool there, std::size_t bytes, duration later);
  /// The next answer on each of them comes on the other one, unless the client could take
  /// it there for what it waits for.
  void swap(number one, number other);
  /// How many answers came on another connection than theirs.
  [[nodiscard]] std::size_t swapped() const { return swapped_; }
  /// The client learns that the connection began with files that have changed.
  void outdate(number id);
  /// Nothing passes between a client and a broker until `unblock_all`.
  void block(std::uint32_t client, std::int32_t broker);
  void unblock_all();
  /// Connections that are of no more use go down at once: those that are over at one end,
  /// those on which something is under way that takes long, and those whose answer came
  /// on another.
  void end_half_open();

private:
  struct way {
    time_point free_at; ///< When what was sent last arrives.
    std::optional<std::size_t> cut_in;
    duration cut_told_later{};
  };
  struct line {
    std::uint32_t client = 0;
    std::string name;
    std::int32_t broker = -1;
    receiver tell; ///< Empty: the client has closed it, or knows that it is over.
    bool up = false;
    bool at_broker = true; ///< The broker's end is open.
    bool broken = false;   ///< Nothing passes any more.
    way there;
    way back;
    std::size_t waits = 0; ///< Bytes to the broker that have not arrived.
    std::deque<std::function<void(line&)>> held;
    /// What the client waits for, by its number.
    std::map<std::int32_t, protocol::api_key> asked;
    number answers_on = 0; ///< Where its next answer comes; zero: here.
    bool misses_answer = false;
  };

  duration latency() { return random_.between(speed.least, speed.most); }
  duration takes(std::size_t bytes) const;
  void arrive(number id, std::function<void(line&)> what);
  void at(time_point when, number id, std::function<void(line&)> what);
  template <class OnPart>
  void transfer(number id, line& mine, bool there, std::size_t size,
    std::function<void(line&)> whole, OnPart part);
  /// On which connection an answer comes.
  number way_of(number id, line& mine, const protocol::shared_bytes& answer);
  void end_at_broker(number id, line& mine);
  void go_down(number id, line& mine, protocol::error why);
  void break_off(number id, duration later);
  [[nodiscard]] bool is_blocked(const line& mine) const {
    return blocked_.contains({mine.client, mine.broker});
  }

  testing::fake_cluster& cluster_;
  agenda& plan_;
  trace& story_;
  time_point& now_;
  random_source random_;
  number last_ = 0;
  std::size_t swapped_ = 0;
  std::map<number, line> lines_;
  std::set<std::pair<std::uint32_t, std::int32_t>> blocked_;
};

} // namespace cafka::simulate
