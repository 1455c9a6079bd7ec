#pragma once

#include "fixture.hpp"
#include <cafka/actors/transport/asio_transport.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace cafka::testing {

/// Passes connections on to a broker, and resets each after a time by chance.
class cutting_proxy {
public:
  cutting_proxy(endpoint broker, milliseconds shortest, milliseconds longest);
  ~cutting_proxy();
  cutting_proxy(const cutting_proxy&) = delete;
  cutting_proxy& operator=(const cutting_proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int cuts() const { return cuts_; }
  /// What the broker answers is lost from now on, or no longer.
  void lose_answers(bool lose) { loses_answers_ = lose; }

private:
  void run();
  void pass_on(int client);

  endpoint broker_;
  milliseconds shortest_;
  milliseconds longest_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> cuts_ = 0;
  std::atomic<bool> loses_answers_ = false;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
};

/// Connects to a proxy of each broker in place of the broker.
class cut_connections final : public actors::transport_factory {
public:
  cut_connections(milliseconds shortest, milliseconds longest)
    : shortest_(shortest), longest_(longest) {}

  std::unique_ptr<actors::transport> open(const endpoint& peer,
    const actors::transport_options& options, caf::weak_actor_ptr owner,
    actors::connection_id id) override;

  [[nodiscard]] int cuts() const;
  /// Of every broker that there is a connection to.
  void lose_answers(bool lose);

private:
  milliseconds shortest_;
  milliseconds longest_;
  actors::asio_transport_factory sockets_;
  mutable std::mutex mutex_;
  std::map<endpoint, std::unique_ptr<cutting_proxy>> proxies_;
};

} // namespace cafka::testing
