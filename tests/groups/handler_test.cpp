#include "group_fixture.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>
#include <set>

using namespace group_fixture;

namespace {

consumer_group_options quick(const std::string& name = {}) {
  consumer_group_options o;
  o.group = "billing";
  o.topics = {"orders"};
  o.name = name;
  o.membership.heartbeat_interval = 200ms;
  o.reading.auto_offset_reset = offset_reset::earliest;
  o.retry_backoff = 2ms;
  o.retry_backoff_max = 20ms;
  return o;
}

/// What handlers have seen, in the order in which they did.
struct seen {
  std::mutex mutex;
  std::map<topic_partition, std::vector<std::int64_t>> offsets;
  std::vector<std::string> notes;

  void add(const consumed_batch& b) {
    const std::lock_guard guard{mutex};
    for (const auto& r : b)
      offsets[{b.topic(), b.partition()}].push_back(r.offset.value());
  }
  void add(std::int64_t offset, const consumed_batch& b) {
    const std::lock_guard guard{mutex};
    offsets[{b.topic(), b.partition()}].push_back(offset);
  }
  void note(std::string what) {
    const std::lock_guard guard{mutex};
    notes.push_back(std::move(what));
  }
  std::size_t count() {
    const std::lock_guard guard{mutex};
    std::size_t sum = 0;
    for (const auto& [p, all] : offsets)
      sum += all.size();
    return sum;
  }
  std::vector<std::int64_t> of(int partition) {
    const std::lock_guard guard{mutex};
    return offsets[{"orders", partition_id{partition}}];
  }
  std::size_t count_notes(const std::string& what) {
    const std::lock_guard guard{mutex};
    return static_cast<std::size_t>(std::ranges::count(notes, what));
  }
};

std::vector<std::int64_t> numbers(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (; from != to; ++from)
    all.push_back(from);
  return all;
}

handler_status of_partition(const consumer_group& g, int partition) {
  const auto all = g.status();
  REQUIRE(all);
  for (const auto& h : all->handlers) {
    if (h.partition == partition_id{partition})
      return h;
  }
  return {};
}

} // namespace

TEST_CASE("each partition has a handler of its own, which gets all records in order") {
  on_memory f;
  f.cluster.create_topic("orders", 4);
  seen all;
  std::atomic<int> made = 0;
  const auto g = f.app->consumer_group(quick(), [&](const partition_assignment& of) {
    ++made;
    CHECK(of.topic() == "orders");
    CHECK(of.group() == "billing");
    return [&all, mine = of.partition()](const consumed_batch& b) {
      if (b.partition() != mine)
        all.note("another's");
      all.add(b);
      return handled::async_commit();
    };
  });
  REQUIRE(g);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 200);
  REQUIRE(eventually([&] { return all.count() == 800; }));
  for (int p = 0; p != 4; ++p)
    CHECK(all.of(p) == numbers(0, 200));
  CHECK(made == 4);
  CHECK(all.notes.empty());
  REQUIRE(g->commit());
  for (int p = 0; p != 4; ++p)
    CHECK(f.committed("billing", "orders", p) == 200);
  const auto how = g->status();
  REQUIRE(how);
  CHECK(how->member.group == "billing");
  REQUIRE(how->handlers.size() == 4);
  for (const auto& h : how->handlers) {
    CHECK(h.state == "idle");
    CHECK(h.offset == log_offset{200});
    CHECK(h.restarts == 0);
  }
  // The tree shows them.
  const auto tree = to_string(f.app->tree().value());
  CHECK(tree.find("orders/3") != std::string::npos);
  REQUIRE(g->close(5s));
  CHECK(g->status().error().code == error_code::closed);
  CHECK(g->close(5s));
}

