#include "both.hpp"

#include <thread>

using namespace fake_against_kafka;

namespace {

/// The versions of an API that both the broker and the fake have.
template <class Request>
void in_each_version(const std::function<void(std::int16_t)>& use) {
  const auto known = real_kafka()->ask(api_versions_request{}, 0);
  REQUIRE(known);
  const auto theirs = to_version_table(*known).find(Request::key);
  REQUIRE(theirs);
  const auto shared = common(*theirs, Request::versions);
  for (auto v = shared.min; v <= shared.max; ++v)
    use(v);
}

produce_request by_id(produce_request request, const uuid& id) {
  request.topic_data[0].topic_id = id;
  return request;
}

fetch_request by_id(fetch_request request, const uuid& id) {
  for (auto& t : request.topics)
    t.topic_id = id;
  return request;
}

std::function<produce_request(answering&)> named(produce_request request) {
  return [request](
           answering& a) { return by_id(request, id_of(a, request.topic_data[0].name)); };
}

std::function<fetch_request(answering&)> named(fetch_request request) {
  return
    [request](answering& a) { return by_id(request, id_of(a, request.topics[0].topic)); };
}

/// With bytes that both store alike: a time that is the same for both.
shared_bytes batch(int count) {
  return batch_of(numbered(count),
    timestamp{std::chrono::system_clock::now().time_since_epoch() / 1h * 1h});
}

} // namespace

TEST_CASE("a producer's sequences") {
  both b;
  const auto name = b.topic();
  const auto write = [&](std::int32_t sequence, int count = 1, std::int16_t epoch = 0,
                       std::int64_t producer = 7) {
    b.same(producing(sealed(count, producer, epoch, sequence), -1, 0, name), 9);
  };
  for (int i = 0; i != 7; ++i)
    write(i);
  for (int i = 0; i != 7; ++i) // The last five are known.
    write(i);
  write(9);          // a gap
  write(6, 2);       // the same first, another last
  write(5, 2);       // a range of two that were one each
  write(7, 1, 1);    // another epoch that does not begin with 0
  write(0, 2, 1);    // it begins
  write(7);          // the epoch that is over
  write(0, 2, 1);    // once more
  write(2, 1, 1);    // and on
  write(5, 1, 0, 8); // a producer nobody knows
  write(6, 1, 0, 8); // and on
  write(4, 1, 0, 8); // before what is known
  write(std::numeric_limits<std::int32_t>::max(), 1, 0, 9);
  write(0, 1, 0, 9); // starts over
}

TEST_CASE("what a broker refuses of a batch") {
  both b;
  const auto name = b.topic(1, {{"max.message.bytes", "300"}});
  const auto compacted = b.topic(1, {{"cleanup.policy", "compact"}});
  const auto stamped = b.topic(1, {{"message.timestamp.type", "LogAppendTime"}});
  const auto safe = b.topic(1, {{"min.insync.replicas", "2"}});
  in_each_version<produce_request>([&](std::int16_t v) {
    const auto same = [&](produce_request request) {
      b.same(named(std::move(request)), v);
    };
    same(producing(batch(3), -1, 0, name));
    same(producing(batch(3), 1, 0, name));
    same(producing(batch(100), -1, 0, name));
    same(producing(batch(1), 2, 0, name));
    same(producing(batch(1), -1, 1, name));
    same(producing(batch(1), -1, 0, "nobody-made-this"));
    same(producing(batch(2), -1, 0, compacted));
    same(producing(batch(1), -1, 0, stamped));
    same(producing(batch(1), -1, 0, safe));
    same(producing(batch(1), 1, 0, safe));
    const auto one = batch(1);
    std::vector<std::byte> bytes{one.view().begin(), one.view().end()};
    bytes.insert(bytes.end(), one.view().begin(), one.view().end());
    same(producing(shared_bytes::from(std::move(bytes)), -1, 0, name));
    bytes = {one.view().begin(), one.view().end()};
    bytes.back() ^= std::byte{1};
    same(producing(shared_bytes::from(std::move(bytes)), -1, 0, name));
    same(producing(batch_of(numbered(2), {}, codec::zstd), -1, 0, name));
    same(producing(batch_of(numbered(2), {}, codec::lz4), -1, 0, name));
    builder_options later;
    later.base_offset = 5;
    batch_builder builder{later};
    REQUIRE(builder.append(a_record("x"), {}));
    same(producing(*builder.seal(), -1, 0, name));
    same(producing(transaction_marker(7, 0, true, {}), -1, 0, name));
  });
}

