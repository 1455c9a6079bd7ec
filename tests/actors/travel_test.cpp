// What is sent to another node arrives there whole, or is refused there and harms
// nothing.

#include <cafka/actors/consumer/consumer.hpp>
#include <cafka/actors/interfaces.hpp>
#include <cafka/actors/producer/producer.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <tuple>

using namespace cafka;

namespace {

// All members of a type: a number that is not theirs does not compile, so that no member
// can be forgotten here when one is added there.
#define MEMBERS(type, ...)                                                               \
  [[maybe_unused]] auto all_of(type& x) {                                                \
    auto& [__VA_ARGS__] = x;                                                             \
    return std::tie(__VA_ARGS__);                                                        \
  }

MEMBERS(cafka::error, a, b)
MEMBERS(cafka::endpoint, a, b)
MEMBERS(cafka::record, a, b, c, d)
MEMBERS(cafka::produce, a, b, c, d, e, f, g, h)
MEMBERS(cafka::produced, a, b, c, d, e)
MEMBERS(cafka::fetch, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
MEMBERS(cafka::fetched, a, b, c, d, e, f, g, h)
MEMBERS(cafka::list_offsets, a, b, c, d, e, f)
MEMBERS(cafka::listed_offset, a, b, c, d, e)
MEMBERS(cafka::metadata, a, b, c, d)
MEMBERS(cafka::broker_info, a, b, c)
MEMBERS(cafka::partition_info, a, b, c, d, e, f, g)
MEMBERS(cafka::topic_info, a, b, c, d, e)
MEMBERS(cafka::cluster_metadata, a, b, c, d)
MEMBERS(cafka::api_versions, a, b, c)
MEMBERS(cafka::api_version_range, a, b, c)
MEMBERS(cafka::supported_versions, a)
MEMBERS(cafka::get_status, a, b, c)
MEMBERS(cafka::connection_status, a, b, c, d, e, f)
MEMBERS(cafka::worker_status, a, b, c, d, e, f)
MEMBERS(cafka::offset_to_commit, a, b, c, d, e)
MEMBERS(cafka::offset_commit, a, b, c, d, e, f, g, h)
MEMBERS(cafka::topic_partitions, a, b)
MEMBERS(cafka::offset_fetch, a, b, c, d, e)
MEMBERS(cafka::fetched_offset, a, b, c, d, e)
MEMBERS(cafka::fetched_offsets, a, b)
MEMBERS(cafka::find_coordinator, a, b, c, d)
MEMBERS(cafka::found_coordinator, a, b, c)
MEMBERS(cafka::group_protocol, a, b)
MEMBERS(cafka::join_group, a, b, c, d, e, f, g, h, i, j)
MEMBERS(cafka::group_member, a, b, c)
MEMBERS(cafka::joined_group, a, b, c, d, e, f, g, h)
MEMBERS(cafka::member_assignment, a, b)
MEMBERS(cafka::sync_group, a, b, c, d, e, f, g, h, i)
MEMBERS(cafka::synced_group, a, b, c)
MEMBERS(cafka::heartbeat, a, b, c, d, e, f)
MEMBERS(cafka::leaving_member, a, b, c)
MEMBERS(cafka::leave_group, a, b, c, d)
MEMBERS(cafka::left_member, a, b, c)
MEMBERS(cafka::left_group, a)
MEMBERS(cafka::new_topic, a, b, c, d, e)
MEMBERS(cafka::create_topics, a, b, c, d, e)
MEMBERS(cafka::topic_result, a, b, c)
MEMBERS(cafka::topic_results, a)
MEMBERS(cafka::delete_topics, a, b, c, d)
MEMBERS(cafka::stream_credit, a, b)
MEMBERS(cafka::stream_batch, a, b, c, d, e, f)
MEMBERS(cafka::stream_end, a, b, c, d, e, f)
MEMBERS(cafka::stream_stop, a)
MEMBERS(cafka::delivery, a, b, c, d, e, f)
MEMBERS(cafka::waiting_records, a, b, c, d, e)
MEMBERS(cafka::producer_status, a, b, c, d, e, f, g, h)
MEMBERS(cafka::partition_status, a, b, c, d, e, f, g, h, i)
MEMBERS(cafka::consumer_status, a, b, c, d, e, f)
MEMBERS(cafka::flush_producer, a)
MEMBERS(cafka::close_producer, a)
MEMBERS(cafka::partition_error, a, b, c, d, e)
MEMBERS(cafka::consumer_credit, a)
MEMBERS(supervision::restart_delay, a, b)
MEMBERS(supervision::child_spec, a, b, c, d, e, f, g, h, i)
MEMBERS(supervision::start_child, a)
MEMBERS(supervision::terminate_child, a, b, c)
MEMBERS(supervision::restart_child, a)
MEMBERS(supervision::delete_child, a)
MEMBERS(supervision::get_childspec, a, b, c)
MEMBERS(supervision::subscribe, a)
MEMBERS(supervision::unsubscribe, a)
MEMBERS(supervision::stop, a)
MEMBERS(supervision::child_info, a, b, c, d, e, f, g)
MEMBERS(supervision::child_counts, a, b, c, d)
MEMBERS(supervision::supervisor_info, a, b, c, d, e, f, g, h)
MEMBERS(supervision::supervision_event, a, b, c, d, e, f, g)
#undef MEMBERS

std::mt19937_64 dice{20261129};

std::size_t roll(std::size_t sides) {
  return static_cast<std::size_t>(dice() % sides);
}

std::string some_text() {
  std::string text(roll(9), '\0');
  for (auto& c : text)
    c = static_cast<char>(roll(256));
  return text;
}

protocol::fetched_records some_records() {
  protocol::batch_builder builder;
  const auto n = 1 + roll(5);
  for (std::size_t i = 0; i != n; ++i)
    REQUIRE(builder.append(
      {.key = some_text(), .value = some_text()}, timestamp{milliseconds{1000}}));
  auto sealed = builder.seal();
  REQUIRE(sealed);
  auto records = protocol::fetched_records::read(*sealed, 0);
  REQUIRE(records);
  return *std::move(records);
}

template <class T>
concept has_members = requires(T& x) {
  all_of(x);
};

// These have none.
template <class T>
concept is_empty =
  std::is_same_v<T, get_producer_status> || std::is_same_v<T, get_consumer_status>;

/// Something else than before, as far as its type allows.
template <class T>
void scramble(T& x);
template <class T>
void scramble(std::optional<T>& x);
template <class A, class B>
void scramble(std::pair<A, B>& x);
template <class T>
void scramble(std::vector<T>& x);

template <class Rep, class Period>
void scramble(std::chrono::duration<Rep, Period>& x) {
  x = std::chrono::duration<Rep, Period>{1 + static_cast<Rep>(roll(1'000'000))};
}
void scramble(name_list& x) {
  scramble(static_cast<std::vector<std::string>&>(x));
}
void scramble(timestamp& x) {
  x = timestamp{milliseconds{roll(1'000'000'000)}};
}
template <class Tag, class Rep>
void scramble(protocol::strong_int<Tag, Rep>& x) {
  x = static_cast<Rep>(1 + roll(100'000));
}
template <class T>
void scramble(std::optional<T>& x) {
  x.emplace();
  scramble(*x);
}
template <class A, class B>
void scramble(std::pair<A, B>& x) {
  scramble(x.first);
  scramble(x.second);
}
template <class T>
void scramble(std::vector<T>& x) {
  x.resize(1 + roll(3));
  for (auto& e : x)
    scramble(e);
}

template <class T>
void scramble(T& x) {
  if constexpr (is_empty<T>)
    return;
  else if constexpr (has_members<T>)
    std::apply([](auto&... m) { (scramble(m), ...); }, all_of(x));
  else if constexpr (std::is_same_v<T, bool>)
    x = !x;
  else if constexpr (std::is_same_v<T, error_code>)
    x = error_code::not_leader_or_follower;
  else if constexpr (std::is_enum_v<T>)
    x = static_cast<T>(1);
  else if constexpr (std::is_integral_v<T>)
    x = static_cast<T>(x + 1 + static_cast<T>(roll(100)));
  else if constexpr (std::is_same_v<T, std::string>)
    x += 'x' + some_text();
  else if constexpr (std::is_same_v<T, offset_time>)
    x.value = static_cast<std::int64_t>(roll(1'000'000));
  else if constexpr (std::is_same_v<T, protocol::uuid>)
    x.bytes[roll(16)] = static_cast<std::uint8_t>(1 + roll(255));
  else if constexpr (std::is_same_v<T, protocol::fetched_records>)
    x = some_records();
  else if constexpr (std::is_same_v<T, supervision::shutdown>)
    x = supervision::shutdown::timeout(milliseconds{1 + roll(100'000)});
  else if constexpr (std::is_same_v<T, caf::error>)
    x = caf::make_error(supervision::errc::start_failed, some_text());
  else // Actors, and what does not travel.
    static_assert(
      std::is_same_v<T,
        caf::
          strong_actor_ptr> || std::is_same_v<T, supervision::start_function> || std::is_same_v<T, caf::message>);
}

template <class T>
bool same(T& a, T& b) {
  if constexpr (is_empty<T>) {
    return true;
  } else if constexpr (has_members<T>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto left = all_of(a);
      auto right = all_of(b);
      return (same(std::get<I>(left), std::get<I>(right)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(all_of(a))>>{});
  } else if constexpr (requires { a.has_value(); }) {
    return a.has_value() == b.has_value() && (!a.has_value() || same(*a, *b));
  } else if constexpr (std::is_same_v<T, protocol::fetched_records>) {
    std::vector<record> left, right;
    for (const auto& r : a)
      left.push_back(r.copy());
    for (const auto& r : b)
      right.push_back(r.copy());
    return left == right && a.next_offset() == b.next_offset();
  } else if constexpr (
    std::is_same_v<T, supervision::start_function> || std::is_same_v<T, caf::message>) {
    return true;
  } else if constexpr (std::is_same_v<T, offset_time>) {
    return a.value == b.value;
  } else if constexpr (requires { a.size() == b.size() && same(a[0], b[0]); }
    && !std::is_same_v<T, std::string>) {
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
      if (!same(a[i], b[i]))
        return false;
    return a.size() == b.size();
  } else {
    return a == b;
  }
}

/// What another node reads, or why it refuses to.
template <class T>
caf::error carried(caf::actor_system& sys, T& what, T& arrived) {
  // In a message, as it travels: its type decides how it is written.
  caf::byte_buffer bytes;
  caf::binary_serializer sink{sys, bytes};
  if (!sink.apply(caf::make_message(what)))
    FAIL("it cannot be written: " << to_string(sink.get_error()));
  caf::binary_deserializer source{sys, bytes};
  caf::message read;
  if (!source.apply(read))
    return source.get_error();
  CHECK(source.remaining() == 0);
  REQUIRE(read.match_elements<T>());
  arrived = read.get_as<T>(0);
  return {};
}

template <class T>
void travels(caf::actor_system& sys) {
  INFO(caf::type_name_v<T>);
  for (int i = 0; i != 20; ++i) {
    T what{};
    scramble(what);
    T arrived{};
    const auto refused = carried(sys, what, arrived);
    INFO(to_string(refused));
    REQUIRE(refused.empty());
    CHECK(same(what, arrived));
  }
}

template <class T>
void travels_as_result(caf::actor_system& sys) {
  travels<T>(sys);
  INFO(caf::type_name_v<T>);
  T what{};
  scramble(what);
  protocol::result<T> reply{std::move(what)};
  protocol::result<T> arrived{error_code::closed};
  REQUIRE(carried(sys, reply, arrived).empty());
  REQUIRE(arrived);
  CHECK(same(*reply, *arrived));
  reply = error{error_code::outcome_unknown, some_text()};
  REQUIRE(carried(sys, reply, arrived).empty());
  CHECK(reply.error() == arrived.error());
}

template <class T>
void stays(caf::actor_system& sys) {
  INFO(caf::type_name_v<T>);
  T what{};
  T arrived{};
  CHECK(carried(sys, what, arrived) == caf::sec::load_callback_failed);
}

} // namespace

TEST_CASE("each message arrives on another node with all that it had") {
  caf::actor_system_config config;
  caf::actor_system sys{config};
  travels<produce>(sys);
  travels<fetch>(sys);
  travels<list_offsets>(sys);
  travels<metadata>(sys);
  travels<api_versions>(sys);
  travels<get_status>(sys);
  travels<offset_commit>(sys);
  travels<offset_fetch>(sys);
  travels<find_coordinator>(sys);
  travels<join_group>(sys);
  travels<sync_group>(sys);
  travels<heartbeat>(sys);
  travels<leave_group>(sys);
  travels<create_topics>(sys);
  travels<delete_topics>(sys);
  travels<stream_credit>(sys);
  travels<stream_batch>(sys);
  travels<stream_end>(sys);
  travels<stream_stop>(sys);
  travels<delivery>(sys);
  travels<flush_producer>(sys);
  travels<close_producer>(sys);
  travels<partition_error>(sys);
  travels<consumer_credit>(sys);
  travels_as_result<produced>(sys);
  travels_as_result<fetched>(sys);
  travels_as_result<listed_offset>(sys);
  travels_as_result<cluster_metadata>(sys);
  travels_as_result<supported_versions>(sys);
  travels_as_result<worker_status>(sys);
  travels_as_result<fetched_offsets>(sys);
  travels_as_result<found_coordinator>(sys);
  travels_as_result<joined_group>(sys);
  travels_as_result<synced_group>(sys);
  travels_as_result<left_group>(sys);
  travels_as_result<topic_results>(sys);
  travels_as_result<producer_status>(sys);
  travels_as_result<consumer_status>(sys);
  travels<get_producer_status>(sys);
  travels<get_consumer_status>(sys);
}

TEST_CASE("the supervisors' messages travel, without functions and arguments") {
  caf::actor_system_config config;
  caf::actor_system sys{config};
  using namespace supervision;
  travels<child_spec>(sys);
  travels<start_child>(sys);
  travels<terminate_child>(sys);
  travels<restart_child>(sys);
  travels<delete_child>(sys);
  travels<get_childspec>(sys);
  travels<subscribe>(sys);
  travels<unsubscribe>(sys);
  travels<supervision::stop>(sys);
  travels<child_info>(sys);
  travels<child_counts>(sys);
  travels<supervisor_info>(sys);
  travels<supervision_event>(sys);
  child_spec what;
  what.id = "a";
  what.start = [](const start_context&) -> start_result { return ignore{}; };
  what.arguments = caf::make_message(17);
  child_spec arrived;
  REQUIRE(carried(sys, what, arrived).empty());
  CHECK_FALSE(arrived.start);
  CHECK(arrived.arguments.empty());
  CHECK(check_childspec(arrived) == errc::invalid_child_spec);
}

TEST_CASE("what must stay in its process is refused by the node that reads it") {
  caf::actor_system_config config;
  caf::actor_system sys{config};
  stays<consumed_batch>(sys);
  stays<actors::transport_up>(sys);
  stays<actors::transport_frames>(sys);
  stays<actors::transport_progress>(sys);
  stays<actors::transport_down>(sys);
  stays<supervision::alarm_rings>(sys);
  stays<actors::stream_consumer_down>(sys);
  stays<actors::producer_news>(sys);
  stays<actors::consumer_news>(sys);
  stays<supervision::detail::start_report>(sys);
}
