#include "result.hpp"

#include <cstdlib>
#include <iostream>

namespace cafka::protocol {

std::string to_string(const error& e) {
  auto words = name(e.code);
  if (!e.detail.empty())
    words += ": " + e.detail;
  return words;
}

std::ostream& operator<<(std::ostream& out, const error& e) {
  return out << to_string(e);
}

bad_result::bad_result(protocol::error why)
  : std::runtime_error(to_string(why)), why_(std::move(why)) {
}

void no_value(const error& why) {
  std::cerr << "cafka: the value of a result was used that is an error: " << why
            << std::endl;
  std::abort();
}

} // namespace cafka::protocol
