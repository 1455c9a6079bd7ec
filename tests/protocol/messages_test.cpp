#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/schema/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>

using namespace cafka::protocol;

namespace {

/// Bytes as the protocol guide spells them, in hexadecimal, with spaces anywhere.
shared_bytes hex(std::string_view digits) {
  std::vector<std::byte> bytes;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ')
      continue;
    const auto value = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + value));
      high = -1;
    }
  }
  return shared_bytes::from(std::move(bytes));
}

shared_bytes text(std::string_view characters) {
  return shared_bytes::copy_of(characters);
}

shared_bytes joined(std::initializer_list<shared_bytes> pieces) {
  std::vector<std::byte> all;
  for (const auto& piece : pieces)
    all.insert(all.end(), piece.view().begin(), piece.view().end());
  return shared_bytes::from(std::move(all));
}

shared_bytes flat(const frame& f) {
  writer out;
  for (const auto& part : f.parts)
    out.raw(part.view());
  return shared_bytes::from(out.bytes());
}

std::vector<metadata_request_topic> one_topic(std::string name) {
  std::vector<metadata_request_topic> topics(1);
  topics[0].name = std::move(name);
  return topics;
}

} // namespace

TEST_CASE("a Metadata request of version 0 is written as the protocol guide says") {
  metadata_request request;
  request.topics = one_topic("foo");
  const auto out = encode_request(request, 0, 7, "me");
  REQUIRE(out);
  CHECK(flat(*out)
    == joined({hex("00000015 0003 0000 00000007 0002"), text("me"), hex("00000001 0003"),
      text("foo")}));
}

TEST_CASE(
  "a Metadata request of a flexible version has compact lengths and tag buffers") {
  metadata_request request;
  request.topics = one_topic("foo");
  request.include_topic_authorized_operations = true;
  const auto out = encode_request(request, 12, 7, "me");
  REQUIRE(out);
  // The client id keeps its old length; the header ends with a tag buffer of its own.
  CHECK(flat(*out)
    == joined({hex("00000026 0003 000c 00000007 0002"), text("me"), hex("00"),
      hex("02 00000000000000000000000000000000 04"), text("foo"), hex("00"),
      hex("01 01 00")}));
}

TEST_CASE("null stands for all topics where the version has it") {
  metadata_request request;
  request.topics = std::nullopt;
  const auto v1 = encode_request(request, 1, 1, "");
  REQUIRE(v1);
  CHECK(flat(*v1) == hex("0000000e 0003 0001 00000001 0000 ffffffff"));
  const auto v9 = encode_request(request, 9, 1, "");
  REQUIRE(v9);
  CHECK(flat(*v9) == hex("00000010 0003 0009 00000001 0000 00 00 01 00 00 00"));
  const auto v0 = encode_request(request, 0, 1, "");
  REQUIRE(!v0);
  CHECK(v0.error()
    == error{error_code::invalid_argument,
      "MetadataRequest v0: Topics must not be null in version 0"});
}

TEST_CASE("a field that is set and that the version lacks is an error, never dropped") {
  metadata_request request;
  request.allow_auto_topic_creation = false;
  CHECK(encode_request(request, 4, 1, ""));
  const auto old = encode_request(request, 3, 1, "");
  REQUIRE(!old);
  CHECK(old.error()
    == error{error_code::invalid_argument,
      "MetadataRequest v3: AllowAutoTopicCreation is set, and version 3 does not "
      "have it"});
}

TEST_CASE("an ignorable field is dropped where the version lacks it") {
  api_versions_request request{"cafka", "1"};
  const auto out = encode_request(request, 2, 1, "");
  REQUIRE(out);
  CHECK(flat(*out) == hex("0000000a 0012 0002 00000001 0000"));
}

TEST_CASE("a version that cafka does not know is refused with the range it knows") {
  const auto out = encode_request(metadata_request{}, 99, 1, "");
  CHECK(out.error()
    == error{error_code::unsupported_api_version,
      "MetadataRequest v99: cafka knows versions 0 to 13"});
  CHECK(decode_response<metadata_response>({}, -1).error().code
    == error_code::unsupported_api_version);
}

TEST_CASE("a Metadata response of version 1 is read as the protocol guide says") {
  const auto payload = joined({hex("00000007"), hex("00000001 00000002 0001"), text("h"),
    hex("00002384 ffff 00000002"), hex("00000001 0000 0003"), text("foo"), hex("00"),
    hex("00000001 0005 00000003 ffffffff 00000002 00000001 00000002 00000000")});
  CHECK(correlation_id_of(payload.view()) == 7);
  const auto response = decode_response<metadata_response>(payload, 1);
  REQUIRE(response);
  REQUIRE(response->brokers.size() == 1);
  CHECK(response->brokers[0] == metadata_response_broker{2, "h", 9092, std::nullopt});
  CHECK(response->controller_id == broker_id{2});
  REQUIRE(response->topics.size() == 1);
  const auto& topic = response->topics[0];
  CHECK(topic.name == "foo");
  REQUIRE(topic.partitions.size() == 1);
  CHECK(topic.partitions[0].error_code == error_code::leader_not_available);
  CHECK(topic.partitions[0].partition_index == partition_id{3});
  CHECK(topic.partitions[0].replica_nodes == std::vector<broker_id>{1, 2});
  CHECK(topic.partitions[0].isr_nodes.empty());
  CHECK(topic.partitions[0].leader_epoch == leader_epoch{-1});
}

