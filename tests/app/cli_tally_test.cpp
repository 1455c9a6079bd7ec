#include <cafka/app/cli/produce_tally.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka;
using namespace cafka::cli;

namespace {

delivery report(partition_id p, std::uint64_t first, std::int32_t count,
  log_offset base_offset, error_code code = error_code::none) {
  delivery d;
  d.partition = p;
  d.first_number = first;
  d.count = count;
  d.base_offset = base_offset;
  d.error = {code, "because"};
  return d;
}

/// Records 0, 1, 2, ... of the run go to partitions 0 and 1 in turn, ten bytes each.
produce_tally in_turn(std::uint64_t records) {
  produce_tally tally;
  for (std::uint64_t i = 0; i != records; ++i)
    tally.taken(static_cast<std::int32_t>(i % 2), i / 2, i, 10);
  return tally;
}

} // namespace

TEST_CASE("a record's place in the input is told by file and line") {
  record_origins from;
  from.begin(0, "", true);
  CHECK(from.text(0) == "line 1");
  CHECK(from.text(733) == "line 734");
  record_origins files;
  files.begin(0, "a.txt", true);
  files.begin(3, "empty.txt", true);
  files.begin(3, "b.txt", true);
  files.begin(5, "cat.jpg", false);
  CHECK(files.text(2) == "line 3 of a.txt");
  CHECK(files.text(3) == "line 1 of b.txt");
  CHECK(files.text(4) == "line 2 of b.txt");
  CHECK(files.text(5) == "cat.jpg");
}

TEST_CASE("a tally sums up what was written where") {
  auto tally = in_turn(10);
  tally.reported(report(0, 0, 2, 100));
  tally.reported(report(1, 0, 5, 7));
  CHECK(tally.finished() == 7);
  // Somebody else wrote in between.
  tally.reported(report(0, 2, 3, 200));
  const auto& s = tally.summary();
  CHECK(s.records == 10);
  CHECK(s.bytes == 100);
  CHECK_FALSE(tally.first_failure());
  REQUIRE(s.partitions.size() == 2);
  CHECK(s.partitions.at(0).records == 5);
  CHECK(s.partitions.at(0).base_offset == log_offset{100});
  CHECK(s.partitions.at(0).last_offset == log_offset{202});
  CHECK(s.partitions.at(1).last_offset == log_offset{11});
}

TEST_CASE("the first record that failed is the first of the input, not of the reports") {
  auto tally = in_turn(10);
  tally.reported(report(1, 3, 2, -1, error_code::timed_out));
  REQUIRE(tally.first_failure());
  CHECK(tally.first_failure()->record == 7);
  tally.reported(report(0, 1, 1, -1, error_code::outcome_unknown));
  CHECK(tally.first_failure()->record == 2);
  CHECK(tally.first_failure()->partition == partition_id{0});
  CHECK(tally.first_failure()->why.code == error_code::outcome_unknown);
  // What came before and behind is still to be told.
  tally.reported(report(0, 2, 3, 5));
  tally.reported(report(0, 0, 1, 4));
  tally.reported(report(1, 0, 3, 0));
  const auto& s = tally.summary();
  CHECK(s.records == 7);
  CHECK(s.not_written == 2);
  CHECK(s.unknown == 1);
  CHECK(s.bytes == 70);
  CHECK(tally.first_failure()->record == 2);
}

TEST_CASE("reports of runs in parts come out even") {
  produce_tally tally;
  for (std::uint64_t i = 0; i != 1'000; ++i)
    tally.taken(3, i, i, i % 7);
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i != 1'000; ++i)
    bytes += i % 7;
  tally.reported(report(3, 500, 100, 500));
  tally.reported(report(3, 0, 500, 0));
  CHECK(tally.finished() == 600);
  tally.reported(report(3, 999, 1, 999));
  tally.reported(report(3, 600, 399, 600));
  CHECK(tally.summary().records == 1'000);
  CHECK(tally.summary().bytes == bytes);
  // What nobody took cannot be told.
  tally.reported(report(3, 0, 10, 0));
  tally.reported(report(9, 0, 10, 0));
  tally.reported(report(-1, 0, 10, -1, error_code::timed_out));
  CHECK(tally.finished() == 1'000);
}

TEST_CASE("a record that nobody took has failed") {
  produce_tally tally;
  tally.refused(5, -1, {error_code::message_too_large, {}});
  tally.refused(2, 7, {error_code::unknown_topic_or_partition, {}});
  CHECK(tally.summary().not_written == 2);
  CHECK(tally.first_failure()->record == 2);
}