TEST_CASE("what is written is read, in each version") {
  both b;
  const auto name = b.topic(2);
  for (int i = 0; i != 3; ++i)
    b.same(producing(batch(10), -1, 0, name), 9);
  const auto size = static_cast<std::int32_t>(batch(10).size());
  in_each_version<fetch_request>([&](std::int16_t v) {
    const auto same = [&](
                        fetch_request request) { b.same(named(std::move(request)), v); };
    same(fetching(0, 0, name));
    same(fetching(15, 0, name));
    same(fetching(30, 0, name));
    same(fetching(31, 0, name));
    same(fetching(-5, 0, name));
    same(fetching(0, 1, name));
    same(fetching(0, 9, name));
    same(fetching(0, 0, "nobody-made-this"));
    for (const auto limit : {0, 1, size - 1, size, size + 7, 2 * size, 3 * size}) {
      auto request = fetching(0, 0, name);
      request.topics[0].partitions[0].partition_max_bytes = limit;
      same(request);
      request = fetching(0, 0, name);
      request.max_bytes = limit;
      same(request);
      request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
      request.topics[0].partitions[1].partition = 1;
      same(request);
    }
    auto committed = fetching(0, 0, name);
    committed.isolation_level = 1;
    same(committed);
    for (const auto epoch : {0, 1}) {
      auto request = fetching(0, 0, name);
      request.topics[0].partitions[0].current_leader_epoch = epoch;
      same(request);
    }
    if (v >= 12) {
      for (const auto epoch : {0, 1}) {
        auto request = fetching(5, 0, name);
        request.topics[0].partitions[0].last_fetched_epoch = epoch;
        same(request);
      }
    }
  });
}

TEST_CASE("fetch sessions") {
  both b;
  const auto name = b.topic(2);
  in_each_version<fetch_request>([&](std::int16_t v) {
    if (v < 7)
      return;
    // What each of them has given the session.
    std::map<answering*, std::int32_t> ids;
    const auto in = [&](std::int32_t epoch, fetch_request request) {
      request.session_epoch = epoch;
      request.min_bytes = 0;
      return [&ids, request, name](answering& a) {
        auto mine = by_id(request, id_of(a, name));
        for (auto& t : mine.forgotten_topics_data)
          t.topic_id = id_of(a, name);
        mine.session_id = ids[&a];
        return mine;
      };
    };
    const auto same = [&](std::int32_t epoch, fetch_request request) {
      b.same<fetch_request>(in(epoch, std::move(request)), v);
    };
    auto whole = fetching(0, 0, name);
    whole.topics[0].partitions.push_back(whole.topics[0].partitions[0]);
    whole.topics[0].partitions[1].partition = 1;
    for (auto* a : {&b.real(), &b.fake()}) {
      const auto begun = a->ask(in(0, whole)(*a), v);
      REQUIRE(begun);
      REQUIRE(begun->session_id != 0);
      ids[a] = begun->session_id;
    }
    same(1, {});
    b.same(producing(batch(1), -1, 1, name), 9);
    same(2, {});
    same(3, {}); // nothing has been read on
    auto on = fetching(1, 1, name);
    same(4, on);
    same(4, {}); // an epoch that was
    same(9, {}); // an epoch to come
    auto lost = fetching(99, 0, name);
    same(5, lost);
    same(6, {});
    same(7, fetching(0, 0, name));
    same(8, {});
    fetch_request without;
    without.forgotten_topics_data.push_back({name, {}, {1}});
    same(9, without);
    b.same(producing(batch(1), -1, 1, name), 9);
    same(10, {});
    fetch_request alone;
    alone.forgotten_topics_data.push_back({name, {}, {0}});
    same(11, alone); // nothing is left: the session ends
    same(12, {});
    for (auto& [a, id] : ids)
      id = 123'456;
    same(1, {});
    same(-1, fetching(0, 0, name));
    // Both begin anew where they were.
    for (auto* a : {&b.real(), &b.fake()})
      a->ask(in(-1, fetching(0, 0, name))(*a), v);
  });
}

