#include "login_metrics.hpp"

#include <caf/telemetry/metric_registry.hpp>

namespace cafka::actors {

login_metrics::login_metrics(caf::actor_system& sys, std::string_view client) {
  // CAF takes no pointer to characters where clang compiles it.
  constexpr std::string_view prefix = "cafka.login";
  const auto counter = [&](std::string_view name, std::string_view help) {
    return sys.metrics()
      .counter_family(prefix, name, {"client"}, help, "1", true)
      ->get_or_add({{"client", client}});
  };
  authentications_ = counter("authentications", "New connections that have logged in.");
  failures_ = counter("failures", "Logins that have failed.");
  reauthentications_ = counter("reauthentications", "Logins renewed in place.");
}

void login_metrics::update(const protocol::dispatcher::login_counts& now) {
  const auto add = [](caf::telemetry::int_counter& to, std::uint64_t is,
                     std::uint64_t& was) {
    if (is > was)
      to.inc(static_cast<std::int64_t>(is - was));
    was = is;
  };
  add(*authentications_, now.authentications, told_.authentications);
  add(*failures_, now.failures, told_.failures);
  add(*reauthentications_, now.reauthentications, told_.reauthentications);
}

} // namespace cafka::actors
