#include "both.hpp"
#include <cafka/protocol/messages/all.hpp>

#include <set>
#include <thread>

// Transactions, with the feature transaction.version 2. What both answer is compared in
// words, without the producer's id; while a transaction ends, both are asked again.

using namespace fake_against_kafka;

namespace {

struct producer {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  std::int32_t sequence = 0;
};

struct transactions {
  transactions() : topic(b.topic(2)), group(b.group()), name(b.transactional_id()) {}

  producer& at(answering& who) { return &who == &b.real() ? real : fake; }

  /// What both say, once neither says CONCURRENT_TRANSACTIONS.
  void same(const std::string& what, const std::function<std::string(answering&)>& ask) {
    const auto settled = [&](answering& who) {
      const auto until = std::chrono::steady_clock::now() + 20s;
      auto said = ask(who);
      // Just started, a broker has no producer ids to give yet.
      while (said.starts_with("CONCURRENT_TRANSACTIONS")
        || said.starts_with("COORDINATOR_LOAD_IN_PROGRESS")) {
        REQUIRE(std::chrono::steady_clock::now() < until);
        std::this_thread::sleep_for(5ms);
        said = ask(who);
      }
      return said;
    };
    INFO(what);
    CHECK(settled(b.real()) == settled(b.fake()));
  }

  static std::string words(error_code code, std::int16_t epoch) {
    return std::string{cafka::protocol::name(code)} + ", epoch " + std::to_string(epoch);
  }

  /// `keeps`: the producer that is answered is the one from now on.
  void init(bool named = false, std::int32_t timeout_ms = 60'000, bool keeps = true) {
    same("init", [&, this](answering& who) {
      auto& mine = at(who);
      init_producer_id_request request;
      request.transactional_id = name;
      request.transaction_timeout_ms = timeout_ms;
      if (named) {
        request.producer_id = mine.id;
        request.producer_epoch = mine.epoch;
      }
      const auto got = who.ask(request, 5);
      REQUIRE(got);
      if (keeps && got->error_code == error_code::none)
        mine = {got->producer_id, got->producer_epoch, 0};
      return words(got->error_code, got->producer_epoch);
    });
  }

  void produce(std::int16_t version = 12) {
    same("produce", [&, this](answering& who) {
      auto& mine = at(who);
      batch_builder builder;
      REQUIRE(builder.append(a_record("x"), timestamp{1s}));
      seal_options how;
      how.producer_id = mine.id;
      how.producer_epoch = mine.epoch;
      how.base_sequence = mine.sequence;
      how.transactional = true;
      auto request = producing(*builder.seal(how), -1, 0, topic);
      request.transactional_id = name;
      const auto got = only(*who.ask(request, version));
      if (got.error_code == error_code::none)
        ++mine.sequence;
      return words(got.error_code, 0) + ", offset "
        + std::to_string(got.base_offset.value());
    });
  }

  void end(bool commit, std::int16_t version = 5, bool keeps = true) {
    same(commit ? "commit" : "abort", [&, this](answering& who) {
      auto& mine = at(who);
      const auto got =
        who.ask(end_txn_request{name, mine.id, mine.epoch, commit}, version);
      REQUIRE(got);
      if (keeps && got->error_code == error_code::none && version >= 5)
        mine = {got->producer_id, got->producer_epoch, 0};
      return words(got->error_code, got->producer_epoch);
    });
  }

  void commit_offset(std::int64_t offset, const std::string& member = {}) {
    same("commit offset", [&, this](answering& who) {
      txn_offset_commit_request request;
      request.transactional_id = name;
      request.group_id = group;
      request.producer_id = at(who).id;
      request.producer_epoch = at(who).epoch;
      request.member_id = member;
      request.generation_id = member.empty() ? -1 : 1;
      request.topics.push_back({topic, {{0, offset, -1, ""}}});
      return words(who.ask(request, 5)->topics.at(0).partitions.at(0).error_code, 0);
    });
  }

  /// Until both have the same, as markers take their time.
  void same_view() {
    const auto view = [this](answering& who) {
      // A real broker's answer may have one batch alone.
      std::set<std::int64_t> aborted;
      std::int64_t stable = -1;
      for (std::int64_t from = 0; from != stable;) {
        auto read = fetching(from, 0, topic);
        read.isolation_level = 1;
        read.max_wait_ms = 0;
        const auto got = only(*who.ask(read, 12));
        stable = got.last_stable_offset.value();
        for (const auto& a : *got.aborted_transactions)
          aborted.insert(a.first_offset.value());
        batch_reader in{*got.records};
        record_batch batch;
        const auto before = from;
        while (in.next(batch))
          from = batch.info().last_offset.value() + 1;
        if (from == before)
          break;
      }
      offset_fetch_request offsets;
      offsets.group_id = group;
      offsets.require_stable = true;
      offsets.topics.emplace().push_back({topic, {0}});
      const auto committed = who.ask(offsets, 7)->topics.at(0).partitions.at(0);
      const auto described =
        who.ask(describe_transactions_request{{name}}, 0)->transaction_states.at(0);
      return std::to_string(stable) + " stable, " + std::to_string(aborted.size())
        + " aborted, " + std::to_string(committed.committed_offset.value())
        + " committed, " + std::string{cafka::protocol::name(committed.error_code)} + ", "
        + described.transaction_state + ", epoch "
        + std::to_string(described.producer_epoch);
    };
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (view(b.real()) != view(b.fake()) && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(5ms);
    CHECK(view(b.real()) == view(b.fake()));
  }

  both b;
  std::string topic;
  std::string group;
  std::string name;
  producer real = {};
  producer fake = {};
};

} // namespace

TEST_CASE("transactions that are committed and aborted") {
  transactions t;
  t.init();
  t.end(true);
  t.end(false);
  t.produce();
  t.same_view();
  t.commit_offset(3);
  t.same_view();
  t.end(true, 5, false);
  t.end(true, 5, false);
  t.end(false, 5, false);
  t.end(true);
  t.same_view();
  t.produce();
  t.commit_offset(5);
  t.commit_offset(5, "nobody");
  t.end(false);
  t.same_view();
}

TEST_CASE("producers that name themselves, and that are fenced") {
  transactions t;
  t.init(false, 900'001);
  t.init(false, 0);
  t.init();
  t.init(true, 60'000, false);
  t.init(true, 60'000, false);
  t.init();
  t.produce();
  t.init(false, 60'000, false);
  t.produce();
  t.end(true);
  t.end(false);
  t.init(true);
  t.init();
  t.produce();
  t.init(true, 60'000, false);
  t.same_view();
}

TEST_CASE("what versions of old say of a batch outside of its transaction") {
  transactions t;
  t.init();
  t.produce(10);
  t.produce(11);
  t.produce(12);
  t.end(true, 4);
  t.same_view();
  t.end(true, 4);
  t.end(false, 4);
}

TEST_CASE("a producer begins a partition with sequence 0, there as here") {
  transactions t;
  t.init();
  t.real.sequence = t.fake.sequence = 3;
  t.produce();
}
