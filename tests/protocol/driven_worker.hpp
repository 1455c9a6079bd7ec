#pragma once

#include "driven_client.hpp"
#include <cafka/protocol/calls/all.hpp>
#include <cafka/protocol/clients/worker_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

/// How a client finds this cluster.
inline cafka::protocol::dispatcher_options to(
  const cafka::testing::fake_cluster& cluster, std::uint64_t seed) {
  cafka::protocol::dispatcher_options options;
  for (const auto broker : cluster.brokers())
    options.brokers.push_back(cluster.address(broker));
  options.seed = seed;
  return options;
}

/// A worker's client on a fake cluster.
struct driven_worker : driven_client<cafka::protocol::worker_client> {
  explicit driven_worker(cafka::testing::fake_cluster& cluster, std::uint64_t seed = 1,
    std::optional<std::string> group = std::nullopt)
    : driven_client(cluster, options_of(cluster, seed, std::move(group))) {
    on_effect = [](effect& e) {
      std::get<std::unique_ptr<cafka::protocol::ready_reply>>(e)->deliver();
    };
    client().start(now());
  }

  static cafka::protocol::worker_client_options options_of(
    cafka::testing::fake_cluster& cluster, std::uint64_t seed,
    std::optional<std::string> group) {
    cafka::protocol::worker_client_options options;
    options.name = "worker";
    options.cluster = to(cluster, seed);
    options.defaults.consumer_group = std::move(group);
    return options;
  }

  /// Submits a request; `reply` is called with its outcome.
  template <class Request, class OnReply>
  void submit(Request request, OnReply reply) {
    client().submit({now(), cafka::timestamp{std::chrono::seconds{1}}},
      std::move(request),
      cafka::reply_function<cafka::reply_of<Request>>{std::move(reply)});
  }

  /// Waits for it.
  template <class Request>
  cafka::result<cafka::reply_of<Request>> ask(Request request) {
    std::optional<cafka::result<cafka::reply_of<Request>>> got;
    submit(std::move(request),
      [&](cafka::result<cafka::reply_of<Request>> reply) { got = std::move(reply); });
    REQUIRE(run(std::chrono::hours{1}, [&] { return got.has_value(); }));
    return *std::move(got);
  }
};
