#include "stream_client.hpp"

namespace cafka::protocol {

stream_client::stream_client(stream_client_options options)
  : options_(std::move(options)), cursor_(options_.cursor) {
}

// -- its consumer -----------------------------------------------------------------------

void stream_client::on_credit(time_point now, const stream_credit& msg) {
  if (msg.done_before)
    cursor_.acknowledge(now, *msg.done_before);
  cursor_.grant(msg.batches);
  proceed(now);
}

void stream_client::stop(
  time_point now, error why, std::optional<log_offset> done_before) {
  if (done_before)
    cursor_.acknowledge(now, *done_before);
  cursor_.stop(now, std::move(why));
  held_.reset();
  proceed(now);
}

stream_end stream_client::end() const {
  return {options_.records.topic, options_.records.partition, cursor_.start(),
    cursor_.outcome(), cursor_.committed(), cursor_.commit_error()};
}

// -- what there is to do ----------------------------------------------------------------

void stream_client::proceed(time_point now) {
  if (finished_)
    return;
  if (held_ && cursor_.may_hand_over()) {
    cursor_.handed_over();
    effects_.emplace_back(*std::exchange(held_, std::nullopt));
  }
  if (const auto question = cursor_.next_question(now))
    std::visit([this](const auto& q) { ask(q); }, *question);
  if (const auto offset = cursor_.next_commit(now))
    commit(now, *offset);
  if (cursor_.over() && !std::exchange(told_end_, true))
    effects_.emplace_back(end());
  if (cursor_.finished()) {
    finished_ = true;
    effects_.emplace_back(finished{end()});
  }
}

time_point stream_client::next_time() const {
  return finished_ ? time_point::max() : cursor_.next_time();
}

// -- requests ---------------------------------------------------------------------------

void stream_client::ask(const stream_cursor::ask_group& q) {
  get_status request;
  request.deadline = q.deadline;
  effects_.emplace_back(request);
}

void stream_client::ask(const stream_cursor::ask_committed& q) {
  offset_fetch request;
  request.group = options_.group;
  request.topics.emplace().push_back(
    {options_.records.topic, {options_.records.partition}});
  request.deadline = q.deadline;
  request.api_version = options_.offset_fetch_api_version;
  effects_.emplace_back(std::move(request));
}

void stream_client::ask(const stream_cursor::ask_offset& q) {
  list_offsets request;
  request.topic = options_.records.topic;
  request.partition = options_.records.partition;
  request.time.value = q.time;
  request.isolation = options_.records.isolation;
  request.deadline = q.deadline;
  effects_.emplace_back(std::move(request));
}

void stream_client::ask(const stream_cursor::ask_records& q) {
  auto request = options_.records;
  request.offset = q.from;
  request.max_bytes = q.max_bytes;
  // A batch that takes longer than the deadline would never come otherwise.
  request.while_arriving = true;
  request.deadline = q.deadline + request.wait_time;
  effects_.emplace_back(std::move(request));
}

void stream_client::commit(time_point now, log_offset offset) {
  offset_commit request;
  request.group = options_.group;
  auto& kept = request.offsets.emplace_back();
  kept.topic = options_.records.topic;
  kept.partition = options_.records.partition;
  kept.offset = offset;
  request.deadline = cursor_.commit_deadline(now);
  request.api_version = options_.offset_commit_api_version;
  effects_.emplace_back(std::move(request));
}

// -- replies ----------------------------------------------------------------------------

void stream_client::on_reply(time_point now, const result<worker_status>& reply) {
  if (reply) {
    options_.group = reply->consumer_group.value_or("");
    cursor_.on_group(now, !options_.group.empty());
  } else {
    cursor_.on_failure(now, reply.error());
  }
  proceed(now);
}

void stream_client::on_reply(time_point now, const result<fetched_offsets>& reply) {
  if (!reply)
    cursor_.on_failure(now, reply.error());
  else if (reply->offsets.empty())
    cursor_.on_failure(now,
      {error_code::malformed_response,
        "the broker does not say what the group has committed"});
  else
    cursor_.on_committed(now, reply->offsets.front().offset);
  proceed(now);
}

void stream_client::on_reply(time_point now, const result<listed_offset>& reply) {
  if (reply)
    cursor_.on_offset(now, reply->offset);
  else
    cursor_.on_failure(now, reply.error());
  proceed(now);
}

void stream_client::on_reply(time_point now, result<fetched> reply) {
  if (!reply) {
    cursor_.on_failure(now, reply.error());
  } else if (!cursor_.over()) {
    auto& got = *reply;
    const stream_cursor::records_answer answer{!got.records.empty(),
      got.records.next_offset(), got.high_watermark, got.last_stable_offset,
      got.records.wire_size()};
    cursor_.on_records(now, answer);
    if (answer.any)
      held_ = {std::move(got.topic), got.partition, cursor_.start().value_or(-1),
        cursor_.log_end(answer), std::move(got.records),
        cursor_.commits() ? options_.group : std::string{}};
  }
  proceed(now);
}

void stream_client::on_reply(time_point now, const result<done>& reply) {
  cursor_.on_commit(now, reply.error());
  proceed(now);
}

} // namespace cafka::protocol
