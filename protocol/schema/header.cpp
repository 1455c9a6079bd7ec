#include "header.hpp"

namespace cafka::protocol {

namespace {

bool is_flexible(api_key key, std::int16_t version) {
  const auto* api = find_api(key);
  return api != nullptr && version >= api->flexible_since;
}

} // namespace

std::int16_t request_header_version(api_key key, std::int16_t version) {
  if (is_flexible(key, version))
    return 2;
  return key == api_key::controlled_shutdown && version == 0 ? 0 : 1;
}

std::int16_t response_header_version(api_key key, std::int16_t version) {
  return key != api_key::api_versions && is_flexible(key, version) ? 1 : 0;
}

void write_header(writer& out, const request_header& header) {
  const auto version = request_header_version(header.key, header.version);
  out.i16(static_cast<std::int16_t>(header.key));
  out.i16(header.version);
  out.i32(header.correlation_id);
  if (version >= 1) {
    // Never compact, so that a broker can read the header of a version it does not know.
    if (!header.client_id) {
      out.i16(-1);
    } else if (header.client_id->size() > std::numeric_limits<std::int16_t>::max()) {
      out.fail("the client id is longer than 32767 bytes");
    } else {
      out.i16(static_cast<std::int16_t>(header.client_id->size()));
      out.raw(std::string_view{*header.client_id});
    }
  }
  if (version >= 2)
    out.uvarint(0);
}

request_header read_request_header(reader& in) {
  request_header header;
  header.key = static_cast<api_key>(in.i16());
  header.version = in.i16();
  header.correlation_id = in.i32();
  const auto version = request_header_version(header.key, header.version);
  if (version >= 1) {
    const auto length = in.i16();
    if (length < -1) {
      in.fail(wire_error::negative_length);
    } else if (length == -1) {
      header.client_id.reset();
    } else {
      const auto text = in.raw(static_cast<std::size_t>(length));
      header.client_id =
        std::string_view{reinterpret_cast<const char*>(text.data()), text.size()};
    }
  }
  if (version >= 2)
    skip_tagged_fields(in);
  return header;
}

void write_response_header(
  writer& out, api_key key, std::int16_t version, std::int32_t correlation_id) {
  out.i32(correlation_id);
  if (response_header_version(key, version) >= 1)
    out.uvarint(0);
}

std::int32_t read_response_header(reader& in, api_key key, std::int16_t version) {
  const auto correlation_id = in.i32();
  if (response_header_version(key, version) >= 1)
    skip_tagged_fields(in);
  return correlation_id;
}

std::optional<std::int32_t> correlation_id_of(byte_view payload) {
  if (payload.size() < sizeof(std::int32_t))
    return std::nullopt;
  return detail::load_big<std::int32_t>(payload.data());
}

void skip_tagged_fields(reader& in) {
  for (auto count = in.uvarint(); count > 0 && in.ok(); --count) {
    (void)in.uvarint();
    in.skip(in.uvarint());
  }
}

} // namespace cafka::protocol
