#include "proxy.hpp"

#include "caf_compat.hpp"
#include "supervisor.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/stateful_actor.hpp>

#include <deque>
#include <utility>

namespace cafka::supervision {

namespace {

using detail::name_is_back;

class proxy_state {
public:
  static inline const char* name = "cafka.proxy";

  proxy_state(caf::event_based_actor* self, std::shared_ptr<registry> names,
    std::string followed, std::size_t most_waiting)
    : self_(self),
      names_(std::move(names)),
      followed_(std::move(followed)),
      most_waiting_(most_waiting) {}

  proxy_state(const proxy_state&) = delete;
  proxy_state& operator=(const proxy_state&) = delete;

  // Those who still wait are told, as CAF answers what is in a mailbox.
  ~proxy_state() {
    for (auto& e : waiting_)
      std::move(e).refuse(caf::make_error(caf::sec::request_receiver_down));
  }

  caf::behavior make_behavior() {
    pass_on(self_, [this](envelope e) { take(std::move(e)); });
    return {[this](name_is_back) { on_back(); }};
  }

private:
  void take(envelope e) {
    // What came before goes first.
    auto to = waiting_.empty() ? names_->look_up(followed_) : nullptr;
    if (to != nullptr) {
      std::move(e).send(to);
    } else if (!names_->contains(followed_) && waiting_.empty()) {
      refuse(std::move(e));
    } else if (waiting_.size() >= most_waiting_) {
      refuse(std::move(e));
    } else {
      waiting_.push_back(std::move(e));
      if (waiting_.size() == 1)
        ask_for_next();
    }
  }

  void ask_for_next() {
    const auto me =
      caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<caf::strong_actor_ptr>(self_));
    // By message, since it is called in the middle of the supervisor's work.
    names_->on_next(followed_, nullptr,
      [me](const caf::strong_actor_ptr&) { post(me, name_is_back{}); });
  }

  void on_back() {
    const auto to = names_->look_up(followed_);
    if (to == nullptr && names_->contains(followed_))
      return ask_for_next(); // It has ended again.
    for (auto& e : std::exchange(waiting_, {})) {
      if (to != nullptr)
        std::move(e).send(to);
      else
        refuse(std::move(e));
    }
  }

  void refuse(envelope e) {
    std::move(e).refuse(
      caf::make_error(errc::not_found, "no actor is named '" + followed_ + "'"));
  }

  caf::event_based_actor* self_;
  std::shared_ptr<registry> names_;
  std::string followed_;
  std::size_t most_waiting_;
  std::deque<envelope> waiting_;
};

} // namespace

caf::actor spawn_proxy(caf::actor_system& sys, std::shared_ptr<registry> names,
  std::string name, std::size_t most_waiting) {
  return sys.spawn<caf::stateful_actor<proxy_state>>(
    std::move(names), std::move(name), most_waiting);
}

} // namespace cafka::supervision