TEST_CASE("what can not be a group is refused, with what is wrong") {
  on_memory f;
  const auto refused = [&](auto change) {
    auto o = quick();
    change(o);
    const auto g = f.app->consumer_group(o, [](const partition_assignment&) {
      return [](const consumed_batch&) { return handled::async_commit(); };
    });
    REQUIRE_FALSE(g);
    CHECK(g.error().code == error_code::invalid_argument);
    return g.error().detail;
  };
  CHECK(refused([](auto& o) { o.group.clear(); }).find("group") != std::string::npos);
  CHECK(refused([](auto& o) { o.topics.clear(); }).find("topics") != std::string::npos);
  CHECK(refused([](auto& o) { o.pattern = "("; }).find("pattern") != std::string::npos);
  CHECK(refused([](auto& o) { o.max_unacknowledged = 0; }).find("max_unacknowledged")
    != std::string::npos);
  CHECK(refused([](auto& o) { o.retry_backoff = 0ms; }).find("retry_backoff")
    != std::string::npos);
  CHECK(refused([](auto& o) {
    o.dead_letter_topic = std::string(300, 'a');
  }).find("dead_letter_topic")
    != std::string::npos);
}

TEST_CASE("a handler that crashes is made anew, and nobody else notices") {
  on_memory f;
  f.cluster.create_topic("orders", 2);
  seen all;
  std::atomic<int> made = 0;
  std::atomic<bool> crashes = true;
  const auto g = f.app->consumer_group(quick(), [&](const partition_assignment& of) {
    if (of.partition() == partition_id{0})
      ++made;
    return [&](const consumed_batch& b) {
      for (const auto& r : b) {
        if (b.partition() == partition_id{0} && r.offset == log_offset{57}
          && crashes.exchange(false))
          throw std::runtime_error{"no such customer"};
        all.add(r.offset.value(), b);
      }
      return handled::async_commit();
    };
  });
  REQUIRE(g);
  f.append("orders", 0, 0, 100);
  f.append("orders", 1, 0, 100);
  REQUIRE(eventually([&] { return all.of(0).size() >= 157 && all.of(1).size() == 100; }));
  // What it had not acknowledged comes again: all of its batch.
  auto twice = numbers(0, 57);
  const auto rest = numbers(0, 100);
  twice.insert(twice.end(), rest.begin(), rest.end());
  CHECK(all.of(0) == twice);
  CHECK(all.of(1) == numbers(0, 100));
  CHECK(made == 2);
  CHECK(of_partition(*g, 0).restarts == 1);
  CHECK(of_partition(*g, 1).restarts == 0);
  REQUIRE(g->close(5s));
  CHECK(f.committed("billing", "orders", 0) == 100);
}

TEST_CASE("a record that cannot be handled is its partition's business") {
  on_memory f;
  f.cluster.create_topic("orders", 2);
  seen all;
  std::atomic<int> tries = 0;
  auto o = quick();
  o.on_failure =
    GENERATE(failure_policy::pause, failure_policy::skip, failure_policy::dead_letter);
  const auto names_it = GENERATE(true, false);
  o.max_attempts = 4;
  CAPTURE(to_string(o.on_failure), names_it);
  f.cluster.create_topic("orders-dlt", 1);
  const auto g = f.app->consumer_group(o, [&](const partition_assignment&) {
    return [&](const consumed_batch& b) {
      for (const auto& r : b) {
        if (b.partition() == partition_id{0} && r.offset == log_offset{57}) {
          ++tries;
          return names_it ? handled::failed(r.offset, "no such customer")
                          : handled::failed("no such customer");
        }
        all.add(r.offset.value(), b);
      }
      return handled::async_commit();
    };
  });
  REQUIRE(g);
  f.append("orders", 0, 0, 100);
  f.append("orders", 1, 0, 100);
  REQUIRE(eventually([&] { return all.of(1).size() == 100; }));
  if (o.on_failure == failure_policy::pause) {
    REQUIRE(eventually([&] { return of_partition(*g, 0).state == "paused"; }));
    const auto h = of_partition(*g, 0);
    CHECK(h.offset == log_offset{57});
    CHECK(h.attempts == 4);
    CHECK(h.last_error.detail == "no such customer");
    CHECK(tries == 4);
    f.append("orders", 1, 100, 10);
    REQUIRE(eventually([&] { return all.of(1).size() == 110; }));
    REQUIRE(g->commit());
    CHECK(f.committed("billing", "orders", 0) == 57);
    // It is tried as often again.
    REQUIRE(g->resume({{"orders", partition_id{0}}}));
    REQUIRE(eventually([&] { return tries == 8; }));
    REQUIRE(eventually([&] { return of_partition(*g, 0).state == "paused"; }));
    REQUIRE(g->seek("orders", partition_id{0}, start_at::offset(58)));
  }
  REQUIRE(eventually([&] {
    const auto got = all.of(0);
    return !got.empty() && got.back() == 99;
  }));
  CHECK(tries == (o.on_failure == failure_policy::pause ? 8 : 4));
  const auto got = all.of(0);
  const std::set<std::int64_t> once{got.begin(), got.end()};
  CHECK(once.size() == 99);
  if (names_it)
    CHECK(got.size() == 99);
  REQUIRE(g->close(5s));
  CHECK(f.committed("billing", "orders", 0) == 100);
  const auto letters = f.cluster.log("orders-dlt", 0);
  REQUIRE(letters.size() == (o.on_failure == failure_policy::dead_letter ? 1 : 0));
  if (!letters.empty()) {
    const auto& letter = letters.front();
    CHECK(letter.record.value == "57");
    std::map<std::string, std::string> headers;
    for (const auto& [key, value] : letter.record.headers)
      headers[key] = value.value_or("");
    CHECK(headers["kafka_dlt-original-topic"] == "orders");
    CHECK(headers["kafka_dlt-original-partition"] == std::string(4, '\0'));
    CHECK(headers["kafka_dlt-original-offset"] == std::string("\0\0\0\0\0\0\0\x39", 8));
    CHECK(headers["kafka_dlt-original-consumer-group"] == "billing");
    CHECK(headers["kafka_dlt-exception-message"] == "no such customer");
    CHECK(headers["retry_topic-attempts"] == std::string("\0\0\0\x04", 4));
  }
}

