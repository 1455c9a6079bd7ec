#include <cafka/protocol/calls/all.hpp>
#include <cafka/protocol/calls/context.hpp>
#include <cafka/protocol/calls/group_fetch.hpp>
#include <cafka/protocol/calls/raw.hpp>
#include <cafka/protocol/machines/call.hpp>
#include <cafka/protocol/machines/cluster.hpp>
#include <cafka/protocol/messages/consumer_group_describe.hpp>
#include <cafka/protocol/messages/consumer_group_heartbeat.hpp>
#include <cafka/protocol/messages/create_topics.hpp>
#include <cafka/protocol/messages/delete_groups.hpp>
#include <cafka/protocol/messages/describe_groups.hpp>
#include <cafka/protocol/messages/describe_share_group_offsets.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/list_groups.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/offset_commit.hpp>
#include <cafka/protocol/messages/offset_delete.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/batch_builder.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <vector>

using namespace cafka;
using protocol::shared_bytes;

namespace {

constexpr auto unheard_of = static_cast<error_code>(1'234);

/// A response as a call receives it.
template <class Response>
shared_bytes payload(const Response& response, std::int16_t version) {
  const auto frame = protocol::encode_response(response, version, 1);
  REQUIRE(frame);
  std::vector<std::byte> all;
  for (const auto& part : frame->parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  return shared_bytes::from({all.begin() + 4, all.end()});
}

/// A call with its outcome, in a version in which topics go by their names.
template <class Reply>
struct asked {
  template <class Request>
  explicit asked(Request request, std::int16_t v) : version(v) {
    request.deadline = std::chrono::seconds{1};
    what = make_call(std::move(request), call_context{defaults, groups, {}, {}, 0},
      reply_function<Reply>{[this](result<Reply> r) { reply = std::move(r); }});
    if (what != nullptr)
      REQUIRE(what->encode(version, 1, "c", known));
  }

  template <class Response>
  error receive(const Response& response) {
    return what->receive(version, payload(response, version), known);
  }

  std::int16_t version;
  call_defaults defaults;
  joined_groups groups{defaults.group_idle};
  protocol::cluster known;
  result<Reply> reply;
  std::unique_ptr<protocol::call> what;
};

/// The refusal of a request that there is no call for.
template <class Reply, class Request>
error refusal(Request request) {
  asked<Reply> a{std::move(request), 0};
  REQUIRE(a.what == nullptr);
  return a.reply.error();
}

asked<fetched> fetching() {
  return asked<fetched>{fetch{.topic = "t", .offset = 5}, 11};
}

protocol::fetch_response fetched_up_to(std::int64_t high_watermark) {
  protocol::fetch_response answer;
  auto& topic = answer.responses.emplace_back();
  topic.topic = "t";
  topic.partitions.emplace_back().high_watermark = high_watermark;
  return answer;
}

/// Offset 0, with one record.
protocol::fetched_records one_fetched_record() {
  protocol::batch_builder builder{{}};
  REQUIRE(builder.append(record{.value = "v"}, timestamp{}));
  auto sealed = builder.seal();
  REQUIRE(sealed);
  auto read = protocol::fetched_records::read(*std::move(sealed), 0, {}, {});
  REQUIRE(read);
  return *std::move(read);
}

produce one_record() {
  return {.topic = "t", .partition = 0, .records = {{.value = "v"}}};
}

protocol::produce_response produced_with(error_code code) {
  protocol::produce_response answer;
  auto& topic = answer.responses.emplace_back();
  topic.name = "t";
  topic.partition_responses.emplace_back().error_code = code;
  return answer;
}

} // namespace

// -- throttled fetches ------------------------------------------------------------------

TEST_CASE("a throttled fetch that has no records is asked again") {
  auto answer = GENERATE(protocol::fetch_response{}, fetched_up_to(9));
  answer.throttle_time_ms = 700;
  auto f = fetching();
  const auto outcome = f.receive(answer);
  CHECK(outcome.code == error_code::throttling_quota_exceeded);
  CHECK(outcome.detail.find("700 ms") != std::string::npos);
  CHECK(f.what->may_retry(outcome.code));
  CHECK(f.what->throttled().time == std::chrono::milliseconds{700});
  CHECK(f.what->throttled().client_pauses);
}

TEST_CASE("the end of the log is that, throttled or not") {
  auto answer = fetched_up_to(5);
  answer.throttle_time_ms = 700;
  auto f = fetching();
  CHECK(f.receive(answer) == error{});
}

TEST_CASE("a fetch that is left out without a throttle is malformed") {
  auto f = fetching();
  CHECK(f.receive(protocol::fetch_response{}).code == error_code::malformed_response);
}

// -- what nobody knows ------------------------------------------------------------------

TEST_CASE("a produce whose answer leaves it out has an unknown outcome") {
  asked<produced> p{one_record(), 8};
  const auto outcome = p.receive(protocol::produce_response{});
  CHECK(outcome
    == error{
      error_code::outcome_unknown, "MALFORMED_RESPONSE: the answer leaves out t/0"});
  CHECK_FALSE(p.what->may_retry(outcome.code));
}

TEST_CASE("a produce that is answered with a code that nobody knows has an unknown "
          "outcome") {
  // Cafka's own codes never come from a broker.
  const auto code = GENERATE(unheard_of, error_code::closed, error_code::timed_out);
  asked<produced> p{one_record(), 8};
  const auto outcome = p.receive(produced_with(code));
  CHECK(outcome.code == error_code::outcome_unknown);
  CHECK(outcome.detail == to_string(code) + ": t/0");
  CHECK_FALSE(p.what->may_retry(outcome.code));
}

TEST_CASE("a produce whose answer cannot be read has an unknown outcome") {
  asked<produced> p{one_record(), 8};
  const auto cut = shared_bytes::from(std::vector<std::byte>(9));
  CHECK(p.what->receive(8, cut, p.known).code == error_code::outcome_unknown);
}

TEST_CASE("a topic whose making or removal is left out of the answer may be done") {
  create_topics request{.topics = {{.name = "a"}, {.name = "b"}}};
  asked<topic_results> c{request, 5};
  protocol::create_topics_response answer;
  auto& made = answer.topics.emplace_back();
  made.name = "a";
  made.error_code = unheard_of;
  made.error_message = "a\x1b[31m";
  CHECK(c.receive(answer) == error{});
  c.what->finish({});
  REQUIRE(c.reply);
  CHECK(c.reply->topics[0].status == error_code::outcome_unknown);
  CHECK(c.reply->topics[0].message == "UNKNOWN(1234): a\xef\xbf\xbd[31m");
  CHECK(c.reply->topics[1].status == error_code::outcome_unknown);
}

TEST_CASE("an offset that is left out of a commit's answer may be kept") {
  offset_commit request{.group = "g", .offsets = {{.topic = "t", .offset = 3}}};
  asked<done> c{request, 8};
  CHECK(
    c.receive(protocol::offset_commit_response{}).code == error_code::outcome_unknown);
}

// -- brokers' words ---------------------------------------------------------------------

TEST_CASE("a broker's words are cut and lose what a terminal obeys") {
  asked<produced> p{one_record(), 8};
  auto answer = produced_with(error_code::invalid_record);
  auto& part = answer.responses[0].partition_responses[0];
  part.error_message = "\x1b[2J" + std::string(30'000, 'x');
  for (int i = 0; i != 1'000; ++i)
    part.record_errors.push_back({i, std::string(30'000, 'y')});
  const auto outcome = p.receive(answer);
  CHECK(outcome.code == error_code::invalid_record);
  CHECK(outcome.detail.find('\x1b') == std::string::npos);
  CHECK(outcome.detail.starts_with("t/0: \xef\xbf\xbd[2Jxxx"));
  CHECK(outcome.detail.size() < 3'000);
}

// -- names and versions that cannot be --------------------------------------------------

TEST_CASE("names that no request can carry are refused") {
  const auto name = GENERATE(std::string(40'000, 'x'), std::string{"\xff"});
  std::vector<error> all{
    refusal<fetched>(fetch{.topic = name, .offset = 0}),
    refusal<listed_offset>(list_offsets{.topic = name}),
    refusal<cluster_metadata>(metadata{.topics = {{"t", name}}}),
    refusal<topic_results>(create_topics{.topics = {{.name = name}}}),
    refusal<topic_results>(
      create_topics{.topics = {{.name = "t", .configs = {{"c", name}}}}}),
    refusal<topic_results>(delete_topics{.topics = {"t", name}}),
    refusal<done>(offset_commit{.group = name, .offsets = {{.topic = "t", .offset = 0}}}),
    refusal<done>(offset_commit{.group = "g", .offsets = {{.topic = name, .offset = 0}}}),
    refusal<done>(offset_commit{
      .group = "g", .offsets = {{.topic = "t", .offset = 0, .metadata = name}}}),
    refusal<fetched_offsets>(offset_fetch{.group = name}),
    refusal<fetched_offsets>(offset_fetch{.group = "g", .topics = {{{name, {}}}}}),
    refusal<found_coordinator>(find_coordinator{.key = name}),
    refusal<joined_group>(
      join_group{.group = "g", .group_instance_id = name, .protocols = {{"p", ""}}}),
    refusal<joined_group>(join_group{.group = "g", .protocols = {{name, ""}}}),
    refusal<synced_group>(sync_group{.group = "g", .generation = 1, .member_id = name}),
    refusal<done>(heartbeat{.group = "g", .generation = 1, .member_id = name}),
    refusal<left_group>(leave_group{.group = "g", .members = {{.member_id = name}}}),
  };
  asked<produced> p{
    produce{.topic = name, .partition = 0, .records = {{.value = "v"}}}, 8};
  CHECK(p.what == nullptr);
  all.push_back(p.reply.error());
  for (std::size_t i = 0; i != all.size(); ++i) {
    INFO(i << ' ' << all[i].detail);
    CHECK(all[i].code == error_code::invalid_argument);
    CHECK(all[i].detail.size() < 200);
  }
}

namespace {

/// The first step of a group's fetch with these pins, or its outcome.
group_fetch::next first_step(fetch request) {
  request.topic = "t";
  request.group = "g";
  return group_fetch{std::move(request), protocol::offset_reset::none}.begin();
}

error pinned(std::optional<std::int16_t> offset_fetch,
  std::optional<std::int16_t> offset_commit, std::optional<std::int16_t> records = {}) {
  const auto next = first_step({.api_version = records,
    .offset_fetch_api_version = offset_fetch,
    .offset_commit_api_version = offset_commit});
  const auto* outcome = std::get_if<result<fetched>>(&next);
  return outcome == nullptr ? error{} : outcome->error();
}

} // namespace

TEST_CASE("pins of a group's fetch that no broker can serve are known beforehand") {
  CHECK(pinned({}, {}) == error{});
  CHECK(pinned(9, 9) == error{});
  CHECK(pinned(10, {})
    == error{error_code::unsupported_api_version, "OffsetFetch v10: cafka knows 0 to 9"});
  CHECK(pinned({}, 10)
    == error{
      error_code::unsupported_api_version, "OffsetCommit v10: cafka knows 0 to 9"});
  CHECK(pinned({}, {}, 99)
    == error{error_code::unsupported_api_version, "Fetch v99: cafka knows 0 to 18"});
}

TEST_CASE("a moment before all files of an old broker's log means its first offset") {
  list_offsets request;
  request.topic = "t";
  const auto answer = [](std::vector<log_offset> offsets) {
    protocol::list_offsets_response response;
    auto& topic = response.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back().old_style_offsets = std::move(offsets);
    return response;
  };
  request.time = timestamp{std::chrono::milliseconds{1'000}};
  asked<listed_offset> moment{request, 0};
  const auto again = moment.receive(answer({}));
  CHECK(again.code == error_code::offset_not_available);
  REQUIRE(moment.what->may_retry(again.code));
  const auto bytes = moment.what->encode(0, 2, "c", moment.known);
  REQUIRE(bytes);
  protocol::reader in{shared_bytes::copy_of(
    std::string_view{reinterpret_cast<const char*>(bytes->parts.front().data()) + 4,
      bytes->parts.front().size() - 4})};
  static_cast<void>(protocol::read_request_header(in));
  protocol::list_offsets_request first;
  protocol::decode(in, first, 0);
  REQUIRE(in.ok());
  CHECK(first.topics.at(0).partitions.at(0).timestamp == -2);
  CHECK(moment.receive(answer({7})).code == error_code::none);
  moment.what->finish({});
  CHECK(moment.reply->offset == log_offset{7});
  // Of an end of the log it is no answer.
  request.time = offset_time::latest();
  asked<listed_offset> end{request, 0};
  CHECK(end.receive(answer({})).code == error_code::none);
  end.what->finish({});
  CHECK_FALSE(end.reply->offset);
}

TEST_CASE(
  "a pin about offsets that is left out is 0 if the other is, and open otherwise") {
  using pin = std::optional<std::int16_t>;
  const auto paired = [](pin offset_fetch, pin offset_commit) {
    group_fetch f{{.topic = "t",
                    .group = "g",
                    .offset_fetch_api_version = offset_fetch,
                    .offset_commit_api_version = offset_commit},
      protocol::offset_reset::none};
    const auto step_of = [](const group_fetch::next& next) {
      return std::get<group_fetch::step>(next);
    };
    const auto asks = std::get<cafka::offset_fetch>(step_of(f.begin()));
    (void)f.on(result<fetched_offsets>{
      fetched_offsets{"g", {{.topic = "t", .offset = log_offset{0}}}}});
    protocol::fetched_records one = one_fetched_record();
    const auto commits = std::get<cafka::offset_commit>(
      step_of(f.on(result<fetched>{fetched{.topic = "t", .records = std::move(one)}})));
    return std::pair{asks.api_version, commits.api_version};
  };
  CHECK(paired({}, 0) == std::pair<pin, pin>{0, 0});
  CHECK(paired(0, {}) == std::pair<pin, pin>{0, 0});
  CHECK(paired({}, 2) == std::pair<pin, pin>{std::nullopt, 2});
  CHECK(paired(3, {}) == std::pair<pin, pin>{3, std::nullopt});
  CHECK(paired(0, 2) == std::pair<pin, pin>{0, 2});
}

// -- a fetch in steps -------------------------------------------------------------------

TEST_CASE(
  "a group's fetch begins where the group goes on, and commits what it has read") {
  group_fetch f{
    {.topic = "t", .partition = 3, .group = "g"}, protocol::offset_reset::latest};
  const auto next_step = [](const group_fetch::next& next) {
    return std::get<group_fetch::step>(next);
  };
  const auto asks = std::get<offset_fetch>(next_step(f.begin()));
  CHECK(asks.group == "g");
  // The group has committed nothing: where `auto_offset_reset` says.
  const auto looks = std::get<list_offsets>(
    next_step(f.on(result<fetched_offsets>{fetched_offsets{"g", {}}})));
  CHECK(looks.time.value == offset_time::latest().value);
  CHECK(looks.partition == partition_id{3});
  const auto reads = std::get<fetch>(
    next_step(f.on(result<listed_offset>{listed_offset{.offset = log_offset{0}}})));
  CHECK(reads.offset == log_offset{0});
  const auto commits = std::get<offset_commit>(next_step(
    f.on(result<fetched>{fetched{.topic = "t", .records = one_fetched_record()}})));
  REQUIRE(commits.offsets.size() == 1);
  CHECK(commits.offsets[0].offset == log_offset{1});
  // The records are good although the commit failed.
  const auto end = f.on(result<done>{error{error_code::timed_out, "late"}});
  const auto& outcome = std::get<result<fetched>>(end);
  REQUIRE(outcome);
  CHECK_FALSE(outcome->committed);
  CHECK(outcome->commit_error.code == error_code::timed_out);
}

TEST_CASE("an offset that is out of range is replaced once") {
  group_fetch f{{.topic = "t", .group = "g"}, protocol::offset_reset::earliest};
  (void)f.begin();
  (void)f.on(result<fetched_offsets>{
    fetched_offsets{"g", {{.topic = "t", .offset = log_offset{100}}}}});
  const result<fetched> out_of_range{error{error_code::offset_out_of_range, {}}};
  const auto looks = f.on(out_of_range);
  CHECK(std::holds_alternative<list_offsets>(std::get<group_fetch::step>(looks)));
  (void)f.on(result<listed_offset>{listed_offset{.offset = log_offset{7}}});
  const auto end = f.on(out_of_range);
  CHECK(std::get<result<fetched>>(end).error().code == error_code::offset_out_of_range);
}

TEST_CASE("a raw request about groups goes to the coordinator of the first one") {
  const auto group_of = []<class Request>(const Request& request) {
    const auto where = protocol::target_of(request);
    const auto* group = std::get_if<protocol::coordinator_of>(&where);
    return group == nullptr ? std::string{"any"} : group->key;
  };
  protocol::consumer_group_heartbeat_request heartbeat;
  heartbeat.group_id = "a";
  CHECK(group_of(heartbeat) == "a");
  protocol::offset_delete_request removal;
  removal.group_id = "a";
  CHECK(group_of(removal) == "a");
  CHECK(
    group_of(protocol::consumer_group_describe_request{.group_ids = {"b", "a"}}) == "b");
  CHECK(group_of(protocol::describe_groups_request{.groups = {"b", "a"}}) == "b");
  CHECK(group_of(protocol::delete_groups_request{.groups_names = {"b"}}) == "b");
  CHECK(group_of(protocol::delete_groups_request{}) == "any");
  protocol::describe_share_group_offsets_request shares;
  CHECK(group_of(shares) == "any");
  shares.groups.resize(2);
  shares.groups[0].group_id = "b";
  CHECK(group_of(shares) == "b");
  CHECK(group_of(protocol::list_groups_request{}) == "any");
}
