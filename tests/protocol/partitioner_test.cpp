#include <cafka/protocol/machines/partitioner.hpp>
#include <cafka/protocol/records/record.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace cafka::protocol;

namespace {

std::int32_t java_hash(std::string_view key) {
  return static_cast<std::int32_t>(murmur2(as_bytes(key)));
}

partition_id chosen(const partitioner& choose, std::optional<std::string_view> key,
  std::int32_t partitions, std::uint32_t random = 0) {
  partition_choice choice{"t", {}, partitions, random};
  if (key)
    choice.key = as_bytes(*key);
  return choose(choice);
}

} // namespace

TEST_CASE("keys hash as Kafka's Java client hashes them", "[machines]") {
  // By `Utils.murmur2` of Kafka's client 4.3.
  CHECK(java_hash("") == 275646681);
  CHECK(java_hash("a") == -1563381124);
  CHECK(java_hash("ab") == 316155434);
  CHECK(java_hash("abc") == 479470107);
  CHECK(java_hash("21") == -973932308);
  CHECK(java_hash("foobar") == -790332482);
  CHECK(java_hash("a-little-bit-long-string") == -985981536);
  CHECK(java_hash("a-little-bit-longer-string") == -1486304829);
  CHECK(java_hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8") == -58897971);
  CHECK(java_hash({"\xff\x80\x00\xfe\x81", 5}) == 1700763136);
}

TEST_CASE("murmur2 sends keys where the Java client does", "[machines]") {
  CHECK(chosen(murmur2_partitioner, "", 7) == partition_id{2});
  CHECK(chosen(murmur2_partitioner, "a", 7) == partition_id{5});
  CHECK(chosen(murmur2_partitioner, "foobar", 7) == partition_id{0});
  CHECK(chosen(murmur2_partitioner, "21", 12) == partition_id{0});
  CHECK(
    chosen(murmur2_partitioner, "a-little-bit-longer-string", 12) == partition_id{11});
}

TEST_CASE("crc32 sends keys where librdkafka's consistent_random does", "[machines]") {
  CHECK(chosen(crc32_partitioner, "a", 7) == partition_id{4});
  CHECK(chosen(crc32_partitioner, "abc", 7) == partition_id{5});
  CHECK(chosen(crc32_partitioner, "foobar", 7) == partition_id{6});
  CHECK(chosen(crc32_partitioner, "a-little-bit-long-string", 7) == partition_id{3});
  // An empty key is as good as none.
  CHECK(chosen(crc32_partitioner, "", 7, 3) == partition_id{3});
}

TEST_CASE("without a key any partition will do", "[machines]") {
  for (const auto& p : partitioners()) {
    INFO(p.name);
    std::set<partition_id> seen;
    for (std::uint32_t random = 0; random < 50; ++random)
      seen.insert(chosen(p.choose, std::nullopt, 5, random * 0x9e3779b9U));
    CHECK(seen.size() == 5);
    CHECK(*seen.begin() == partition_id{0});
    CHECK(*seen.rbegin() == partition_id{4});
  }
}

TEST_CASE("random does not look at keys", "[machines]") {
  CHECK(chosen(random_partitioner, "a", 7, 6) == partition_id{6});
  CHECK(chosen(random_partitioner, "b", 7, 6) == partition_id{6});
}

TEST_CASE("legacy sends keys where KafkaEx's LegacyPartitioner does", "[machines]") {
  // By that module's own tests.
  CHECK(chosen(legacy_partitioner, "key", 5) == partition_id{4});
  CHECK(chosen(legacy_partitioner, "key", 6) == partition_id{3});
  CHECK(chosen(legacy_partitioner, "key2", 5) == partition_id{1});
  CHECK(chosen(legacy_partitioner, "key2", 6) == partition_id{5});
  // And of its hash: 2,621,371,952, where the Java client has 473,888,304.
  CHECK(chosen(legacy_partitioner, "rule", 1'000'000) == partition_id{371'952});
  CHECK(chosen(murmur2_partitioner, "rule", 1'000'000) == partition_id{888'304});
}
