#pragma once

#include "version_table.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol {

/// A release of Kafka, as far as it decides which API versions a broker knows: major and
/// minor, and before 1.0 a third number. What comes behind, fixes alone, is left out.
class kafka_version {
public:
  /// A release such as 3.9.1; before 1.0 of four numbers, without the leading zero.
  constexpr kafka_version(std::uint8_t major, std::uint8_t minor, std::uint8_t patch = 0)
    : major_(major), minor_(minor), patch_(patch) {}

  /// Whether the third number counts: 0.10.2 and 0.10.1 differ, 2.8.2 and 2.8.1 do not.
  [[nodiscard]] constexpr bool has_patch() const { return major_ == 0; }

  friend constexpr auto operator<=>(const kafka_version&, const kafka_version&) = default;

  friend std::string to_string(kafka_version v);

private:
  std::uint8_t major_;
  std::uint8_t minor_;
  std::uint8_t patch_;
};

/// `0.9.0`, `2.8`.
[[nodiscard]] std::string to_string(kafka_version v);

/// Reads a release such as `0.9.0.1`, `0.10` or `2.8.2`.
///
/// Error `invalid_argument` names the text and what is allowed: the releases from 0.8.0
/// to 4.3 that exist.
[[nodiscard]] result<kafka_version> parse_kafka_version(std::string_view text);

/// The API versions that a broker of this release knows.
///
/// Those of the APIs that clients call, not of those between brokers, nor of those that
/// exist only where a broker is set up for them. Source: `Protocol` and `ApiKeys` of each
/// release's client, and `KafkaApis` of 0.8.0, 0.8.1 and 0.8.2, which lack the group APIs
/// that the client of 0.8.2 drafts.
[[nodiscard]] version_table versions_of(kafka_version release);

/// The first release whose brokers know this version of an API; nothing for a version
/// that no release in the table knows.
[[nodiscard]] std::optional<kafka_version> first_release_with(
  api_key key, std::int16_t version);

} // namespace cafka::protocol