TEST_CASE("a malformed response is an error that says what, where and in which field") {
  const auto short_one =
    joined({hex("00000007"), hex("00000001 00000002 0009"), text("h")});
  CHECK(decode_response<metadata_response>(short_one, 1).error()
    == error{error_code::malformed_response,
      "MetadataResponse v1: length beyond the end at byte 14 in Host"});
  const auto long_one = hex("00000007 0000 00000000 00");
  CHECK(decode_response<api_versions_response>(long_one, 0).error()
    == error{error_code::malformed_response,
      "ApiVersionsResponse v0: trailing bytes at byte 10"});
}

TEST_CASE("an ApiVersions response has the oldest header in every version") {
  const auto payload = hex("00000001 0000 02 0003 0000 000d 00 00000000 00");
  const auto response = decode_response<api_versions_response>(payload, 3);
  REQUIRE(response);
  REQUIRE(response->api_keys.size() == 1);
  CHECK(response->api_keys[0] == api_versions_response_key{3, 0, 13});
}

TEST_CASE(
  "a refused ApiVersions is read in version 0 and names the version to fall back to") {
  const auto payload = hex("00000001 0023 00000001 0012 0000 0002");
  const auto refusal = decode_response<api_versions_response>(payload, 4);
  REQUIRE(refusal);
  CHECK(refusal->error_code == error_code::unsupported_version);
  CHECK(fallback_version(*refusal) == 2);
  // Brokers before 2.4 refuse without a word on what they do support.
  const auto silent =
    decode_response<api_versions_response>(hex("00000001 0023 00000000"), 4);
  REQUIRE(silent);
  CHECK(fallback_version(*silent) == 0);
}

TEST_CASE("known tagged fields are read, unknown ones skipped by their size") {
  const auto payload = hex("00000001 0000 01 00000000"
                           " 03 01 08 0000000000000005 03 01 01 0a 02 ffff");
  const auto response = decode_response<api_versions_response>(payload, 3);
  REQUIRE(response);
  CHECK(response->finalized_features_epoch == 5);
  CHECK(response->zk_migration_ready);
}

TEST_CASE("a tagged field that is shorter or longer than its size is malformed") {
  const auto too_long = decode_response<api_versions_response>(
    hex("00000001 0000 01 00000000 01 03 02 0101"), 3);
  CHECK(too_long.error().code == error_code::malformed_response);
  const auto too_short = decode_response<api_versions_response>(
    hex("00000001 0000 01 00000000 01 01 02 0101"), 3);
  CHECK(too_short.error().code == error_code::malformed_response);
  const auto twice = decode_response<api_versions_response>(
    hex("00000001 0000 01 00000000 02 03 01 01 03 01 01"), 3);
  CHECK(twice.error().code == error_code::malformed_response);
}

TEST_CASE("tagged fields are written only when set") {
  api_versions_response response;
  writer plain;
  encode(plain, response, 3);
  CHECK(shared_bytes::from(plain.bytes()) == hex("0000 01 00000000 00"));
  response.zk_migration_ready = true;
  response.finalized_features_epoch = 5;
  writer both;
  encode(both, response, 3);
  CHECK(shared_bytes::from(both.bytes())
    == hex("0000 01 00000000 02 01 08 0000000000000005 03 01 01"));
}

TEST_CASE("a Produce request hands its records on without copying them") {
  const auto records = shared_bytes::from(std::vector<std::byte>(5000));
  produce_request request;
  request.acks = -1;
  request.timeout_ms = 1000;
  request.topic_data = {{"foo", {}, {{0, records}, {1, records}}}};
  const auto out = encode_request(request, 9, 1, "me");
  REQUIRE(out);
  int uncopied = 0;
  std::size_t size = 0;
  for (const auto& part : out->parts) {
    uncopied += part.data() == records.data() ? 1 : 0;
    size += part.size();
  }
  CHECK(uncopied == 2);
  CHECK(size == out->size);
  reader in{flat(*out)};
  CHECK(in.i32() == static_cast<std::int32_t>(out->size - 4));
  const auto header = read_request_header(in);
  CHECK(header == request_header{api_key::produce, 9, 1, "me"});
  produce_request again;
  CHECK(decode(in, again, 9).empty());
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
  CHECK(again == request);
}

TEST_CASE("records that were fetched are slices of the frame they came in") {
  fetch_response response;
  fetch_partition_data partition;
  partition.records = shared_bytes::from(std::vector<std::byte>(300, std::byte{7}));
  response.responses = {{"foo", {}, {partition}}};
  const auto sent = encode_response(response, 12, 1);
  REQUIRE(sent);
  const auto whole = flat(*sent);
  const auto payload = whole.slice(4, whole.size());
  const auto received = decode_response<fetch_response>(payload, 12);
  REQUIRE(received);
  CHECK(*received == response);
  const auto& records = *received->responses[0].partitions[0].records;
  CHECK(records.data() > payload.data());
  CHECK(records.data() + records.size() < payload.data() + payload.size());
}

TEST_CASE("secrets are not printed") {
  sasl_authenticate_request request{{text("hunter2")}};
  CHECK(print(request) == "SaslAuthenticateRequest{AuthBytes: <secret>}");
}

TEST_CASE("a message is printed with Kafka's names") {
  list_offsets_response response;
  response.topics = {{"a\"\n\x7f", {{1, error_code::none, {}, -1, 5, 2}}}};
  CHECK(print(response)
    == "ListOffsetsResponse{ThrottleTimeMs: 0, Topics: [{Name: \"a\\\"\\x0a\\x7f\", "
       "Partitions: [{PartitionIndex: 1, ErrorCode: NONE, OldStyleOffsets: [], "
       "Timestamp: -1, Offset: 5, LeaderEpoch: 2}]}]}");
}
