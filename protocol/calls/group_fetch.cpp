#include "group_fetch.hpp"

#include "../messages/fetch.hpp"
#include "../messages/offset_commit.hpp"
#include "../messages/offset_fetch.hpp"
#include "offset_calls.hpp"

namespace cafka {

void pair_pins(
  std::optional<std::int16_t>& offset_fetch, std::optional<std::int16_t>& offset_commit) {
  if (!offset_fetch && offset_commit == 0)
    offset_fetch = 0;
  else if (!offset_commit && offset_fetch == 0)
    offset_commit = 0;
}

error check_pins(std::optional<std::int16_t> fetch,
  std::optional<std::int16_t> offset_fetch, std::optional<std::int16_t> offset_commit) {
  using namespace protocol;
  return calls::first_of({
    check_pin(api_key::fetch, fetch_request::versions, fetch),
    check_pin(api_key::offset_fetch,
      calls::offsets_by_name(offset_fetch_request::versions), offset_fetch),
    check_pin(api_key::offset_commit,
      calls::offsets_by_name(offset_commit_request::versions), offset_commit),
  });
}

group_fetch::group_fetch(fetch asked, protocol::offset_reset policy)
  : asked_(std::move(asked)), policy_(policy), finds_offset_(!asked_.offset) {
  pair_pins(asked_.offset_fetch_api_version, asked_.offset_commit_api_version);
}

group_fetch::next group_fetch::begin() {
  if (auto wrong = check_pins(asked_.api_version, asked_.offset_fetch_api_version,
        asked_.offset_commit_api_version))
    return result<fetched>{std::move(wrong)};
  if (!finds_offset_)
    return step{asked_};
  if (asked_.group.empty())
    return reset();
  offset_fetch question;
  question.group = asked_.group;
  question.topics = {{{asked_.topic, {asked_.partition}}}};
  question.api_version = asked_.offset_fetch_api_version;
  return step{std::move(question)};
}

group_fetch::next group_fetch::on(result<fetched_offsets> kept) {
  if (!kept)
    return result<fetched>{kept.error()};
  for (const auto& o : kept->offsets)
    asked_.offset = o.offset;
  return asked_.offset ? next{step{asked_}} : reset();
}

group_fetch::next group_fetch::reset() {
  reset_ = true;
  list_offsets question;
  question.topic = asked_.topic;
  question.partition = asked_.partition;
  question.time = policy_ == protocol::offset_reset::latest ? offset_time::latest()
                                                            : offset_time::earliest();
  question.isolation = asked_.isolation;
  return step{std::move(question)};
}

group_fetch::next group_fetch::on(result<listed_offset> found) {
  if (!found)
    return result<fetched>{found.error()};
  asked_.offset = found->offset.value_or(0);
  return step{asked_};
}

group_fetch::next group_fetch::on(result<fetched> got) {
  if (got.error().code == error_code::offset_out_of_range && finds_offset_ && !reset_
    && policy_ != protocol::offset_reset::none)
    return reset();
  if (!got || !asked_.auto_commit || asked_.group.empty()
    || got->records.next_offset() <= *asked_.offset)
    return got;
  got_ = *std::move(got);
  offset_commit request;
  request.group = asked_.group;
  request.api_version = asked_.offset_commit_api_version;
  request.offsets.push_back({asked_.topic, asked_.partition, got_.records.next_offset()});
  return step{std::move(request)};
}

group_fetch::next group_fetch::on(result<done> committed) {
  if (committed)
    got_.committed = got_.records.next_offset();
  got_.commit_error = committed.error();
  return result<fetched>{std::move(got_)};
}

} // namespace cafka