TEST_CASE("offsets by time") {
  both b;
  const auto name = b.topic(2);
  auto records = numbered(3);
  const auto hour =
    std::chrono::floor<std::chrono::hours>(std::chrono::system_clock::now());
  for (int i = 0; i != 3; ++i)
    records[static_cast<std::size_t>(i)].time =
      timestamp{hour.time_since_epoch()} - 1h + milliseconds{100 * i};
  b.same(producing(batch_of(records, {}), -1, 0, name), 9);
  const auto at = [&](int i) { return records[0].time->time_since_epoch().count() + i; };
  in_each_version<list_offsets_request>([&](std::int16_t v) {
    const std::vector<std::int64_t> times{
      -1, -2, -3, -4, -5, -6, -7, 0, at(0), at(1), at(100), at(150), at(200), at(201)};
    for (const auto time : times) {
      b.same(listing(time, 0, name), v);
      b.same(listing(time, 1, name), v);
    }
    b.same(listing(-1, 9, name), v);
    b.same(listing(-1, 0, "nobody-made-this"), v);
    for (const auto epoch : {0, 1}) {
      auto request = listing(-1, 0, name);
      request.topics[0].partitions[0].current_leader_epoch = epoch;
      b.same(request, v);
    }
    auto committed = listing(-1, 0, name);
    if (v >= 2) {
      committed.isolation_level = 1;
      b.same(committed, v);
    }
  });
}

TEST_CASE("metadata of topics that are there and that are not") {
  both b;
  const auto name = b.topic(2);
  in_each_version<metadata_request>([&](std::int16_t v) {
    // Older ones would make the topic.
    if (v >= 4) {
      b.same(asking_about({name, "nobody-made-this"}), v);
      b.same(asking_about({"no blanks"}), v);
      b.same(asking_about({""}), v);
    }
    b.same(asking_about({name}, v < 4), v);
    b.same(asking_about({name, name}, v < 4), v);
    if (v >= 1)
      b.same(asking_about({}, v < 4), v);
    if (v >= 8) {
      auto all = asking_about({name});
      all.include_topic_authorized_operations = true;
      all.include_cluster_authorized_operations = v <= 10;
      b.same(all, v);
    }
    if (v >= 10) {
      metadata_request none;
      none.topics->emplace_back().topic_id.bytes.fill(9);
      if (v >= 12)
        none.topics->back().name.reset();
      b.same(none, v);
    }
    if (v >= 12)
      b.same<metadata_request>(
        [&](answering& a) {
          metadata_request request;
          request.topics->push_back({id_of(a, name), std::nullopt});
          return request;
        },
        v);
  });
  // The first answer about a topic that is being made.
  auto made = asking_about({name + "-made"});
  made.allow_auto_topic_creation = true;
  b.same(made, 9);
}

TEST_CASE("topics made and deleted") {
  both b;
  const auto name = b.topic(1);
  in_each_version<create_topics_request>([&](std::int16_t v) {
    create_topics_request request;
    request.timeout_ms = 10'000;
    const auto add = [&](const std::string& what, std::int32_t partitions,
                       std::int16_t replicas) {
      auto& t = request.topics.emplace_back();
      t.name = what;
      t.num_partitions = partitions;
      t.replication_factor = replicas;
    };
    const auto tag = name + "-" + std::to_string(v);
    add(name, 1, 1);
    add(tag + "-a", 3, 1);
    add(tag + "-b", 0, 1);
    add(tag + "-c", 1, 0);
    add(tag + "-d", 1, 9);
    add("no blanks", 1, 1);
    add(tag + "-e", 1, 1);
    add(tag + "-e", 1, 1);
    if (v >= 4)
      add(tag + "-f", -1, -1);
    add(tag + "-g", 2, 1);
    request.topics.back().assignments.push_back({0, {b.broker()}});
    add(tag + "-h", -1, -1);
    request.topics.back().assignments.push_back({0, {99}});
    b.same(request, v);
    request.topics.clear();
    add(tag + "-i", 2, 1);
    request.validate_only = true;
    if (v >= 1)
      b.same(request, v);
  });
  in_each_version<delete_topics_request>([&](std::int16_t v) {
    const auto gone = b.topic();
    delete_topics_request request;
    request.timeout_ms = 10'000;
    if (v < 6) {
      request.topic_names = {gone, "nobody-made-this"};
      b.same(request, v);
      return;
    }
    const auto with = [&](std::function<void(answering&, delete_topics_request&)> fill) {
      b.same<delete_topics_request>(
        [&](answering& a) {
          auto mine = request;
          fill(a, mine);
          return mine;
        },
        v);
    };
    with([&](answering&, auto& r) { r.topics.push_back({"nobody-made-this", {}}); });
    with([&](answering&, auto& r) { r.topics.emplace_back().topic_id.bytes.fill(9); });
    with([&](answering& a, auto& r) { r.topics.push_back({gone, id_of(a, gone)}); });
    const auto id = std::pair{id_of(b.real(), gone), id_of(b.fake(), gone)};
    with([&](answering& a, auto& r) {
      r.topics.push_back({std::nullopt, &a == &b.real() ? id.first : id.second});
    });
  });
}

