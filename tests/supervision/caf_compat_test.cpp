#include "fixture.hpp"

#include <tuple>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

using pinger = caf::typed_actor<caf::result<ping_atom>(ping_atom)>;
using listener = caf::typed_actor<caf::result<void>(ping_atom)>;

pinger::behavior_type ping_back() {
  return {[](ping_atom) { return ping_atom_v; }};
}

// An inspector that reads or writes one value, as text or as a number.
struct one_value {
  bool text;
  bool loading;
  std::tuple<std::string, std::uint8_t> value;

  bool has_human_readable_format() const { return text; }

  template <class Get, class Set>
  bool apply(Get get, Set set) {
    auto& slot = std::get<decltype(get())>(value);
    if (loading)
      return set(slot);
    slot = get();
    return true;
  }
};

bool read_text(std::string name, restart_type& x) {
  one_value f{true, true, {std::move(name), std::uint8_t{}}};
  return inspect(f, x);
}

bool read_number(std::uint8_t number, restart_type& x) {
  one_value f{false, true, {std::string{}, number}};
  return inspect(f, x);
}

struct compat_fixture {
  caf::actor_system_config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;

  compat_fixture() : sys((init_types(), cfg)), self(sys) {}

  // Whether a ping reaches this thread.
  bool pinged() {
    bool result = false;
    self->receive([&](ping_atom) { result = true; });
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(
  compat_fixture, "a message reaches handles and pointers, strong and weak") {
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(self);
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(strong);
  auto handle = caf::actor_cast<caf::actor>(strong);
  SECTION("from no actor") {
    post(strong, ping_atom_v);
    CHECK(pinged());
    post(weak, ping_atom_v);
    CHECK(pinged());
    post(handle, ping_atom_v);
    CHECK(pinged());
  }
  SECTION("from an untyped actor") {
    auto sender = sys.spawn([=](caf::event_based_actor* s) {
      tell(s, strong, ping_atom_v);
      tell(s, weak, ping_atom_v);
      tell(s, handle, ping_atom_v);
    });
    CHECK((pinged() && pinged() && pinged()));
  }
  SECTION("from a typed actor, where CAF refuses untyped handles") {
    auto sender = sys.spawn([=](listener::pointer s) -> listener::behavior_type {
      tell(s, strong, ping_atom_v);
      return {[=](ping_atom) { tell(s, weak, ping_atom_v); }};
    });
    CHECK(pinged());
    tell(self, sender, ping_atom_v);
    CHECK(pinged());
  }
  SECTION("after a while") {
    tell_after(self, strong, 1ms, ping_atom_v);
    CHECK(pinged());
    tell_after(self, handle, 1ms, ping_atom_v);
    CHECK(pinged());
  }
}

TEST_CASE_METHOD(compat_fixture, "the receiver of a told message sees who told it") {
  auto pinging = sys.spawn(ping_back);
  // What a handler returns goes back to the teller as a message.
  tell(self, caf::actor_cast<caf::strong_actor_ptr>(pinging), ping_atom_v);
  CHECK(pinged());
}

TEST_CASE_METHOD(compat_fixture, "a null or a dead destination drops the message") {
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(
    std::get<caf::strong_actor_ptr>(start_of(obedient)(sys)));
  // Idle and referred to by nobody, it ends.
  auto ended = [&] { return caf::actor_cast<caf::strong_actor_ptr>(weak) == nullptr; };
  for (auto deadline = std::chrono::steady_clock::now() + test_timeout;
       !ended() && std::chrono::steady_clock::now() < deadline;)
    std::this_thread::yield();
  REQUIRE(ended());
  for (const auto& dest : {weak, caf::weak_actor_ptr{}}) {
    post(dest, ping_atom_v);
    tell(self, dest, ping_atom_v);
    tell_after(self, dest, 1ms, ping_atom_v);
    post_exit(dest, caf::exit_reason::kill);
    caf::error error;
    ask(self, dest, test_timeout, ping_atom_v)
      .receive([](ping_atom) {}, [&](caf::error& e) { error = std::move(e); });
    CHECK_FALSE(error.empty());
  }
}

TEST_CASE_METHOD(compat_fixture, "a request is answered, by handle and by pointer") {
  auto typed = sys.spawn(ping_back);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(typed);
  int answers = 0;
  auto count = [&](ping_atom) { ++answers; };
  auto failed = [](const caf::error& e) { FAIL(to_string(e)); };
  ask(self, typed, test_timeout, ping_atom_v).receive(count, failed);
  ask(self, strong, test_timeout, ping_atom_v).receive(count, failed);
  ask(self, caf::actor_cast<caf::weak_actor_ptr>(strong), test_timeout, ping_atom_v)
    .receive(count, failed);
  CHECK(answers == 3);
}

TEST_CASE_METHOD(compat_fixture, "a request that is not answered in time is an error") {
  auto silent = sys.spawn([](caf::event_based_actor* s) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[s, kept](ping_atom) {
      kept->push_back(s->make_response_promise());
      return kept->back();
    }};
  });
  caf::error error;
  ask(self, silent, 1ms, ping_atom_v)
    .receive([](ping_atom) {}, [&](caf::error& e) { error = std::move(e); });
  CHECK(error == caf::sec::request_timeout);
  post_exit(silent, caf::exit_reason::kill);
}

TEST_CASE_METHOD(
  compat_fixture, "a watched actor's end becomes a message, also after the fact") {
  auto watched = sys.spawn(obedient);
  watch(self, watched, [](const caf::error& reason) {
    return supervision::detail::child_down{7, 1, reason};
  });
  post_exit(watched, caf::exit_reason::kill);
  caf::error reason;
  self->receive([&](supervision::detail::child_down& msg) { reason = msg.reason; });
  CHECK(reason == caf::exit_reason::kill);
  watch(self, caf::actor_cast<caf::strong_actor_ptr>(watched), [](const caf::error& r) {
    return supervision::detail::child_down{7, 2, r};
  });
  std::uint64_t incarnation = 0;
  self->receive(
    [&](const supervision::detail::child_down& msg) { incarnation = msg.number; });
  CHECK(incarnation == 2);
}

TEST_CASE("an enumeration is inspected by name in text and by number in bytes") {
  auto x = restart_type::transient;
  one_value text{true, false, {}};
  CHECK(inspect(text, x));
  CHECK(std::get<0>(text.value) == "transient");
  one_value number{false, false, {}};
  CHECK(inspect(number, x));
  CHECK(std::get<1>(number.value) == 1);

  CHECK(read_text("temporary", x));
  CHECK(x == restart_type::temporary);
  CHECK(read_number(0, x));
  CHECK(x == restart_type::permanent);
  // What is no value of it is refused.
  CHECK_FALSE(read_text("eternal", x));
  CHECK_FALSE(read_number(3, x));
  CHECK(x == restart_type::permanent);
}

TEST_CASE_METHOD(compat_fixture, "CAF's own inspectors print the supervisor's messages") {
  CHECK(caf::deep_to_string(child_info{"a", "", nullptr, restart_type::temporary})
          .find("temporary")
    != std::string::npos);
  CHECK(to_string(caf::make_error(errc::not_found, std::string{"x"})).find("not_found")
    != std::string::npos);
}
