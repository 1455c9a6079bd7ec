// Writes down all that cafka claims about Kafka's protocol, for check.py to compare with
// what Kafka says itself.
#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/messages/consumer_protocol.hpp>

#include <iostream>

using namespace cafka::protocol;

int main() {
  for (const auto& api : api_table())
    std::cout << "#api\t" << static_cast<int>(api.key) << '\t' << api.name << '\t'
              << (api.flexible_since == never_flexible
                     ? "none"
                     : std::to_string(api.flexible_since) + '+')
              << '\n';
  for (const auto& e : error_table())
    if (e.code >= error_code::unknown_server_error)
      std::cout << "#error\t" << static_cast<int>(e.code) << '\t' << e.name << '\t'
                << (e.retriable ? "retriable" : "-") << '\n';
  for_each_message([]<class M>() { std::cout << schema_dump<M>(); });
  std::cout << schema_dump<consumer_subscription>() << schema_dump<consumer_assignment>();
  return std::cout.good() ? 0 : 1;
}