TEST_CASE("offsets of a group") {
  both b;
  const auto name = b.topic(2);
  const auto group = b.group();
  find_coordinator_request find;
  find.coordinator_key = group;
  in_each_version<find_coordinator_request>([&](std::int16_t v) {
    auto right = find;
    if (v >= 4)
      right.coordinator_keys = {std::exchange(right.coordinator_key, "")};
    b.same(right, v);
    if (v < 1)
      return;
    auto odd = right;
    odd.key_type = 7;
    b.same(odd, v);
  });
  in_each_version<offset_commit_request>([&](std::int16_t v) {
    const auto nobody = b.group();
    const auto same = [&](offset_commit_request request) {
      b.same<offset_commit_request>(
        [&](answering& a) {
          auto mine = request;
          if (v >= 10) {
            for (auto& t : mine.topics)
              t.topic_id = id_of(a, t.name);
          }
          return mine;
        },
        v);
    };
    offset_commit_request request;
    request.group_id = group;
    auto& t = request.topics.emplace_back();
    t.name = name;
    t.partitions.push_back({0, 42, 0, -1, "note"});
    t.partitions.push_back({9, 42, -1, -1, ""});
    same(request);
    t.partitions[1] = {1, 42, -1, -1, std::string(5'000, 'x')};
    same(request);
    request.generation_id_or_member_epoch = 3;
    same(request);
    request.group_id = nobody;
    same(request);
    request.generation_id_or_member_epoch = -1;
    request.topics[0].name = "nobody-made-this";
    same(request);
  });
  in_each_version<offset_fetch_request>([&](std::int16_t v) {
    const auto same = [&](const std::string& of, std::optional<std::string> topic) {
      b.same<offset_fetch_request>(
        [&](answering& a) {
          offset_fetch_request request;
          if (v < 8) {
            request.group_id = of;
            request.topics.reset();
            if (topic)
              request.topics.emplace().push_back({*topic, {0, 1, 9}});
            return request;
          }
          auto& g = request.groups.emplace_back();
          g.group_id = of;
          g.topics.reset();
          if (topic)
            g.topics.emplace().push_back(
              {*topic, v >= 10 ? id_of(a, *topic) : uuid{}, {0, 1, 9}});
          return request;
        },
        v);
    };
    same(group, name);
    same(group, "nobody-made-this");
    same(b.group(), name);
    if (v >= 2)
      same(group, std::nullopt);
  });
}

TEST_CASE("producer ids") {
  both b;
  // Just started, a broker has none to give yet.
  const auto until = std::chrono::steady_clock::now() + 30s;
  init_producer_id_request first;
  first.transactional_id.reset();
  while (b.real().ask(first, 0)->error_code == error_code::coordinator_load_in_progress) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    std::this_thread::yield();
  }
  in_each_version<init_producer_id_request>([&](std::int16_t v) {
    init_producer_id_request request;
    request.transactional_id.reset();
    request.transaction_timeout_ms = 1'000;
    b.same(request, v);
    if (v >= 3) {
      request.producer_id = 5;
      request.producer_epoch = 3;
      b.same(request, v);
    }
    request = {};
    request.transactional_id = "";
    b.same(request, v);
  });
}

TEST_CASE("versions") {
  both b;
  in_each_version<api_versions_request>([&](std::int16_t v) {
    if (v >= 3) {
      b.same(api_versions_request{"no blanks", "1"}, v);
      b.same(api_versions_request{"", ""}, v);
    }
    // What both have; of some the fake has none.
    const auto r = to_version_table(*b.real().ask(api_versions_request{"c", "1"}, v));
    const auto f = to_version_table(*b.fake().ask(api_versions_request{"c", "1"}, v));
    CHECK(f.entries().size() == 32);
    for (const auto& api : f.entries()) {
      INFO(name(api.key));
      CHECK(r.find(api.key)->min <= api.versions.min);
      CHECK(r.find(api.key)->max >= api.versions.max);
    }
  });
}
