#include "codec.hpp"

namespace cafka::protocol::detail {

namespace {

/// Stands where the frame's length goes once it is known.
constexpr std::int32_t no_length_yet = 0;

} // namespace

void start_frame(writer& out, const request_header& header) {
  out.i32(no_length_yet);
  write_header(out, header);
}

void start_frame(
  writer& out, api_key key, std::int16_t version, std::int32_t correlation_id) {
  out.i32(no_length_yet);
  write_response_header(out, key, version, correlation_id);
}

result<frame> finish_frame(writer& out, std::string_view message, std::int16_t version) {
  const auto length = out.size() - sizeof(std::int32_t);
  if (out.ok() && length > std::numeric_limits<std::int32_t>::max())
    out.fail("the frame is longer than 2 GB");
  if (!out.ok())
    return {error_code::invalid_argument,
      std::string{message} + " v" + std::to_string(version) + ": " + out.error()};
  out.patch_i32(0, static_cast<std::int32_t>(length));
  return out.finish();
}

error unknown_version(
  std::string_view message, std::int16_t version, version_range known) {
  return {error_code::unsupported_api_version,
    std::string{message} + " v" + std::to_string(version) + ": cafka knows versions "
      + to_string(known)};
}

std::int16_t response_version(api_key key, std::int16_t version, byte_view body) {
  if (key != api_key::api_versions || body.size() < sizeof(std::int16_t))
    return version;
  const auto code = error_code_from_wire(load_big<std::int16_t>(body.data()));
  return code == error_code::unsupported_version ? std::int16_t{0} : version;
}

error malformed(std::string_view message, std::int16_t version, std::string_view field,
  const reader& in) {
  auto detail = std::string{message} + " v" + std::to_string(version) + ": "
    + std::string{to_string(in.error())} + " at byte " + std::to_string(in.position());
  if (!field.empty())
    detail += " in " + std::string{field};
  return {error_code::malformed_response, std::move(detail)};
}

} // namespace cafka::protocol::detail
