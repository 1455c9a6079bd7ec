#include "reasons.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cafka::supervision::detail {

namespace {

constexpr std::size_t most_of_name = 64;
constexpr std::size_t most_of_path = 400;
constexpr std::size_t most_of_cause = 1000;

struct origin {
  std::string path;
  std::string cause;
};

std::optional<origin> origin_of(const caf::error& why) {
  if (why != errc::shutdown && why != errc::start_failed)
    return {};
  const auto& context = why.context();
  if (!context.match_elements<std::string, std::string>())
    return {};
  return origin{context.get_as<std::string>(0), context.get_as<std::string>(1)};
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most)
    return std::string{text};
  // Not in the middle of a character.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U)
    --most;
  return std::string{text.substr(0, most)} + "...";
}

std::string cause_of(std::string_view what, const caf::error& why) {
  std::string cause{what};
  if (!cause.empty() && !why.empty())
    cause += ": ";
  return shortened(why.empty() ? cause : cause + to_string(why), most_of_cause);
}

// No name is longer than half of what is left, so that there is an end of one to cut at.
std::string joined(std::string_view child, const std::string& path) {
  auto result = shortened(child, most_of_name) + '/' + path;
  if (result.size() <= most_of_path)
    return result;
  const auto head = result.rfind('/', most_of_path / 2);
  const auto tail = result.find('/', result.size() - most_of_path / 2);
  return result.substr(0, head) + "/..." + result.substr(tail);
}

} // namespace

caf::error because_of(
  errc code, std::string_view child, std::string_view what, const caf::error& why) {
  if (auto from = origin_of(why))
    return caf::make_error(code, joined(child, from->path), std::move(from->cause));
  return caf::make_error(code, shortened(child, most_of_name), cause_of(what, why));
}

caf::error start_failed_by(const caf::error& why, std::string_view what) {
  if (auto from = origin_of(why))
    return caf::make_error(
      errc::start_failed, std::move(from->path), std::move(from->cause));
  // What a start function says itself needs no frame.
  if (what.empty() && (why == errc::start_failed || why == errc::already_started))
    return why;
  return caf::make_error(errc::start_failed, cause_of(what, why));
}

} // namespace cafka::supervision::detail
