#pragma once

#include "world.hpp"

#include <string>
#include <vector>

namespace cafka::simulate {

/// Which faults there are, each with its weight: zero, it does not happen.
struct trouble_settings {
  std::vector<std::string> topics;
  /// Between two faults, at most.
  duration longest_pause = std::chrono::seconds{2};
  unsigned cut = 10;        ///< Connections break.
  unsigned cut_within = 10; ///< The same at a byte of what is sent next.
  unsigned answer = 10;     ///< Answers are lost with their connection, or late.
  unsigned refuse = 5;      ///< Requests are refused for a while.
  unsigned throttle = 2;    ///< Quotas.
  unsigned slow = 5;        ///< The network, or a broker.
  unsigned kill = 5;        ///< Brokers die, and come back, perhaps elsewhere.
  unsigned pause = 5;       ///< Brokers stand still.
  unsigned partition = 5;   ///< Clients do not reach some brokers.
  unsigned split = 0;       ///< Brokers do not reach each other.
  unsigned lie = 0;         ///< Answers are lies.
  unsigned records = 0;     ///< Answers lie about records.
  unsigned swap = 0;        ///< Answers come on another connection than theirs.
  unsigned outdate = 0;     ///< Connections are to be replaced.
  unsigned login = 0;       ///< Passwords change, or are not there.
  unsigned lead = 10;       ///< Leaders move.
  unsigned session = 3;     ///< Fetch sessions, coordinators, controllers.
  unsigned truncate = 0;    ///< Unclean elections: what was acknowledged is lost.
  unsigned trim = 0;        ///< Retention.
  unsigned remake = 0;      ///< Topics are deleted and made anew.
  unsigned jump = 3;        ///< Clocks of clients.
  unsigned stall = 3;       ///< Clients stand still.
  unsigned crash = 3;       ///< Clients crash.
  unsigned group = 0;       ///< Coordinators refuse what members ask.
  /// Also of the consumer protocol.
  bool consumer_groups = false;
};

/// Does all that to a world, until it is to be well again.
class troubles {
public:
  troubles(world& w, trouble_settings settings);

  void begin();
  /// From now on all is well.
  void end();

private:
  struct kind {
    unsigned weight = 0;
    void (troubles::*happen)() = nullptr;
  };

  void next();
  void plan_next();
  /// Later, unless all is well by then.
  void later(duration by, std::function<void()> what);
  [[nodiscard]] std::int32_t some_broker();
  [[nodiscard]] place some_place();
  [[nodiscard]] actor& some_actor();
  void say(std::string_view what, std::int64_t about = 0);
  testing::answer_lie lie_by(const std::vector<testing::answer_lie>& one_of);

  void cut();
  void cut_within();
  void answer();
  void refuse();
  void throttle();
  void slow();
  void kill();
  void pause();
  void partition();
  void split();
  void heal();
  void lie();
  void lie_about_records();
  void swap();
  void outdate();
  void login();
  void lead();
  void session();
  void truncate();
  void trim();
  void remake();
  void jump();
  void stall();
  void crash();
  void group();

  world& world_;
  const trouble_settings with_;
  random_source random_;
  std::vector<kind> kinds_;
  unsigned weights_ = 0;
  std::uint64_t round_ = 0;
  bool on_ = false;
  /// Connections on which a broker says nothing any more.
  std::vector<network::number> hanging_;
  network::pace well_;
  /// What brokers take.
  std::string password_;
  std::uint64_t passwords_ = 0;
};

} // namespace cafka::simulate
