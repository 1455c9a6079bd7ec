#include "fake_worker.hpp"

#include "../supervision/caf_compat.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace cafka::testing {

namespace {

/// The first parameter stands before the comma that begins each line of the list.
template <class... Handlers>
worker_actor::behavior_type behavior_of(int, Handlers... all) {
  return {std::move(all)...};
}

} // namespace

template <class Request>
result<reply_of<Request>> fake_worker::answer(
  table& all, const Request& asked, const char* name) {
  using function = std::function<result<reply_of<Request>>(const Request&)>;
  std::shared_ptr<void> found;
  {
    const std::lock_guard lock{all.mutex};
    all.seen[typeid(Request)].push_back(std::make_shared<const Request>(asked));
    if (const auto at = all.answers.find(typeid(Request)); at != all.answers.end())
      found = at->second;
  }
  if (found == nullptr)
    return error{error_code::invalid_argument,
      std::string{"the fake worker was not told how to answer "} + name};
  return (*static_cast<function*>(found.get()))(asked);
}

fake_worker::fake_worker(caf::actor_system& sys) {
#define CAFKA_ANSWER(request, reply)                                                     \
  , [all](const request& asked) { return answer(*all, asked, #request); }
  const auto start = [all = table_]() -> worker_actor::behavior_type {
    return behavior_of(0 CAFKA_OPERATIONS(CAFKA_ANSWER, CAFKA_ANSWER));
  };
#undef CAFKA_ANSWER
  actor_ = sys.spawn(start);
}

fake_worker::~fake_worker() {
  post_exit(actor_, caf::exit_reason::user_shutdown);
}

} // namespace cafka::testing