TEST_CASE(
  "the member leaves its group for a record that cannot be handled, if asked to") {
  on_memory f;
  f.cluster.create_topic("orders", 1);
  auto o = quick();
  o.on_failure = failure_policy::end_group;
  o.max_attempts = 2;
  const auto g = f.app->consumer_group(o, [&](const partition_assignment&) {
    return [&](const consumed_batch&) -> handled {
      return handled::failed("no such customer");
    };
  });
  REQUIRE(g);
  f.append("orders", 0, 0, 1);
  REQUIRE(eventually([&] { return !g->status(); }));
  CHECK(g->status().error().detail.find("offset 0 could not be handled after 2 attempts")
    != std::string::npos);
  CHECK(f.committed("billing", "orders", 0) == -1);
}

TEST_CASE("what is handled with sync_commit is committed before more comes") {
  on_memory f;
  f.cluster.create_topic("orders", 1);
  seen all;
  auto o = quick();
  o.membership.auto_commit = false;
  std::atomic<std::int64_t> behind = 0;
  std::int64_t last = 0;
  const auto g = f.app->consumer_group(o, [&](const partition_assignment&) {
    return [&](const consumed_batch& b) {
      if (last > 0 && f.committed("billing", "orders", 0) != last)
        ++behind;
      all.add(b);
      last = b.next().value();
      return handled::sync_commit();
    };
  });
  REQUIRE(g);
  for (int i = 0; i != 20; ++i) {
    f.append("orders", 0, i, 1);
    REQUIRE(eventually([&] { return all.count() == static_cast<std::size_t>(i) + 1; }));
  }
  REQUIRE(eventually([&] { return f.committed("billing", "orders", 0) == 20; }));
  CHECK(behind == 0);
  REQUIRE(g->close(5s));
}

