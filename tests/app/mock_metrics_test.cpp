// What docs/metrics.md says of the page that Prometheus reads.

#include "fixture_mock.hpp"

#include <caf/io/middleman.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace cafka;
using namespace cafka::testing;

namespace {

struct watched_config : configuration {
  watched_config() {
    load<caf::io::middleman>();
    // Any port that is free.
    set("caf.middleman.prometheus-http.port", std::uint16_t{0});
    set("caf.middleman.prometheus-http.address", std::string{"127.0.0.1"});
  }
};

/// What the page says now; empty: nobody listens.
std::string page_at(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string page;
  const std::string_view request = "GET /metrics HTTP/1.1\r\n\r\n";
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0
    && ::send(fd, request.data(), request.size(), MSG_NOSIGNAL)
      == static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> some{};
    for (ssize_t n = 0; (n = ::recv(fd, some.data(), some.size(), 0)) > 0;)
      page.append(some.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return page;
}

} // namespace

TEST_CASE("Prometheus' page has what producers and consumers count") {
  caf::io::middleman::init_global_meta_objects();
  mock_cluster cluster;
  const auto topic = cluster.create_topic("watched");
  watched_config config;
  caf::actor_system system{config};
  const auto port = system.middleman().prometheus_scraping_port();
  REQUIRE(port != 0);
  auto options = service::quiet();
  options.brokers = cluster.brokers();
  auto app = REQUIRE_VALUE(application::start(system, std::move(options)));
  producer_options named;
  named.name = "click stream, über {all}";
  const auto producer = REQUIRE_VALUE(app->producer(named));
  REQUIRE(producer.send(producer.to(topic), "one").status == error_code::none);
  REQUIRE(producer.flush(test_timeout));
  const auto consumer = REQUIRE_VALUE(app->consumer({.name = "clicks"}));

  std::string page;
  CHECK(eventually([&] {
    page = page_at(port);
    return page.find(
             "cafka_producer_records_total{producer=\"click stream, über {all}\"} 1 ")
      != std::string::npos;
  }));
  INFO(page);
  CHECK(page.find("cafka_consumer_records_total{consumer=\"clicks\"} 0 ")
    != std::string::npos);
}

TEST_CASE("a name that would make Prometheus' page unreadable is refused") {
  const auto name = GENERATE(std::string{}, "a\"b", "a\\b", "a\nb", "a\xff", "a\x1b",
    std::string(501, 'x'), std::string{"a\0b", 3});
  service local{"127.0.0.1:1"};
  producer_options named;
  named.name = name;
  const auto producer = local.app->producer(named);
  REQUIRE_FALSE(producer);
  CHECK(producer.error().code == error_code::invalid_argument);
  CHECK(producer.error().detail.starts_with("name = \""));
  CHECK_FALSE(local.app->producer(name));
  const auto consumer = local.app->consumer({.name = name});
  REQUIRE_FALSE(consumer);
  CHECK(consumer.error().code == error_code::invalid_argument);
}
