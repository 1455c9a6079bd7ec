#include <cafka/app/cli/log_offsets.hpp>
#include <cafka/app/cli/text.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>

namespace cafka::cli {

namespace {

/// Requests under way at a time.
constexpr std::size_t most_at_a_time = 200;
/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

} // namespace

result<std::vector<log_offset>> log_offsets(application& app, const std::string& topic,
  const std::vector<partition_id>& partitions, offset_time moment,
  isolation_level isolation, milliseconds timeout) {
  const auto worker = app.worker();
  if (!worker)
    return worker.error();
  caf::scoped_actor self{worker->home_system()};
  std::vector<log_offset> found(partitions.size());
  error wrong;
  const auto answer_of = [&](std::size_t i, auto& handle) {
    handle.receive(
      [&](result<listed_offset>& listed) {
        if (listed)
          found[i] = listed->offset.value_or(0);
        else if (wrong.code == error_code::none)
          wrong = {listed.error().code,
            place(topic, partitions[i]) + ": " + listed.error().detail};
      },
      [&](const caf::error& e) {
        if (wrong.code == error_code::none)
          wrong = {error_code::worker_down,
            place(topic, partitions[i]) + ": the worker gave no answer: " + to_string(e)};
      });
  };
  const auto ask_for = [&](std::size_t i) {
    list_offsets request;
    request.topic = topic;
    request.partition = partitions[i];
    request.time = moment;
    request.isolation = isolation;
    request.deadline = timeout;
    return ask(self, *worker, timeout + grace, std::move(request));
  };
  for (std::size_t first = 0; first < partitions.size(); first += most_at_a_time) {
    const auto end = std::min(first + most_at_a_time, partitions.size());
    std::vector<decltype(ask_for(0))> asked;
    for (auto i = first; i != end; ++i)
      asked.push_back(ask_for(i));
    for (auto i = first; i != end; ++i)
      answer_of(i, asked[i - first]);
    if (wrong.code != error_code::none)
      return wrong;
  }
  return found;
}

} // namespace cafka::cli
