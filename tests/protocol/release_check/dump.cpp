// Writes down which API versions brokers of the releases named know, for check.py.
#include <cafka/protocol/schema/kafka_version.hpp>

#include <iostream>

using namespace cafka::protocol;

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const auto release = parse_kafka_version(argv[i]);
    if (!release) {
      std::cerr << release.error().detail << '\n';
      return 2;
    }
    const auto table = versions_of(*release);
    for (const auto& [key, versions] : table.entries())
      std::cout << argv[i] << '\t' << static_cast<int>(key) << '\t' << versions.min
                << '\t' << versions.max << '\n';
  }
  return std::cout.good() ? 0 : 1;
}
