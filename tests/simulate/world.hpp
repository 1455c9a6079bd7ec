#pragma once

#include "agenda.hpp"
#include "ledger.hpp"
#include "network.hpp"
#include "trace.hpp"
#include <cafka/protocol/result.hpp>
#include <cafka/protocol/sasl/credentials.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka::simulate {

class world;

/// Whoever lives in the world: a client with the program that uses it.
class actor {
public:
  actor(world& w, std::string name);
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;
  virtual ~actor() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }

  /// When it is to be woken, by the world's clock.
  [[nodiscard]] virtual time_point next_alarm() const { return time_point::max(); }
  virtual void on_alarm() {}

  /// It begins, and its program with it.
  virtual void begin() = 0;
  /// Its program asks for nothing new, and waits for what it has asked for; or it goes
  /// on.
  virtual void set_busy(bool busy) = 0;
  /// What it still waits for; empty: nothing.
  [[nodiscard]] virtual std::string waits_for() = 0;
  /// How many requests of its program have no answer yet: each may cost one, and a
  /// connection.
  [[nodiscard]] virtual std::size_t outstanding() const { return 0; }
  /// Compares what must hold at any time.
  virtual void check() {}
  /// Ends in order; `waits_for` says until when, and then `gone` that nothing is left.
  virtual void stop() = 0;
  virtual void gone() {}

  // -- faults ---------------------------------------------------------------------------

  /// Its clock jumps forward.
  virtual void jump(duration) {}
  /// It does nothing for so long.
  virtual void stall(duration) {}
  [[nodiscard]] virtual time_point stalled_until() const { return time_point{}; }
  /// It crashes at the next opportunity, and is started again.
  virtual void crash() {}
  /// What was to happen to it does not.
  virtual void calm() {}

protected:
  world& world_;
  random_source random_;

private:
  const std::string name_;
  const std::uint32_t number_;
};

/// Requests and connections of a client, within a second.
struct traffic {
  std::int64_t second = -1;
  std::uint32_t requests = 0;
  std::uint32_t connections = 0;
  std::uint32_t most_requests = 0;
  std::uint32_t most_connections = 0;
  std::size_t most_outstanding = 0; ///< Within that second.
};

/// A cluster, a network, and clients, in a time of their own.
class world {
public:
  world(std::uint64_t seed, testing::cluster_options options);

  const std::uint64_t seed;
  random_source random;
  time_point now = time_point{} + std::chrono::hours{1};
  trace story;
  agenda plan;
  testing::fake_cluster cluster;
  network net;
  ledger book;
  std::vector<std::unique_ptr<actor>> actors;
  /// By the actors' numbers.
  std::vector<traffic> flows;
  std::uint64_t steps = 0;

  // -- logins, where the cluster wants them

  const std::string user = "user";
  /// What programs know.
  std::string password = "password";
  bool has_credentials = true;
  protocol::result<protocol::sasl::login> credentials();

  // -- what answers may be wrong because of

  /// Brokers do not reach each other, or do again.
  void note_split(bool broken) {
    is_split_ = broken;
    ++splits_;
  }
  [[nodiscard]] bool is_split() const { return is_split_; }
  /// So many answers were lies, or another request's.
  [[nodiscard]] std::size_t lies_told() const {
    return cluster.lies_told() + net.swapped();
  }
  /// A broker has said that another leads, in an epoch that does not come: an earlier one
  /// counts after a minute.
  bool lied_about_leaders = false;
  /// Changes with whatever makes answers wrong.
  struct truth {
    std::uint64_t splits = 0;
    bool is_split = false;
    std::size_t lies = 0; ///< Or answers on another connection than theirs.
    friend bool operator==(const truth&, const truth&) = default;
  };
  [[nodiscard]] truth truth_now() const { return {splits_, is_split_, lies_told()}; }
  /// Whether all that was answered since then must be true.
  [[nodiscard]] bool all_true_since(const truth& then) const {
    return !is_split_ && then == truth_now();
  }

  void later(duration by, std::function<void()> what) {
    plan.at(now + by, std::move(what));
  }
  [[nodiscard]] timestamp time_of_day() const {
    return timestamp{std::chrono::milliseconds{1'700'000'000'000}}
    + std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
  }

  /// Lets the time go on for so long at most, or until `done`; whether it came to that.
  bool run(duration at_most, const std::function<bool()>& done);
  void run(duration for_so_long) {
    static_cast<void>(run(for_so_long, [] { return false; }));
  }

  void count_request(const actor& of);
  /// One of them has brought what it was for: those that have not are what makes a storm.
  void count_success(const actor& of);
  void count_connection(const actor& of);

private:
  traffic& flow_of(const actor& of);

  std::uint64_t steps_at_once_ = 0;
  bool is_split_ = false;
  std::uint64_t splits_ = 0;
  std::uint64_t nonces_ = 0;
};

} // namespace cafka::simulate
