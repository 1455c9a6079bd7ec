#include "sasl_options.hpp"

#include <algorithm>
#include <utility>

namespace cafka {

protocol::result<std::vector<sasl_mechanism>> parse_sasl_mechanisms(
  std::string_view text) {
  constexpr std::string_view space = " \t";
  std::vector<sasl_mechanism> all;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    auto name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    name.remove_prefix(std::min(name.find_first_not_of(space), name.size()));
    name = name.substr(0, name.find_last_not_of(space) + 1);
    const auto one = protocol::sasl::parse_mechanism(name);
    if (!one)
      return one.error();
    all.push_back(*one);
  }
  return all;
}

} // namespace cafka
