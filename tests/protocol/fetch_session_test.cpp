#include <cafka/protocol/machines/fetch_session.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

namespace {

const auto topic_t = std::make_shared<const std::string>("t");

uuid id_of(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

fetch_session::wanted want(std::uint32_t slot, std::int64_t offset, std::uint8_t id = 1) {
  return {slot, topic_t, id_of(id), static_cast<std::int32_t>(slot), offset, 0, 1'000};
}

using wishes = std::vector<fetch_session::wanted>;

struct asked {
  std::int32_t session = 0;
  std::int32_t epoch = 0;
  std::vector<std::int32_t> partitions;
  std::vector<std::int32_t> forgotten;

  friend bool operator==(const asked&, const asked&) = default;
};

asked ask(fetch_session& s, const wishes& w, bool by_id = true, bool sessions = true) {
  fetch_request out;
  s.fill(out, w, by_id, sessions);
  asked a{out.session_id, out.session_epoch, {}, {}};
  for (const auto& t : out.topics) {
    CHECK(t.topic.empty() == by_id);
    for (const auto& p : t.partitions)
      a.partitions.push_back(p.partition.value());
  }
  for (const auto& t : out.forgotten_topics_data) {
    for (const auto p : t.partitions)
      a.forgotten.push_back(p.value());
  }
  return a;
}

fetch_response answer(std::int32_t session, error_code e = error_code::none) {
  fetch_response r;
  r.session_id = session;
  r.error_code = e;
  return r;
}

} // namespace

TEST_CASE("a session asks for all once, then for what has changed") {
  fetch_session s;
  CHECK(ask(s, {want(0, 5), want(1, 7)}) == asked{0, 0, {0, 1}, {}});
  CHECK(s.full());
  CHECK(s.on_answer(answer(77)));
  CHECK(s.id() == 77);
  CHECK(ask(s, {want(0, 5), want(1, 7)}) == asked{77, 1, {}, {}});
  CHECK_FALSE(s.full());
  CHECK(s.on_answer(answer(77)));
  CHECK(ask(s, {want(0, 5), want(1, 9)}) == asked{77, 2, {1}, {}});
  CHECK(s.on_answer(answer(77)));
  CHECK(ask(s, {want(1, 9), want(2, 0)}) == asked{77, 3, {2}, {0}});
  CHECK(s.on_answer(answer(77)));
  CHECK(ask(s, {want(0, 5), want(1, 9), want(2, 0)}) == asked{77, 4, {0}, {}});
}

TEST_CASE("a session that the broker has dropped begins anew, without its number") {
  fetch_session s;
  static_cast<void>(ask(s, {want(0, 5)}));
  CHECK(s.on_answer(answer(77)));
  static_cast<void>(ask(s, {want(0, 6)}));
  CHECK_FALSE(s.on_answer(answer(0, error_code::fetch_session_id_not_found)));
  CHECK(ask(s, {want(0, 6)}) == asked{0, 0, {0}, {}});
}

TEST_CASE("a session out of step, or with a lost answer, is ended by the next one") {
  for (const auto lost : {false, true}) {
    fetch_session s;
    static_cast<void>(ask(s, {want(0, 5), want(1, 5)}));
    CHECK(s.on_answer(answer(77)));
    static_cast<void>(ask(s, {want(0, 6)}));
    if (lost)
      s.on_lost();
    else
      CHECK_FALSE(s.on_answer(answer(0, error_code::invalid_fetch_session_epoch)));
    CHECK(ask(s, {want(0, 6)}) == asked{77, 0, {0}, {}});
    CHECK(s.on_answer(answer(78)));
    CHECK(ask(s, {want(0, 6)}) == asked{78, 1, {}, {}});
  }
}

TEST_CASE("a topic of another id, in a session by ids, is forgotten and asked for") {
  fetch_session s;
  static_cast<void>(ask(s, {want(0, 5, 1)}));
  CHECK(s.on_answer(answer(77)));
  CHECK(ask(s, {want(0, 0, 2)}) == asked{77, 1, {0}, {0}});
}

TEST_CASE("a session does not mix names and ids") {
  fetch_session s;
  static_cast<void>(ask(s, {want(0, 5)}, false));
  CHECK(s.on_answer(answer(77)));
  CHECK(ask(s, {want(0, 5)}, true) == asked{77, 0, {0}, {}});
}

TEST_CASE(
  "where the broker has no room for a session, or knows of none, all is asked for") {
  fetch_session s;
  static_cast<void>(ask(s, {want(0, 5)}));
  CHECK(s.on_answer(answer(0)));
  CHECK(ask(s, {want(0, 5)}) == asked{0, 0, {0}, {}});
  CHECK(ask(s, {want(0, 5)}, false, false) == asked{0, -1, {0}, {}});
  CHECK(s.on_answer(answer(0)));
  CHECK(ask(s, {want(0, 5)}, false, false) == asked{0, -1, {0}, {}});
}
