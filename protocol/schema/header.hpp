#pragma once

#include "../result.hpp"
#include "../wire/writer.hpp"
#include "api_key.hpp"

#include <optional>

namespace cafka::protocol {

/// What stands before a request's body. Kafka: RequestHeader, versions 0 to 2.
struct request_header {
  /// The API.
  api_key key = api_key::produce;
  /// The API's version.
  std::int16_t version = 0;
  /// The number that the answer repeats.
  std::int32_t correlation_id = 0;
  /// Who asks, for the broker's logs and quotas; null is legal.
  std::optional<std::string> client_id = std::string{};

  friend bool operator==(const request_header&, const request_header&) = default;
};

/// The version of the request header: 2 where the API's version is flexible, otherwise 1;
/// 0 for version 0 of ControlledShutdown alone.
[[nodiscard]] std::int16_t request_header_version(api_key key, std::int16_t version);

/// The version of the response header: 1 where the API's version is flexible, otherwise
/// 0. ApiVersions always answers with 0, so that any client can read it (KIP-511).
[[nodiscard]] std::int16_t response_header_version(api_key key, std::int16_t version);

/// Writes a header in the version that belongs to its API and version.
void write_header(writer& out, const request_header& header);

/// Reads a header; what is wrong with it is the reader's error.
[[nodiscard]] request_header read_request_header(reader& in);

/// Writes the header of a response to version `version` of an API.
void write_response_header(
  writer& out, api_key key, std::int16_t version, std::int32_t correlation_id);

/// Reads the header of a response and returns its correlation id.
std::int32_t read_response_header(reader& in, api_key key, std::int16_t version);

/// The correlation id of a response, of which only the first four bytes are looked at;
/// nothing when there are fewer.
[[nodiscard]] std::optional<std::int32_t> correlation_id_of(byte_view payload);

/// Passes over tagged fields that cafka does not know.
void skip_tagged_fields(reader& in);

} // namespace cafka::protocol