TEST_CASE("what is acknowledged later, from anywhere, is committed then, and no more is "
          "given than may be unacknowledged") {
  on_memory f;
  f.cluster.create_topic("orders", 1);
  auto o = quick();
  o.max_unacknowledged = 3;
  std::mutex mutex;
  std::vector<log_offset> ends;
  std::optional<partition_assignment> mine;
  const auto g = f.app->consumer_group(o, [&](const partition_assignment& of) {
    const std::lock_guard guard{mutex};
    mine = of;
    return [&](const consumed_batch& b) {
      const std::lock_guard inner{mutex};
      ends.push_back(b.next());
      return handled::later();
    };
  });
  REQUIRE(g);
  const auto batches = [&] {
    const std::lock_guard guard{mutex};
    return ends.size();
  };
  for (std::size_t i = 0; i != 3; ++i) {
    f.append("orders", 0, static_cast<int>(i), 1);
    REQUIRE(eventually([&] { return batches() == i + 1; }));
  }
  f.append("orders", 0, 3, 1);
  REQUIRE(eventually([&] { return of_partition(*g, 0).state == "unacknowledged"; }));
  CHECK(batches() == 3);
  REQUIRE(g->commit());
  CHECK(f.committed("billing", "orders", 0) == -1);
  mine->acknowledge(2);
  REQUIRE(eventually([&] { return batches() == 4; }));
  REQUIRE(g->commit());
  CHECK(f.committed("billing", "orders", 0) == 2);
  // What was never given cannot be acknowledged.
  mine->acknowledge(1'000);
  CHECK(of_partition(*g, 0).offset == log_offset{2});
  // A crash gives again what is not acknowledged.
  post_exit(g->handler("orders", partition_id{0}), caf::exit_reason::kill);
  REQUIRE(eventually([&] { return batches() >= 6; }));
  {
    const std::lock_guard guard{mutex};
    CHECK(ends[4] == log_offset{3});
    CHECK(ends[5] == log_offset{4});
  }
  mine->acknowledge(4);
  REQUIRE(g->close(5s));
  CHECK(f.committed("billing", "orders", 0) == 4);
}

TEST_CASE("a handler may be an actor of the program's own, with messages of its own") {
  on_memory f;
  f.cluster.create_topic("orders", 1);
  seen all;
  auto o = quick();
  o.tell_handlers = true;
  const auto g = f.app->consumer_group(o, [&](const partition_assignment& of) {
    return of.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      return {
        [&, self](const consumed_batch& b) -> caf::result<handled> {
          all.add(b);
          auto promise = self->make_response_promise<handled>();
          tell_after(self, caf::actor_cast<caf::actor>(self), 5ms, std::string{"done"});
          self->attach_functor([] {});
          promise.deliver(handled::async_commit());
          return promise;
        },
        [&](const std::string& what) { all.note(what); },
        [&](int twice) { return 2 * twice; },
        [&](partition_revoked) {
          all.note("revoked");
          return true;
        },
        [&](const partition_lost&) { all.note("lost"); },
      };
    });
  });
  REQUIRE(g);
  f.append("orders", 0, 0, 10);
  REQUIRE(eventually([&] { return all.count() == 10; }));
  REQUIRE(eventually([&] { return all.count_notes("done") > 0; }));
  caf::scoped_actor self{f.system};
  int answer = 0;
  ask(self, g->handler("orders", partition_id{0}), 5s, 21)
    .receive([&](int n) { answer = n; }, [](const caf::error&) {});
  CHECK(answer == 42);
  CHECK_FALSE(g->handler("orders", partition_id{7}));
  REQUIRE(g->close(5s));
  CHECK(all.count_notes("revoked") == 1);
  CHECK(all.count_notes("lost") == 0);
  CHECK(f.committed("billing", "orders", 0) == 10);
}

