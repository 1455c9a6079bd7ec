#include "delete_topics.hpp"

#include "../messages/delete_topics.hpp"
#include "topic_calls.hpp"

namespace cafka {

namespace calls {

namespace {

class delete_topics_call final
  : public operation_call<delete_topics, protocol::delete_topics_request> {
public:
  using operation_call::operation_call;

  static error check(const delete_topics& asked) {
    if (asked.topics.empty())
      return invalid("there are no topics to delete");
    for (const auto& name : asked.topics) {
      if (auto wrong = protocol::check_topic_name(name))
        return wrong;
    }
    return {};
  }

  static void route(traits& to, const delete_topics& asked) {
    to_controller(to, asked.timeout, asked.deadline);
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    out.timeout_ms = in_milliseconds(timeout_of(asked_.timeout, asked_.deadline));
    if (version >= 6) {
      for (const auto& name : asked_.topics)
        out.topics.emplace_back().name = name;
    } else {
      out.topic_names = asked_.topics;
    }
    return out;
  }

  error take(response answer, std::int16_t, cluster& known) override {
    auto outcome = take_results(asked_.topics, answer.responses, answer_);
    if (!outcome)
      forget_changed(answer_, known);
    return outcome;
  }

private:
  [[nodiscard]] error unread(error why) const override { return may_be_done(why); }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  delete_topics asked, const call_context& around, reply_function<topic_results> reply) {
  return calls::start<calls::delete_topics_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
