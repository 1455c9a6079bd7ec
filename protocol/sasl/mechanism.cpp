#include "mechanism.hpp"

#include "../text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cafka::protocol::sasl {

namespace {

constexpr std::array all{mechanism::plain, mechanism::scram_sha_256,
  mechanism::scram_sha_512, mechanism::oauthbearer, mechanism::gssapi};

/// Most names of a broker's list that are told of.
constexpr std::size_t most_named = 16;

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

} // namespace

std::string_view to_string(mechanism m) {
  switch (m) {
  case mechanism::plain: return "PLAIN";
  case mechanism::scram_sha_256: return "SCRAM-SHA-256";
  case mechanism::scram_sha_512: return "SCRAM-SHA-512";
  case mechanism::oauthbearer: return "OAUTHBEARER";
  case mechanism::gssapi: return "GSSAPI";
  }
  return "?";
}

result<mechanism> parse_mechanism(std::string_view name) {
  for (const auto m : all) {
    if (std::ranges::equal(name, to_string(m), {}, upper))
      return m;
  }
  return {error_code::invalid_argument,
    "there is no SASL mechanism \"" + shown(name, 50) + "\" in cafka, only "
      + names_of(all)};
}

std::string names_of(std::span<const mechanism> some) {
  std::string text;
  for (const auto m : some)
    text.append(text.empty() ? "" : ", ").append(to_string(m));
  return text;
}

result<mechanism> choose(
  std::span<const mechanism> wanted, std::span<const std::string> offered) {
  for (const auto m : wanted) {
    if (std::ranges::find(offered, to_string(m)) != offered.end())
      return m;
  }
  std::string names;
  for (const auto& name : offered.first(std::min(offered.size(), most_named)))
    names += (names.empty() ? "" : ", ") + shown(name, 50);
  return {error_code::unsupported_sasl_mechanism,
    "the broker has " + (names.empty() ? "no mechanism" : names) + " enabled, and "
      + names_of(wanted) + (wanted.size() == 1 ? " is configured" : " are configured")
      + ": choose one that it has (sasl.mechanism), or enable one there "
        "(sasl.enabled.mechanisms)"};
}

} // namespace cafka::protocol::sasl
