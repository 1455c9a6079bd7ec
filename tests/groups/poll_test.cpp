#include "group_fixture.hpp"

using namespace group_fixture;

TEST_CASE("a member reads all partitions, and the next one goes on behind it") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 4);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 50);
  tally all;
  {
    program one{*f.app, member_of("billing", "one", by), all};
    REQUIRE(eventually([&] { return all.records() == 200; }));
    CHECK(one.has().size() == 4);
    const auto is = one.handle().membership().value();
    CHECK(is.group == "billing");
    CHECK(is.state == "stable");
    CHECK(is.protocol == to_string(by));
    CHECK(is.leader == (by == member_protocol::classic));
    CHECK(is.assignor == (is.leader ? "cooperative-sticky" : ""));
    CHECK(is.partitions.size() == 4);
    one.close();
  }
  for (int p = 0; p != 4; ++p) {
    CHECK(f.committed("billing", "orders", p) == 50);
    f.append("orders", p, 50, 10);
  }
  program two{*f.app, member_of("billing", "two", by), all};
  REQUIRE(eventually([&] { return all.records() == 240; }));
  CHECK(all.twice() == 0);
}

TEST_CASE("members share a topic, come and go, and nothing is read twice") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 6);
  tally all;
  std::atomic<bool> over = false;
  int sent = 0;
  std::thread writer{[&] {
    while (!over) {
      for (int p = 0; p != 6; ++p)
        f.append("orders", p, sent, 5);
      sent += 5;
      std::this_thread::sleep_for(3ms);
    }
  }};
  program one{*f.app, member_of("billing", "one", by), all};
  REQUIRE(eventually([&] { return one.has().size() == 6; }));
  program two{*f.app, member_of("billing", "two", by), all};
  REQUIRE(eventually([&] { return one.has().size() == 3 && two.has().size() == 3; }));
  program three{*f.app, member_of("billing", "three", by), all};
  REQUIRE(eventually([&] {
    return one.has().size() == 2 && two.has().size() == 2 && three.has().size() == 2;
  }));
  two.close();
  REQUIRE(eventually([&] { return one.has().size() == 3 && three.has().size() == 3; }));
  one.close();
  REQUIRE(eventually([&] { return three.has().size() == 6; }));
  over = true;
  writer.join();
  REQUIRE(
    eventually([&] { return all.records() == static_cast<std::size_t>(6 * sent); }));
  CHECK(all.twice() == 0);
  CHECK(one.count(group_event_kind::lost) == 0);
  CHECK(three.count(group_event_kind::lost) == 0);
}
