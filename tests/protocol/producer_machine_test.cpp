#include "producer_fixture.hpp"
#include <cafka/protocol/records/record_batch.hpp>

#include <catch2/generators/catch_generators.hpp>

using namespace cafka::testing;

TEST_CASE("a topic that was deleted is not recreated for a producer that sends nothing") {
  single s;
  const auto held = s.batches.hold("t"); // Otherwise it is forgotten meanwhile.
  s.send();
  const auto first = s.next<producer_machine::ask_metadata>();
  REQUIRE(first.size() == 1);
  CHECK(first[0].create);
  s.metadata(error_code::none);
  s.machine.on_identity(virtual_now, 7, 0);
  const auto request = s.wait_for<producer_machine::send_request>(1s);
  REQUIRE(request);
  REQUIRE(s.machine.fill(virtual_now, request->request).size() == 1);
  produce_response done;
  done.responses.emplace_back().name = "t";
  done.responses[0].partition_responses.emplace_back();
  s.machine.on_answer(virtual_now, request->request, done);
  CHECK(s.next<delivery_report>().size() == 1);

  const auto refresh = s.wait_for<producer_machine::ask_metadata>(1min);
  REQUIRE(refresh);
  CHECK_FALSE(refresh->create);
  s.metadata(error_code::unknown_topic_or_partition);
  CHECK_FALSE(s.wait_for<producer_machine::ask_metadata>(1h));
  // With a record, it is wanted again.
  s.send();
  const auto sent = s.wait_for<producer_machine::send_request>(1s);
  REQUIRE(sent);
  REQUIRE(s.machine.fill(virtual_now, sent->request).size() == 1);
  done.responses[0].partition_responses[0].error_code =
    error_code::unknown_topic_or_partition;
  s.machine.on_answer(virtual_now, sent->request, done);
  const auto again = s.wait_for<producer_machine::ask_metadata>(1s);
  REQUIRE(again);
  CHECK(again->create);
}

TEST_CASE("a topic that nothing is sent to is not asked about for ever") {
  single s;
  s.send();
  s.metadata(error_code::none);
  s.machine.on_identity(virtual_now, 7, 0);
  s.machine.abandon({error_code::worker_down, {}});
  int asked = 0;
  while (s.wait_for<producer_machine::ask_metadata>(1h)) {
    ++asked;
    REQUIRE(asked < 100);
    s.metadata(error_code::none);
  }
  CHECK(asked >= 8);
  CHECK(asked <= 12);
}

TEST_CASE("a broker that is too old for a producer is an error at once") {
  producer_machine_options o;
  o.idempotence = GENERATE(false, true);
  single s{o};
  s.send();
  s.metadata(error_code::none);
  const error old{error_code::unsupported_api_version, "too old"};
  if (o.idempotence) {
    s.machine.on_identity_failed(virtual_now, old);
  } else {
    const auto request = s.wait_for<producer_machine::send_request>(1s);
    REQUIRE(request);
    s.machine.on_failure(virtual_now, request->request, old);
  }
  const auto reports = s.next<delivery_report>();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].error.code == error_code::unsupported_api_version);
  CHECK(reports[0].error.detail.find("too old") != std::string::npos);
}

TEST_CASE("a broker that counts otherwise than the producer is not believed twice") {
  single s;
  s.send();
  s.metadata(error_code::none);
  s.machine.on_identity(virtual_now, 7, 0);
  const auto answer_with = [&](error_code e) {
    const auto request = s.wait_for<producer_machine::send_request>(1s);
    REQUIRE(request);
    const auto items = s.machine.fill(virtual_now, request->request);
    REQUIRE(items.size() == 1);
    batch_reader in{items[0].batch};
    record_batch batch;
    REQUIRE(in.next(batch));
    produce_response done;
    done.responses.emplace_back().name = "t";
    done.responses[0].partition_responses.emplace_back().error_code = e;
    s.machine.on_answer(virtual_now, request->request, done);
    const auto reports = s.next<delivery_report>();
    REQUIRE(reports.size() == 1);
    return std::pair{batch.info().producer_epoch, reports[0].error.code};
  };
  CHECK(answer_with(error_code::duplicate_sequence_number)
    == std::pair{std::int16_t{0}, error_code::outcome_unknown});
  s.send();
  CHECK(answer_with(error_code::none) == std::pair{std::int16_t{1}, error_code::none});
}

TEST_CASE("what an incarnation left behind is due when it was due before") {
  accumulator batches{single::with_clock()};
  virtual_now = time_point{} + 1h;
  {
    producer_machine first{{}, batches};
    first.start(virtual_now);
    static_cast<void>(
      batches.append(batches.topic("t"), {.value = as_bytes("x")}, timestamp{}, nullptr));
    first.on_changed(virtual_now);
    virtual_now += 119s;
  }
  producer_machine next{{}, batches};
  next.start(virtual_now);
  while (next.next_time() <= virtual_now + 1s) {
    virtual_now = std::max(virtual_now, next.next_time());
    next.on_time(virtual_now);
  }
  int reports = 0;
  for (auto& a : next.take_effects())
    reports += std::holds_alternative<delivery_report>(a) ? 1 : 0;
  CHECK(reports == 1);
}

