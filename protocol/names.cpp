#include "names.hpp"

#include "text.hpp"

#include <string>

namespace cafka::protocol {

namespace {

/// So much of a bad name stands in its error.
constexpr std::size_t shown_of_a_name = 60;

error check(std::string_view what, std::string_view name, std::size_t longest) {
  const auto refuse = [&](const std::string& why) {
    return error{error_code::invalid_argument,
      std::string{what} + " \"" + shown(name, shown_of_a_name) + "\" " + why};
  };
  if (name.size() > longest)
    return refuse(
      "is too long, at most " + std::to_string(longest) + " bytes can be sent");
  if (!is_utf8(name))
    return refuse("is not UTF-8");
  return {};
}

} // namespace

error check_topic_name(std::string_view name) {
  if (name.empty())
    return {error_code::invalid_argument, "the topic has no name"};
  return check("topic", name, longest_topic_name);
}

error check_name(std::string_view what, std::string_view name) {
  return check(what, name, longest_name);
}

} // namespace cafka::protocol
