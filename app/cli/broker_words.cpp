#include "broker_words.hpp"

#include "text.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <vector>

namespace cafka::cli {

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts{{}};
  for (const auto c : text) {
    if (c == ':')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// Whether both are the same word, whatever its letters' case and without underscores.
bool same_word(std::string_view a, std::string_view b) {
  const auto plain = [](std::string_view text) {
    std::string out;
    for (const auto c : text) {
      if (c != '_')
        out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return out;
  };
  return plain(a) == plain(b);
}

std::optional<protocol::api_key> api_of(std::string_view text) {
  constexpr std::int16_t last = 127;
  for (std::int16_t i = 0; i != last; ++i) {
    const auto key = static_cast<protocol::api_key>(i);
    if (same_word(name(key), text))
      return key;
  }
  return std::nullopt;
}

std::optional<protocol::error_code> error_of(std::string_view text) {
  for (const auto& row : protocol::error_table()) {
    if (row.code > protocol::error_code::none && same_word(row.name, text))
      return row.code;
  }
  return std::nullopt;
}

/// A whole number from 1 on.
std::optional<std::int32_t> count_of(std::string_view text) {
  const auto number = parse_int32(text);
  return number && *number > 0 ? number : std::nullopt;
}

protocol::error wrong(const std::string& text, const std::string& why) {
  return {protocol::error_code::invalid_argument, '"' + text + "\": " + why};
}

} // namespace

protocol::result<broker_topic> parse_broker_topic(const std::string& text) {
  const auto parts = split(text);
  broker_topic topic{parts[0]};
  if (topic.name.empty() || parts.size() > 2)
    return wrong(text, "a topic is NAME or NAME:PARTITIONS");
  if (parts.size() == 1)
    return topic;
  const auto partitions = count_of(parts[1]);
  if (!partitions)
    return wrong(text, "the number of partitions is 1 or more");
  topic.partitions = *partitions;
  return topic;
}

protocol::result<broker_fault> parse_broker_fault(const std::string& text) {
  const auto parts = split(text);
  if (parts.size() < 2 || parts.size() > 3)
    return wrong(text, "a fault is API:WHAT or API:WHAT:TIMES");
  broker_fault fault;
  const auto key = api_of(parts[0]);
  if (!key)
    return wrong(text, "there is no API " + parts[0] + "; Produce and Fetch are some");
  fault.key = *key;
  const auto& what = parts[1];
  const std::string delay = "delay=";
  if (what == "drop") {
    fault.how.what = testing::fate::lost;
  } else if (what == "cut") {
    fault.how.what = testing::fate::cut;
  } else if (what == "cut-answer") {
    fault.how.what = testing::fate::answer_cut;
  } else if (what.starts_with(delay)) {
    const auto time = parse_duration(what.substr(delay.size()));
    if (!time)
      return wrong(text, "a delay is a time such as delay=200ms");
    fault.how.delay = *time;
  } else if (fault.error = error_of(what); !fault.error) {
    return wrong(text,
      "what happens is drop, cut, cut-answer, delay=TIME, or an error of Kafka's such as "
      "NOT_LEADER_OR_FOLLOWER");
  }
  if (parts.size() == 3) {
    const auto times = count_of(parts[2]);
    if (!times)
      return wrong(text, "how many times is 1 or more");
    fault.times = *times;
  }
  return fault;
}

} // namespace cafka::cli
