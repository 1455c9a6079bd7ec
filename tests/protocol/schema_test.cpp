#include <cafka/protocol/messages/all.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace cafka::protocol;

TEST_CASE("a text beyond Kafka's limit is refused on both ways") {
  api_versions_request request;
  request.client_software_name.assign(32768, 'x');
  writer out;
  encode(out, request, 3);
  CHECK(out.error() == "ClientSoftwareName is longer than 32767 bytes");
  request.client_software_name.pop_back();
  writer fits;
  encode(fits, request, 3);
  CHECK(fits.ok());
  writer long_text;
  long_text.uvarint(32769);
  long_text.raw(std::string(32768, 'x'));
  const auto bytes = long_text.bytes();
  reader in{byte_view{bytes}};
  CHECK(decode(in, request, 3) == "ClientSoftwareName");
  CHECK(in.error() == wire_error::bad_length);
}

TEST_CASE("the version table chooses the highest version that both sides have") {
  const version_table table{{{api_key::metadata, {4, 12}}, {api_key::fetch, {19, 25}},
    {api_key::metadata, {0, 9}}}};
  CHECK(*table.choose<metadata_request>() == 9);
  CHECK(*table.choose(api_key::metadata, {2, 5}) == 5);
  CHECK(*table.choose<metadata_request>(3) == 3);
  CHECK(table.choose<metadata_request>(10).error()
    == error{error_code::unsupported_api_version,
      "Metadata v10: the broker knows 0 to 9, cafka knows 0 to 13 (Kafka 2.8 and "
      "later)"});
  CHECK(table.choose<fetch_request>().error()
    == error{error_code::unsupported_api_version,
      "Fetch: the broker knows 19 to 25, cafka knows 0 to 18"});
  CHECK(table.choose<produce_request>().error()
    == error{error_code::unsupported_api_version,
      "Produce: the broker does not have this API, cafka knows 0 to 13 "
      "(Kafka 0.8.0 and later)"});
  CHECK(table.choose(api_key::metadata, {10, 13}).error().code
    == error_code::unsupported_api_version);
}

TEST_CASE("an ApiVersions response becomes a version table") {
  api_versions_response response;
  response.api_keys = {{18, 0, 4}, {3, 0, 13}, {1000, 1, 1}};
  const auto table = to_version_table(response);
  CHECK(table.find(api_key::metadata) == version_range{0, 13});
  CHECK(table.find(static_cast<api_key>(1000)) == version_range{1, 1});
  CHECK(!table.find(api_key::fetch));
  CHECK(version_table{}.entries().empty());
}

TEST_CASE("headers follow the flexibility of the API's version") {
  CHECK(request_header_version(api_key::metadata, 8) == 1);
  CHECK(request_header_version(api_key::metadata, 9) == 2);
  CHECK(request_header_version(api_key::controlled_shutdown, 0) == 0);
  CHECK(request_header_version(api_key::controlled_shutdown, 1) == 1);
  CHECK(request_header_version(api_key::sasl_handshake, 1) == 1);
  CHECK(response_header_version(api_key::metadata, 8) == 0);
  CHECK(response_header_version(api_key::metadata, 9) == 1);
  CHECK(response_header_version(api_key::api_versions, 4) == 0);
}

TEST_CASE("a header survives the round trip in every version") {
  for (const auto& header : {request_header{api_key::metadata, 1, 5, "me"},
         request_header{api_key::metadata, 12, -5, std::nullopt},
         request_header{api_key::controlled_shutdown, 0, 7, ""}}) {
    writer out;
    write_header(out, header);
    const auto bytes = out.bytes();
    reader in{byte_view{bytes}};
    CHECK(read_request_header(in) == header);
    CHECK(in.ok());
    CHECK(in.remaining() == 0);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      reader truncated{byte_view{bytes}.first(size)};
      (void)read_request_header(truncated);
      CHECK(!truncated.ok());
    }
  }
}

TEST_CASE("tagged fields in a header are passed over") {
  const auto bytes = std::vector<std::byte>{std::byte{0}, std::byte{0}, std::byte{0},
    std::byte{5}, std::byte{1}, std::byte{9}, std::byte{2}, std::byte{1}, std::byte{1}};
  reader in{byte_view{bytes}};
  CHECK(read_response_header(in, api_key::metadata, 9) == 5);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("a client id beyond 32767 bytes is an invalid argument") {
  const auto out = encode_request(heartbeat_request{}, 0, 1, std::string(40000, 'x'));
  CHECK(out.error().code == error_code::invalid_argument);
}

TEST_CASE("messages and the table of APIs agree on names and flexible versions") {
  std::set<api_key> seen;
  for_each_api([&seen]<class Request, class Response>() {
    const auto* api = find_api(Request::key);
    REQUIRE(api != nullptr);
    CHECK(seen.insert(Request::key).second);
    CHECK(Request::name == std::string{api->name} + "Request");
    CHECK(Response::name == std::string{api->name} + "Response");
    CHECK(Response::key == Request::key);
    CHECK(Request::flexible_since == api->flexible_since);
    CHECK(Response::flexible_since == api->flexible_since);
    CHECK(Request::versions == Response::versions);
  });
  CHECK(seen.size() == 66);
  CHECK(name(static_cast<api_key>(1234)) == "Api(1234)");
}

TEST_CASE("an id is printed as Kafka's tools print it") {
  CHECK(to_string(uuid{}) == "AAAAAAAAAAAAAAAAAAAAAA");
  CHECK(uuid{}.is_zero());
  uuid one;
  one.bytes[15] = 1; // Kafka's id for the topic of its own metadata.
  CHECK(to_string(one) == "AAAAAAAAAAAAAAAAAAAAAQ");
  uuid ones;
  ones.bytes.fill(0xFF);
  CHECK(to_string(ones) == "_____________________w");
}
