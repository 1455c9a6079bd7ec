#include "offsets_of.hpp"

#include "../../supervision/caf_compat.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>

namespace cafka::cli {

namespace {

/// Requests under way at a time.
constexpr std::size_t most_at_a_time = 200;
/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

using places = std::vector<std::optional<log_offset>>;

/// Asks about moments in the logs of a topic.
class asking {
public:
  asking(worker_actor worker, const std::string& topic,
    const std::vector<partition_id>& partitions, isolation_level isolation,
    milliseconds timeout)
    : worker_(std::move(worker)),
      topic_(topic),
      partitions_(partitions),
      isolation_(isolation),
      timeout_(timeout),
      self_(worker_->home_system()) {}

private:
  auto ask_for(std::size_t i, offset_time moment) {
    list_offsets request;
    request.topic = topic_;
    request.partition = partitions_[i];
    request.time = moment;
    request.isolation = isolation_;
    request.deadline = timeout_;
    return ask(self_, worker_, timeout_ + grace, std::move(request));
  }

  template <class Handle>
  void answer_of(
    std::size_t i, Handle& handle, std::optional<log_offset>& found, error& wrong) {
    const auto failed = [&](error_code code, const std::string& why) {
      if (!wrong)
        wrong = {code, place(topic_, partitions_[i]) + ": " + why};
    };
    handle.receive(
      [&](result<listed_offset>& listed) {
        if (listed)
          found = listed->offset;
        else
          failed(listed.error().code, listed.error().detail);
      },
      [&](const caf::error& e) {
        failed(error_code::worker_down, "the worker gave no answer: " + to_string(e));
      });
  }

public:
  /// None where no record is that late.
  result<places> operator()(offset_time moment) {
    places found(partitions_.size());
    error wrong;
    for (std::size_t first = 0; first < found.size(); first += most_at_a_time) {
      const auto end = std::min(first + most_at_a_time, found.size());
      std::vector<decltype(ask_for(0, moment))> asked;
      for (auto i = first; i != end; ++i)
        asked.push_back(ask_for(i, moment));
      for (auto i = first; i != end; ++i)
        answer_of(i, asked[i - first], found[i], wrong);
      if (wrong)
        return wrong;
    }
    return found;
  }

private:
  worker_actor worker_;
  const std::string& topic_;
  const std::vector<partition_id>& partitions_;
  isolation_level isolation_;
  milliseconds timeout_;
  caf::scoped_actor self_;
};

} // namespace

offset_time moment_of(start_at where) {
  offset_time result;
  result.value = where.value();
  return result;
}

result<std::vector<log_offset>> offsets_of(application& app, const std::string& topic,
  const std::vector<partition_id>& partitions, const position& where,
  isolation_level isolation, milliseconds timeout) {
  const auto* told = std::get_if<start_at>(&where);
  if (told != nullptr && !told->is_moment())
    return std::vector<log_offset>(partitions.size(), told->value());
  auto worker = app.worker();
  if (!worker)
    return worker.error();
  asking asks{*std::move(worker), topic, partitions, isolation, timeout};
  const auto* before = std::get_if<before_end>(&where);
  const auto moment = told == nullptr ? offset_time::earliest() : moment_of(*told);
  const auto found = asks(moment);
  if (!found)
    return found.error();
  auto ends = places(partitions.size());
  if (before != nullptr
    || !std::ranges::all_of(*found, &std::optional<log_offset>::has_value)) {
    auto asked = asks(offset_time::latest());
    if (!asked)
      return asked.error();
    ends = *std::move(asked);
  }
  std::vector<log_offset> result;
  for (std::size_t i = 0; i != partitions.size(); ++i) {
    const auto end = ends[i].value_or(0);
    const auto at = (*found)[i].value_or(end);
    result.push_back(before == nullptr ? at : std::max(at, end + -before->count));
  }
  return result;
}

} // namespace cafka::cli
