#include "allocation_counter.hpp"
#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/schema/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace cafka::protocol;

// What must hold for any message of any API in any version, whatever arrives.
namespace {

/// Calls `check.operator()<Message>(version)` for every version of every message.
template <class Check>
void for_each_version(Check check) {
  for_each_message([&check]<class M>() {
    for (auto version = M::versions.min; version <= M::versions.max; ++version) {
      INFO(M::name << " v" << version);
      check.template operator()<M>(version);
    }
  });
}

template <class M>
std::vector<std::byte> encoded(const M& message, std::int16_t version) {
  writer out;
  encode(out, message, version);
  INFO(out.error());
  REQUIRE(out.ok());
  return out.bytes();
}

/// A message, in bytes, that is small enough to be tried at every byte.
template <class M>
std::vector<std::byte> small_sample(random_source& source, std::int16_t version) {
  for (;;) {
    auto bytes = encoded(random_message<M>(source, version), version);
    if (bytes.size() <= 700)
      return bytes;
  }
}

/// Decodes and, of what could be decoded, demands that it can be encoded and read again.
template <class M>
void survive(const std::vector<std::byte>& bytes, std::int16_t version) {
  const allocation_counter memory;
  reader in{byte_view{bytes}};
  M message;
  decode(in, message, version);
  // A text of one byte on the wire is 32 in memory, in a vector that doubles as it grows;
  // beyond that, one array at each depth may have taken room for what never came.
  if (memory.bytes() > 160 * bytes.size() + 65536) {
    INFO(bytes.size() << " bytes made it take " << memory.bytes());
    FAIL();
  }
  if (!in.ok())
    return;
  const auto copy = encoded(message, version);
  reader second{byte_view{copy}};
  M again;
  decode(second, again, version);
  if (!second.ok() || second.remaining() != 0 || !(again == message)) {
    INFO(print(message));
    FAIL();
  }
}

} // namespace

TEST_CASE("arbitrary messages of every API and version survive the round trip") {
  random_source source{1};
  for_each_version([&source]<class M>(std::int16_t version) {
    for (int i = 0; i < 150; ++i) {
      const auto message = random_message<M>(source, version);
      const auto bytes = encoded(message, version);
      reader in{byte_view{bytes}};
      M again;
      const auto failed_field = decode(in, again, version);
      INFO(print(message));
      REQUIRE(in.error() == wire_error::none);
      REQUIRE(failed_field.empty());
      REQUIRE(in.remaining() == 0);
      REQUIRE(again == message);
      REQUIRE(encoded(again, version) == bytes);
      REQUIRE(print(again) == print(message));
    }
  });
}

TEST_CASE("a message that is cut off at any byte is refused") {
  random_source source{2};
  for_each_version([&source]<class M>(std::int16_t version) {
    for (int i = 0; i < 10; ++i) {
      const auto bytes = small_sample<M>(source, version);
      for (std::size_t size = 0; size < bytes.size(); ++size) {
        reader in{byte_view{bytes}.first(size)};
        M message;
        decode(in, message, version);
        if (in.ok()) {
          INFO(size << " of " << bytes.size() << " bytes were enough");
          FAIL();
        }
      }
    }
  });
}

TEST_CASE("flipped bits neither crash a decoder nor make it take memory without need") {
  random_source source{3};
  for_each_version([&source]<class M>(std::int16_t version) {
    auto bytes = small_sample<M>(source, version);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1U << (bit % 8));
      bytes[bit / 8] ^= mask;
      survive<M>(bytes, version);
      bytes[bit / 8] ^= mask;
    }
  });
}

TEST_CASE("garbage neither crashes a decoder nor makes it take memory without need") {
  random_source source{4};
  for_each_version([&source]<class M>(std::int16_t version) {
    for (int i = 0; i < 300; ++i) {
      std::vector<std::byte> bytes(source.below(400));
      // Few different values make lengths and counts that fit more likely.
      const auto values = source.below(2) == 0 ? 4 : 256;
      for (auto& b : bytes)
        b = static_cast<std::byte>(source.below(values));
      survive<M>(bytes, version);
    }
  });
}

TEST_CASE("a count far beyond what is left is refused before memory is taken") {
  writer out;
  out.i32(0x7FFFFFFF);
  const auto bytes = out.bytes();
  const allocation_counter memory;
  reader in{byte_view{bytes}};
  metadata_request request;
  decode(in, request, 0);
  CHECK(in.error() == wire_error::bad_length);
  CHECK(memory.bytes() == 0);
}

TEST_CASE("a count that could be true takes memory only as its elements arrive") {
  writer out;
  out.i32(100000);
  out.raw(byte_view{std::vector<std::byte>(100000, std::byte{0xFF})});
  const auto bytes = out.bytes();
  const allocation_counter memory;
  reader in{byte_view{bytes}};
  metadata_response response;
  decode(in, response, 0);
  CHECK(in.error() == wire_error::negative_length);
  CHECK(memory.bytes() < 20000);
}

TEST_CASE("a response that is cut off at any byte is a malformed response") {
  random_source source{5};
  for_each_api([&source]<class Request, class Response>() {
    for (auto version = Response::versions.min; version <= Response::versions.max;
         ++version) {
      const auto response = random_message<Response>(source, version);
      const auto sent = encode_response(response, version, 42);
      INFO(Response::name << " v" << version);
      REQUIRE(sent);
      std::vector<std::byte> whole;
      for (const auto& part : sent->parts)
        whole.insert(whole.end(), part.view().begin(), part.view().end());
      whole.erase(whole.begin(), whole.begin() + 4);
      const auto payload = shared_bytes::from(std::move(whole));
      CHECK(correlation_id_of(payload.view()) == 42);
      const auto received = decode_response<Response>(payload, version);
      REQUIRE(received);
      REQUIRE(*received == response);
      const auto step = std::max<std::size_t>(1, payload.size() / 200);
      for (std::size_t size = 0; size < payload.size(); size += step) {
        const auto error =
          decode_response<Response>(payload.slice(0, size), version).error();
        REQUIRE(error.code == error_code::malformed_response);
      }
    }
  });
}
