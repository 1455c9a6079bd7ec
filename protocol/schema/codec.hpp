#pragma once

#include "header.hpp"
#include "version.hpp"

namespace cafka::protocol {

class random_source;

/// The request that calls an API; specialised beside each.
template <api_key Key>
struct api_of {};

// What can be done with any message; each is compiled once, beside its description.

/// Writes the body of a message in one of its versions. A field that is set, not
/// ignorable and unknown to the version is an error of the writer.
template <class M>
void encode(writer& out, const M& message, std::int16_t version);

/// Reads the body of a message into a fresh one; what is wrong is the reader's error.
/// Returns the name of the field that failed, empty when none did.
template <class M>
std::string_view decode(reader& in, M& message, std::int16_t version);

/// The message for people, with Kafka's field names; secrets are left out.
template <class M>
[[nodiscard]] std::string print(const M& message);

/// The description as text, for all versions; see `schema_dumper` for the columns.
template <class M>
[[nodiscard]] std::string schema_dump();

/// A message with arbitrary content that is legal in `version`.
template <class M>
[[nodiscard]] M random_message(random_source& source, std::int16_t version);

namespace detail {

void start_frame(writer& out, const request_header& header);
void start_frame(
  writer& out, api_key key, std::int16_t version, std::int32_t correlation_id);
result<frame> finish_frame(writer& out, std::string_view message, std::int16_t version);
error unknown_version(
  std::string_view message, std::int16_t version, version_range known);
/// The version that a response's body is really written in.
std::int16_t response_version(api_key key, std::int16_t version, byte_view body);
error malformed(std::string_view message, std::int16_t version, std::string_view field,
  const reader& in);

} // namespace detail

/// A whole request, from its length on, for a gather write.
///
/// Errors: `unsupported_api_version` for a version that cafka does not know,
/// `invalid_argument` for a message that the version cannot express.
template <class Request>
result<frame> encode_request(const Request& request, std::int16_t version,
  std::int32_t correlation_id, std::string_view client_id) {
  if (!Request::versions.contains(version))
    return detail::unknown_version(Request::name, version, Request::versions);
  writer out;
  detail::start_frame(
    out, {Request::key, version, correlation_id, std::string{client_id}});
  encode(out, request, version);
  return detail::finish_frame(out, Request::name, version);
}

/// A whole response, from its length on, as a broker sends it.
template <class Response>
result<frame> encode_response(
  const Response& response, std::int16_t version, std::int32_t correlation_id) {
  if (!Response::versions.contains(version))
    return detail::unknown_version(Response::name, version, Response::versions);
  writer out;
  detail::start_frame(out, Response::key, version, correlation_id);
  encode(out, response, version);
  return detail::finish_frame(out, Response::name, version);
}

/// A response from what came after its length: header and body.
///
/// `version` is the request's. A refused ApiVersions is read in version 0, in which it is
/// always sent (KIP-511). Errors: `malformed_response`, with what is wrong, where and in
/// which field, and `unsupported_api_version`.
template <class Response>
result<Response> decode_response(const shared_bytes& payload, std::int16_t version) {
  if (!Response::versions.contains(version))
    return detail::unknown_version(Response::name, version, Response::versions);
  reader in{payload};
  read_response_header(in, Response::key, version);
  const auto body = payload.view().subspan(in.position());
  version = detail::response_version(Response::key, version, body);
  Response response;
  const auto failed_field = decode(in, response, version);
  if (in.ok() && in.remaining() != 0)
    in.fail(wire_error::trailing_bytes);
  if (!in.ok())
    return detail::malformed(Response::name, version, failed_field, in);
  return response;
}

} // namespace cafka::protocol
