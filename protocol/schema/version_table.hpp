#pragma once

#include "../result.hpp"
#include "api_key.hpp"
#include "version.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// Error `unsupported_api_version` for a pin that is outside of `ours`, which no broker
/// can change; it names the API and that range. `who_needs`: as in
/// `version_table::choose`.
[[nodiscard]] error check_pin(api_key key, version_range ours,
  std::optional<std::int16_t> pinned, std::string_view who_needs = {});

/// The versions that a broker supports, by its own words or by its release.
class version_table {
public:
  /// One API and the range of its versions.
  struct entry {
    /// The API.
    api_key key;
    /// The versions.
    version_range versions;

    friend bool operator==(const entry&, const entry&) = default;
  };

  version_table() = default;

  /// Takes entries in any order; of two for the same API the last counts.
  explicit version_table(std::vector<entry> entries);

  /// All entries, by key.
  [[nodiscard]] const std::vector<entry>& entries() const { return entries_; }

  /// The broker's versions of an API; nothing when it does not have it.
  [[nodiscard]] std::optional<version_range> find(api_key key) const;

  /// The highest version that the broker and `ours` share, or `pinned` when both have it.
  ///
  /// Error: `unsupported_api_version`, which names the API, both ranges and the release
  /// of Kafka that it takes. `who_needs`: why `ours` is narrow, as in "headers need".
  [[nodiscard]] result<std::int16_t> choose(api_key key, version_range ours,
    std::optional<std::int16_t> pinned = {}, std::string_view who_needs = {}) const;

  /// The same for a request type.
  template <class Request>
  [[nodiscard]] result<std::int16_t> choose(
    std::optional<std::int16_t> pinned = {}) const {
    return choose(Request::key, Request::versions, pinned);
  }

  friend bool operator==(const version_table&, const version_table&) = default;

private:
  std::vector<entry> entries_; ///< By key.
};

} // namespace cafka::protocol
