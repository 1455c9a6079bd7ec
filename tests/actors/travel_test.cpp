// What is sent to another node arrives there whole, or is refused there and harms
// nothing.

#include <cafka/actors/consumer/consumer.hpp>
#include <cafka/actors/interfaces.hpp>
#include <cafka/actors/producer/producer.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/secret.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <type_traits>
#include <utility>

using namespace cafka;

namespace {

/// Inspects an object for its members, of which `CAFKA_INSPECT` leaves out none.
template <class F>
class member_walk {
public:
  static constexpr bool is_loading = false;

  explicit member_walk(F f) : f_(std::move(f)) {}

  template <class T>
  struct member {
    T* where;
  };
  struct computed {};

  template <class T>
  auto& object(T&) {
    return *this;
  }
  template <class T>
  member<T> field(const char*, T& x) {
    return {&x};
  }
  template <class Get, class Set>
  computed field(const char*, Get, Set) {
    return {};
  }
  template <class... Members>
  bool fields(Members... all) {
    (visit(all), ...);
    return true;
  }

private:
  template <class T>
  void visit(member<T> m) {
    f_(*m.where);
  }
  void visit(computed) {}

  F f_;
};

template <class T, class F>
void each_member(T& x, F f) {
  member_walk<F> walk{std::move(f)};
  inspect(walk, x);
}

struct any_member {
  template <class T>
  void operator()(T&) const {}
};

// Inspected as a whole, or by other than its members.
template <class T, class... Others>
constexpr bool one_of = (std::is_same_v<T, Others> || ...);

template <class T>
constexpr bool is_leaf =
  std::is_enum_v<
    T> || one_of<T, record, protocol::uuid, protocol::fetched_records, supervision::restart_delay, supervision::child_spec>;

template <class T>
concept is_inspected = requires(member_walk<any_member>& f, T& x) {
  { inspect(f, x) } -> std::same_as<bool>;
};

template <class T>
concept has_members = std::is_aggregate_v<T> && !is_leaf<T> && is_inspected<T>;

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
void scramble_result(protocol::result<T>& x) {
  if (roll(4) == 0) {
    x = error{error_code::outcome_unknown, some_text()};
    return;
  }
  T value{};
  scramble(value);
  x = std::move(value);
}

// Functions and arguments do not travel.
void scramble_spec(supervision::child_spec& x) {
  x.id = some_text();
  x.restart = supervision::restart_type::transient;
  scramble(x.restart_delay);
  scramble(x.shutdown);
  x.type = supervision::child_type::supervisor;
  x.significant = true;
  x.name = some_text();
}

template <class T>
void scramble(T& x) {
  if constexpr (protocol::is_result<T>)
    scramble_result(x);
  else if constexpr (std::is_same_v<T, record>)
    x = {some_text(), some_text(), {{some_text(), some_text()}},
      timestamp{milliseconds{roll(99)}}};
  else if constexpr (std::is_same_v<T, supervision::restart_delay>)
    x = {milliseconds{1 + roll(99)}, milliseconds{100 + roll(99)}};
  else if constexpr (std::is_same_v<T, supervision::child_spec>)
    scramble_spec(x);
  else if constexpr (std::is_same_v<T, protocol::secret>)
    x = protocol::secret{"s" + some_text()};
  else if constexpr (has_members<T>)
    each_member(x, [](auto& m) { scramble(m); });
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
bool same(T& a, T& b);

bool same_spec(supervision::child_spec& a, supervision::child_spec& b) {
  return a.id == b.id && a.restart == b.restart && same(a.restart_delay, b.restart_delay)
    && same(a.shutdown, b.shutdown) && a.type == b.type && a.significant == b.significant
    && a.name == b.name;
}

template <class T>
bool same(T& a, T& b) {
  if constexpr (protocol::is_result<T>) {
    return a ? b && same(*a, *b) : a.error() == b.error();
  } else if constexpr (std::is_same_v<T, supervision::child_spec>) {
    return same_spec(a, b);
  } else if constexpr (has_members<T>) {
    std::vector<void*> others;
    each_member(b, [&](auto& m) { others.push_back(&m); });
    bool all = true;
    std::size_t at = 0;
    each_member(
      a, [&]<class M>(M& m) { all = same(m, *static_cast<M*>(others[at++])) && all; });
    return all;
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

void init() {
  static const bool once = [] {
    caf::init_global_meta_objects<caf::id_block::cafka>();
    caf::init_global_meta_objects<caf::id_block::cafka_operations>();
    caf::init_global_meta_objects<caf::id_block::cafka_producer>();
    caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
    caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
    caf::core::init_global_meta_objects();
    return true;
  }();
  static_cast<void>(once);
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

/// Calls `f` with each type of a block of type ids.
template <class Block, class F>
void each_type(F f) {
  constexpr auto first = Block::begin;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f.template operator()<caf::type_by_id_t<static_cast<caf::type_id_t>(first + I)>>(),
      ...);
  }
  (std::make_index_sequence<Block::end - first>{});
}

template <class T>
void stays(caf::actor_system& sys) {
  INFO(caf::type_name_v<T>);
  T what{};
  T arrived{};
  CHECK(carried(sys, what, arrived) == caf::sec::load_callback_failed);
}

/// A reply whose value must not leave its process; its error may.
template <class T>
void stays_with_value(caf::actor_system& sys) {
  T what{typename T::value_type{}};
  T arrived{};
  CHECK(carried(sys, what, arrived) == caf::sec::load_callback_failed);
  what = error{error_code::closed, some_text()};
  REQUIRE(carried(sys, what, arrived).empty());
  CHECK(arrived.error() == what.error());
}

} // namespace

TEST_CASE("each message arrives on another node with all that it had, or stays here") {
  init();
  caf::actor_system_config config;
  caf::actor_system sys{config};
  std::size_t count = 0;
  const auto each = [&]<class T>() {
    ++count;
    if constexpr (caf::is_error_code_enum_v<T>)
      return; // It travels within a `caf::error`.
    else if constexpr (stays_here<T>)
      stays<T>(sys);
    else if constexpr (std::is_same_v<T, result<raw_response>>)
      stays_with_value<T>(sys);
    else
      travels<T>(sys);
  };
  each_type<caf::id_block::cafka>(each);
  each_type<caf::id_block::cafka_operations>(each);
  each_type<caf::id_block::cafka_producer>(each);
  each_type<caf::id_block::cafka_consumer>(each);
  each_type<caf::id_block::cafka_supervision>(each);
  CHECK(count > 80);
}

TEST_CASE("a child's specification travels without functions and arguments") {
  init();
  caf::actor_system_config config;
  caf::actor_system sys{config};
  using namespace supervision;
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