TEST_CASE("a broker with a quota is left alone for as long as it wants") {
  single s;
  s.send();
  s.metadata(error_code::none);
  s.machine.on_identity(virtual_now, 7, 0);
  const auto request = s.wait_for<producer_machine::send_request>(1s);
  REQUIRE(request);
  REQUIRE(s.machine.fill(virtual_now, request->request).size() == 1);
  produce_response done;
  done.throttle_time_ms = 500;
  done.responses.emplace_back().name = "t";
  done.responses[0].partition_responses.emplace_back();
  s.machine.on_answer(virtual_now, request->request, done);
  s.send();
  CHECK_FALSE(s.wait_for<producer_machine::send_request>(499ms));
  CHECK(s.wait_for<producer_machine::send_request>(501ms));
}

TEST_CASE("without acknowledgements, a connection that ends is why to ask who leads") {
  producer_machine_options o;
  o.idempotence = false;
  single s{o};
  s.send();
  s.metadata(error_code::none);
  const auto request = s.wait_for<producer_machine::send_request>(1s);
  REQUIRE(request);
  REQUIRE(s.machine.fill(virtual_now, request->request).size() == 1);
  s.machine.on_sent(virtual_now, request->request);
  CHECK(s.next<delivery_report>().size() == 1);
  s.machine.on_connection_lost(virtual_now);
  CHECK(s.wait_for<producer_machine::ask_metadata>(200ms));
  s.metadata(error_code::none, 2);
  s.send();
  const auto next = s.wait_for<producer_machine::send_request>(100ms);
  REQUIRE(next);
  CHECK(next->broker == broker_id{2});
}

TEST_CASE("a topic that nobody uses is forgotten, and its numbers are never used again") {
  single s;
  s.send();
  s.ready();
  s.machine.on_changed(virtual_now); // Of what was moved to its partition.
  const auto sent = s.next_batch();
  REQUIRE(sent);
  CHECK(sent->sequence == 0);
  s.answer(sent->request, error_code::none);
  while (s.wait_for<producer_machine::ask_metadata>(10min))
    s.metadata(error_code::none);
  CHECK(s.batches.topic_count() == 0);
  // A broker that remembers the old ones would take these for them.
  s.send();
  s.metadata(error_code::none);
  const auto next = s.next_batch();
  REQUIRE(next);
  CHECK(next->sequence == 0);
  CHECK(next->epoch == sent->epoch + 1);
}

TEST_CASE("a new topic is asked about alone, and the others in their turn") {
  single s;
  constexpr int topics = 1'000;
  const auto answer = [&](const producer_machine::ask_metadata& asked) {
    metadata_response all;
    for (const auto& name : asked.topics) {
      auto& t = all.topics.emplace_back();
      t.name = name;
      t.partitions.emplace_back().leader_id = 1;
    }
    all.topics.emplace_back().name = "nobody-asked";
    all.topics.back().partitions.emplace_back().leader_id = 1;
    s.machine.on_metadata(virtual_now, all);
  };
  std::size_t named = 0;
  for (int i = 0; i != topics; ++i) {
    static_cast<void>(s.batches.hold("t" + std::to_string(i)));
    s.machine.on_changed(virtual_now);
    for (const auto& asked : s.next<producer_machine::ask_metadata>()) {
      named += asked.topics.size();
      answer(asked);
    }
  }
  CHECK(named == topics);
  CHECK(s.batches.topic_count() == topics);
  const auto refresh = s.wait_for<producer_machine::ask_metadata>(1min);
  REQUIRE(refresh);
  CHECK(refresh->topics.size() == topics);
}

TEST_CASE("a producer asks for metadata at every interval, however short") {
  producer_machine_options options;
  options.metadata_max_age = 10ms;
  single s{options};
  s.send();
  s.ready();
  const auto asked = [&s] { return s.next<producer_machine::ask_metadata>().size(); };
  static_cast<void>(asked());
  for (int i = 0; i != 5; ++i) {
    virtual_now += 9ms;
    s.machine.on_time(virtual_now);
    CHECK(asked() == 0);
    virtual_now += 1ms;
    s.machine.on_time(virtual_now);
    CHECK(asked() == 1);
    s.metadata(error_code::none);
  }
}

TEST_CASE("what ends together is reported by the topics' names, not by where they lie",
  "[producer]") {
  single s;
  for (const auto* name : {"m", "c", "x", "a", "z", "b"}) {
    REQUIRE(s.batches.append(s.batches.topic(name), {.value = as_bytes("v")}, {}, nullptr)
              .status
      == error_code::none);
    s.machine.on_changed(virtual_now);
  }
  s.machine.abandon({error_code::closed, "over"});
  std::string names;
  for (const auto& report : s.next<delivery_report>())
    names += report.topic;
  CHECK(names == "abcmxz");
}
