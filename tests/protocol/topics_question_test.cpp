#include <cafka/protocol/machines/topics_question.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

namespace {

/// The names, `all` or `none`, as the version means what is asked.
std::string asked(const topics_question& question, std::int16_t version) {
  const auto request = question.request(version);
  if (!request.topics || (version == 0 && request.topics->empty()))
    return "all";
  std::string names;
  for (const auto& t : *request.topics)
    names += (names.empty() ? "" : ",") + t.name.value_or("?");
  return names.empty() ? "none" : names;
}

metadata_response about(std::initializer_list<const char*> names) {
  metadata_response answer;
  for (const auto* name : names)
    answer.topics.emplace_back().name = name;
  return answer;
}

} // namespace

TEST_CASE(
  "what must not be made is not asked about by name before version 4", "[machines]") {
  const std::vector<std::string> two{"b", "a"};
  const topics_question careful{two, false};
  const topics_question creating{two, true};
  for (std::int16_t v = 0; v != 4; ++v) {
    INFO(v);
    CHECK(asked(careful, v) == "all");
    CHECK(asked(creating, v) == "b,a");
    // These versions have no word for it.
    CHECK(careful.request(v).allow_auto_topic_creation);
  }
  for (std::int16_t v = 4; v <= metadata_request::versions.max; ++v) {
    INFO(v);
    CHECK(asked(careful, v) == "b,a");
    CHECK(asked(creating, v) == "b,a");
    CHECK_FALSE(careful.request(v).allow_auto_topic_creation);
    CHECK(creating.request(v).allow_auto_topic_creation);
  }
}

TEST_CASE("all topics are asked about, and none where a version can", "[machines]") {
  const topics_question all{std::nullopt, false};
  const topics_question none{std::vector<std::string>{}, false};
  for (std::int16_t v = 0; v <= metadata_request::versions.max; ++v) {
    INFO(v);
    CHECK(asked(all, v) == "all");
    CHECK(asked(none, v) == (v == 0 ? "all" : "none"));
    auto answer = about({"a"});
    CHECK(all.keep_asked(answer, v));
    CHECK(answer.topics.size() == 1);
    CHECK(none.keep_asked(answer, v) == (v == 0));
    CHECK(answer.topics.size() == (v == 0 ? 1 : 0));
  }
}

TEST_CASE("a topic that is not among all topics is unknown", "[machines]") {
  const topics_question careful{std::vector<std::string>{"a", "gone", "b"}, false};
  auto answer = about({"other", "b", "a"});
  CHECK_FALSE(careful.keep_asked(answer, 1));
  REQUIRE(answer.topics.size() == 3);
  CHECK(answer.topics[0].name == "b");
  CHECK(answer.topics[1].name == "a");
  CHECK(answer.topics[2].name == "gone");
  CHECK(answer.topics[2].error_code == error_code::unknown_topic_or_partition);
  // One that is asked about by name and left out may be told the next time.
  answer = about({"other", "b", "a"});
  CHECK_FALSE(careful.keep_asked(answer, 4));
  CHECK(answer.topics.size() == 2);
}

TEST_CASE("epochs that may be behind those of leaders are not told", "[machines]") {
  const topics_question question{std::vector<std::string>{"a"}, true};
  for (const std::int16_t version : {7, 8, 9, 13}) {
    auto answer = about({"a"});
    answer.topics[0].partitions.emplace_back().leader_epoch = 5;
    CHECK_FALSE(question.keep_asked(answer, version));
    CHECK(
      answer.topics[0].partitions[0].leader_epoch == leader_epoch{version < 9 ? -1 : 5});
  }
}
