#include "dispatcher_fixture.hpp"

using namespace dispatcher_fixture;

namespace {

/// A call that leaves its partition open and then takes the one it was told to.
class choosing_call final : public call {
public:
  choosing_call(std::int32_t choice, std::shared_ptr<fate> f, std::int32_t& told)
    : call(asking_leader("t", -1)), choice_(choice), fate_(std::move(f)), told_(told) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    ++fate_->encoded;
    return encode_request(list_offsets_request{}, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = decode_response<list_offsets_response>(payload, version);
    return {answer->topics.at(0).partitions.at(0).error_code, {}};
  }

  void finish(error outcome) override {
    ++fate_->finished;
    fate_->outcome = std::move(outcome);
  }

private:
  result<partition_id> partition_among(std::int32_t partitions) override {
    CHECK(told_ == 0);
    told_ = partitions;
    return partition_id{choice_};
  }

  std::int32_t choice_;
  std::shared_ptr<fate> fate_;
  std::int32_t& told_;
};

struct choosing_bed : bed {
  std::shared_ptr<fate> choose(std::int32_t partition) {
    auto f = std::make_shared<fate>();
    machine.submit(now, std::make_unique<choosing_call>(partition, f, told));
    return f;
  }

  std::int32_t told = 0;
};

} // namespace

TEST_CASE("a call without a partition chooses one when it knows how many there are",
  "[dispatcher]") {
  choosing_bed b;
  b.start(about({1, 2, 3}, {}));
  const auto f = b.choose(1);
  b.answer_metadata(
    about({1, 2, 3}, {{"t", {}, 0, error_code::unknown_topic_or_partition}}));
  CHECK(b.told == 0);
  b.tick();
  b.answer_metadata(about({1, 2, 3}, {{"t", {2, 3, 1}}}));
  CHECK(b.told == 3);
  b.welcome(3);
  b.answer_offsets(3, error_code::not_leader_or_follower);
  // It has chosen once and for all.
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(about({1, 2, 3}, {{"t", {2, 1, 1}, 1}}));
  while (b.count(api_key::list_offsets) == 0)
    b.tick();
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

TEST_CASE("a partition that is none of those there are is refused", "[dispatcher]") {
  for (const auto wrong : {-1, 3}) {
    choosing_bed b;
    b.start(about({1, 2, 3}, {}));
    const auto f = b.choose(wrong);
    b.answer_metadata(about({1, 2, 3}, {{"t", {2, 3, 1}}}));
    CHECK(f->failed_with(error_code::invalid_argument));
    CHECK(f->says("the partitioner chose " + std::to_string(wrong) + " of 3"));
  }
}

TEST_CASE("a topic that stays unknown is an error for a call without a partition too",
  "[dispatcher]") {
  choosing_bed b;
  b.start(about({1, 2, 3}, {}));
  const auto f = b.choose(0);
  while (f->finished == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(
        about({1, 2, 3}, {{"t", {}, 0, error_code::unknown_topic_or_partition}}));
    else
      b.tick();
  }
  CHECK(f->failed_with(error_code::unknown_topic_or_partition));
  CHECK(b.told == 0);
}