TEST_CASE("partitions move between members with handlers, and nothing is handled twice") {
  on_memory f;
  f.cluster.create_topic("orders", 6);
  seen all;
  const auto make = [&](const partition_assignment&) {
    return [&](const consumed_batch& b) {
      std::this_thread::sleep_for(1ms); // Records are in hand when partitions go.
      all.add(b);
      return handled::async_commit();
    };
  };
  const auto one = f.app->consumer_group(quick("one"), make).value();
  int written = 0;
  const auto write = [&](int count) {
    for (int p = 0; p != 6; ++p)
      f.append("orders", p, written, count);
    written += count;
  };
  const auto all_there = [&] {
    return all.count() == 6 * static_cast<std::size_t>(written);
  };
  REQUIRE(eventually([&] { return one.assignment().size() == 6; }));
  write(50);
  const auto two = f.app->consumer_group(quick("two"), make).value();
  for (int i = 0; i < 40 || two.assignment().size() != 3; ++i) {
    REQUIRE(i < 2'000);
    write(1);
    std::this_thread::sleep_for(2ms);
  }
  REQUIRE(eventually(all_there));
  write(20);
  CHECK(two.close(5s));
  write(20);
  REQUIRE(eventually([&] { return one.assignment().size() == 6; }));
  REQUIRE(eventually(all_there));
  for (int p = 0; p != 6; ++p)
    CHECK(all.of(p) == numbers(0, written));
  REQUIRE(one.close(5s));
  for (int p = 0; p != 6; ++p)
    CHECK(f.committed("billing", "orders", p) == written);
}

TEST_CASE("a crash of what feeds the handlers, or of the member, loses nothing") {
  on_memory f;
  f.cluster.create_topic("orders", 3);
  seen all;
  std::atomic<int> made = 0;
  const auto g = f.app->consumer_group(quick(), [&](const partition_assignment&) {
    ++made;
    return [&](const consumed_batch& b) {
      all.add(b);
      return handled::async_commit();
    };
  });
  REQUIRE(g);
  const auto find = [&](const std::string& id) {
    const auto root = f.app->tree().value();
    caf::strong_actor_ptr found;
    const std::function<void(const supervision::tree_node&)> look = [&](const auto& n) {
      if (n.child.id == id && n.child.handle != nullptr)
        found = n.child.handle;
      for (const auto& c : n.children)
        look(c);
    };
    look(root);
    return found;
  };
  std::size_t count = 0;
  for (const std::string who : {"handlers", "partitions", "handlers"}) {
    INFO(who);
    for (int p = 0; p != 3; ++p)
      f.append("orders", p, static_cast<int>(count), 30);
    count += 30;
    REQUIRE(eventually([&] {
      for (int p = 0; p != 3; ++p) {
        const auto got = all.of(p);
        if (std::set<std::int64_t>{got.begin(), got.end()}.size() != count)
          return false;
      }
      return true;
    }));
    const auto actor = find(who);
    REQUIRE(actor);
    const auto before = made.load();
    post_exit(actor, caf::exit_reason::kill);
    REQUIRE(eventually([&] { return made >= before + 3; }));
  }
  for (int p = 0; p != 3; ++p)
    f.append("orders", p, static_cast<int>(count), 1);
  REQUIRE(eventually([&] {
    for (int p = 0; p != 3; ++p) {
      const auto got = all.of(p);
      if (got.empty() || got.back() != static_cast<std::int64_t>(count))
        return false;
    }
    return true;
  }));
  REQUIRE(g->close(5s));
  for (int p = 0; p != 3; ++p)
    CHECK(f.committed("billing", "orders", p) == static_cast<std::int64_t>(count) + 1);
}

TEST_CASE("a handler that never returns holds nobody up beyond the deadline") {
  on_memory f;
  f.cluster.create_topic("orders", 2);
  seen all;
  std::atomic<bool> stuck = true;
  auto o = quick("one");
  o.membership.max_poll_interval = 1'500ms;
  o.membership.session_timeout = 6s;
  o.detached = true;
  o.shutdown = 100ms;
  const auto one = f.app->consumer_group(o, [&](const partition_assignment& of) {
    return [&, which = of.partition()](const consumed_batch& b) {
      while (which == partition_id{0} && stuck)
        std::this_thread::sleep_for(5ms);
      all.add(b);
      return handled::async_commit();
    };
  });
  REQUIRE(one);
  REQUIRE(eventually([&] { return one->assignment().size() == 2; }));
  for (int p = 0; p != 2; ++p)
    f.append("orders", p, 0, 10);
  REQUIRE(eventually([&] { return all.of(1).size() == 10; }));
  REQUIRE(eventually([&] { return of_partition(*one, 0).state == "handling"; }));
  const auto began = steady_clock::now();
  static_cast<void>(one->close(1s));
  CHECK(steady_clock::now() - began < 3s);
  seen others;
  const auto two = f.app->consumer_group(quick("two"), [&](const partition_assignment&) {
    return [&](const consumed_batch& b) {
      others.add(b);
      return handled::async_commit();
    };
  });
  REQUIRE(two);
  REQUIRE(eventually([&] { return others.of(0) == numbers(0, 10); }));
  CHECK(others.of(1).empty());
  stuck = false;
  REQUIRE(eventually([&] { return all.of(0).size() == 10; }));
  REQUIRE(two->close(5s));
}
