#include "fixture.hpp"
#include <cafka/supervision/alarm.hpp>

#include <caf/stateful_actor.hpp>

#include <future>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

constexpr int enough = 20;

/// What an actor counts that sets its alarm nearer and further away.
struct rung {
  std::atomic<int> messages = 0;
  std::atomic<int> rings = 0;
  std::promise<void> enough;
};

class ringing_state {
public:
  static inline const char* name = "ringing";

  ringing_state(caf::event_based_actor* self, std::shared_ptr<rung> counts)
    : self_(self), counts_(std::move(counts)) {}

  caf::behavior make_behavior() {
    return {// Sixteen times nearer, and further away again.
      [this](int moments) {
        for (int i = moments; i > 0; --i) {
          set(std::chrono::milliseconds{i});
          set(1h);
        }
      },
      [this](alarm_rings msg) {
        ++counts_->messages;
        if (!alarm_.rings(msg))
          return;
        if (++counts_->rings < enough)
          set(1ms);
        else
          counts_->enough.set_value();
      }};
  }

private:
  void set(std::chrono::milliseconds from_now) {
    const auto now = self_->clock().now();
    alarm_.set<caf::actor>(self_, now, now + from_now);
  }

  caf::event_based_actor* self_;
  std::shared_ptr<rung> counts_;
  actor_alarm alarm_;
};

} // namespace

TEST_CASE_METHOD(fixture, "an alarm that is set often rings once, and never multiplies") {
  const auto counts = std::make_shared<rung>();
  auto& system = *sys;
  const auto actor = system.spawn<caf::stateful_actor<ringing_state>>(counts);
  for (int i = 0; i != 10; ++i)
    post(actor, 16);
  REQUIRE(
    counts->enough.get_future().wait_for(test_timeout) == std::future_status::ready);
  // One message for each setting that was nearer than the one before, one for each ring.
  CHECK(counts->messages <= 10 * 16 + enough);
  CHECK(counts->rings == enough);
  post_exit(actor, caf::exit_reason::kill);
}

TEST_CASE("an alarm knows stale messages, and rings once for each setting") {
  actor_alarm a;
  CHECK_FALSE(a.rings({0}));
  CHECK_FALSE(a.rings({1}));
}
