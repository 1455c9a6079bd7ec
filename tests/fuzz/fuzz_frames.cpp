// Any bytes as any message in any version. What can be read can be written, and then
// reads the same.
//
// The first byte chooses the message, requests and responses in turn; the second the
// version, and by its highest bit whether a header stands before the body.
#include "fuzz_require.hpp"
#include <cafka/protocol/messages/all.hpp>

#include <algorithm>

using namespace cafka::protocol;

namespace {

template <class M>
void check_body(const shared_bytes& bytes, std::int16_t version) {
  M message;
  reader in{bytes};
  decode(in, message, version);
  (void)print(message);
  if (!in.ok())
    return;
  writer out;
  encode(out, message, version);
  require(out.ok(), out.error().c_str());
  const auto written = shared_bytes::from(out.bytes());
  M again;
  reader second{written};
  decode(second, again, version);
  require(second.ok(), "what was written is read");
  require(second.remaining() == 0, "what was written is read whole");
  require(again == message, "what was written reads the same");
}

template <class Request, class Response>
void check_frame(bool response, const shared_bytes& bytes, std::int16_t version) {
  if (response) {
    (void)correlation_id_of(bytes.view());
    const auto read = decode_response<Response>(bytes, version);
    if (read)
      require(encode_response(*read, version, 1).has_value()
          || Response::key == api_key::api_versions,
        "a response that was read can be written");
  } else {
    reader in{bytes};
    (void)read_request_header(in);
    Request request;
    decode(in, request, version);
    if (in.ok())
      require(encode_request(request, version, 1, "me").has_value(),
        "a request that was read can be written");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  const auto wanted = data[0];
  const auto with_header = (data[1] & 0x80) != 0;
  const auto chosen_version = data[1] & 0x7F;
  const auto bytes =
    shared_bytes::copy_of(std::as_bytes(std::span{data, size}).subspan(2));
  unsigned index = 0;
  for_each_api([&]<class Request, class Response>() {
    for (const auto response : {false, true}) {
      if (index++ != wanted)
        continue;
      const auto versions = response ? Response::versions : Request::versions;
      const auto version = static_cast<std::int16_t>(
        versions.min + chosen_version % (versions.max - versions.min + 1));
      if (with_header)
        check_frame<Request, Response>(response, bytes, version);
      else if (response)
        check_body<Response>(bytes, version);
      else
        check_body<Request>(bytes, version);
    }
  });
  return 0;
}
