#include "broker.hpp"

#include "../../testing/cluster.hpp"
#include "interruption.hpp"

#include <cstdio>
#include <future>
#include <system_error>

namespace cafka::cli {

exit_code run_broker(const broker_arguments& what) {
  testing::cluster_options options;
  options.brokers = what.brokers;
  options.kafka_version = what.kafka_version;
  testing::cluster cluster{options};
  for (const auto& t : what.topics)
    cluster.create_topic(t.name, t.partitions);
  for (const auto& f : what.faults) {
    if (f.error)
      cluster.fail(f.key, *f.error, f.times);
    else
      cluster.treat(f.key, f.how, f.times);
  }
  std::promise<void> ended;
  const interruption at_end{[&] { ended.set_value(); }};
  try {
    // The list of brokers alone, so that a script can read it.
    std::printf("%s\n", cluster.listen({what.host, what.port}).c_str());
    std::fflush(stdout);
  } catch (const std::system_error& e) {
    std::fprintf(stderr, "cafka: %s\n  try: another --port, or --port 0\n", e.what());
    return exit_failed;
  }
  ended.get_future().wait();
  return exit_ok;
}

} // namespace cafka::cli
