#include <cafka/protocol/result.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cctype>
#include <set>

using namespace cafka::protocol;

TEST_CASE("every error has a name of its own, a sentence and a remedy that fits") {
  std::set<std::string_view> names;
  for (const auto& row : error_table()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK(row.text.size() > 5);
    CHECK(row.text.back() == '.');
    // Only a setting's own name may stand first in small letters.
    CHECK((std::isupper(static_cast<unsigned char>(row.text.front())) != 0
      || row.text.starts_with("acks ")));
    CHECK((row.what_to_do == remedy::none) == (row.code == error_code::none));
    CHECK(to_string(row.what_to_do) != "unknown");
    if (row.retriable) {
      CHECK(row.what_to_do != remedy::give_up);
      CHECK(row.what_to_do != remedy::fix_request);
    }
    CHECK(name(row.code) == row.name);
    CHECK(text(row.code) == row.text);
    CHECK(remedy_for(row.code) == row.what_to_do);
    CHECK(is_retriable(row.code) == row.retriable);
  }
}

TEST_CASE("Kafka's codes have no gaps and cafka's own lie below -100") {
  std::int16_t next = -1;
  for (const auto& row : error_table()) {
    const auto number = static_cast<std::int16_t>(row.code);
    if (number < -1) {
      CHECK(number <= -101);
    } else {
      CHECK(number == next);
      ++next;
    }
  }
  CHECK(next == 134);
}

TEST_CASE("what to do follows from the code") {
  CHECK(remedy_for(error_code::not_leader_or_follower) == remedy::refresh_metadata);
  CHECK(remedy_for(error_code::offset_out_of_range) == remedy::reset_offset);
  CHECK(remedy_for(error_code::not_coordinator) == remedy::find_coordinator);
  CHECK(remedy_for(error_code::fetch_session_id_not_found) == remedy::reset_session);
  CHECK(remedy_for(error_code::timed_out) == remedy::retry);
  CHECK(remedy_for(error_code::outcome_unknown) == remedy::give_up);
  CHECK(!is_retriable(error_code::outcome_unknown));
}

TEST_CASE("a number that nobody knows keeps its value and has a name") {
  const auto unknown = error_code_from_wire(1234);
  CHECK(static_cast<std::int16_t>(unknown) == 1234);
  CHECK(name(unknown) == "UNKNOWN(1234)");
  CHECK(!text(unknown).empty());
  CHECK(!is_retriable(unknown));
  CHECK(remedy_for(unknown) == remedy::give_up);
  CHECK(name(error_code_from_wire(-50)) == "UNKNOWN(-50)");
}

TEST_CASE("an error is its name and its detail in words") {
  CHECK(to_string(error{error_code::not_leader_or_follower, "foo/0"})
    == "NOT_LEADER_OR_FOLLOWER: foo/0");
  CHECK(to_string(error{error_code::closed, {}}) == "CLOSED");
}

TEST_CASE("a result holds a value or the error in its place") {
  result<int> good{5};
  REQUIRE(good);
  CHECK(*good == 5);
  CHECK(good.error() == error{});
  const result<int> bad{error_code::not_found, "x"};
  CHECK(!bad);
  CHECK(bad.error() == error{error_code::not_found, "x"});
  CHECK(result<int>{}.error().code == error_code::unknown_server_error);
}

namespace {

/// Stands in for an inspector in CAF's style.
struct number_inspector {
  std::int16_t number = 0;
  bool loading = false;

  template <class Get, class Set>
  bool apply(Get get, Set set) {
    if (loading)
      return set(number);
    number = get();
    return true;
  }
};

} // namespace

TEST_CASE("an error code is inspected as its number") {
  auto code = error_code::leader_not_available;
  number_inspector save;
  CHECK(inspect(save, code));
  CHECK(save.number == 5);
  number_inspector load{999, true};
  CHECK(inspect(load, code));
  CHECK(name(code) == "UNKNOWN(999)");
}
