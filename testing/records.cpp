#include "records.hpp"

#include "../protocol/records/batch_builder.hpp"

#include <limits>
#include <stdexcept>

namespace cafka::testing {

using namespace protocol;

record make_record(std::optional<std::string> value, record_parts rest) {
  record r;
  r.value = std::move(value);
  r.key = std::move(rest.key);
  r.headers = std::move(rest.headers);
  r.time = rest.time;
  return r;
}

consumed_batch make_batch(const std::vector<record>& records, const batch_place& place) {
  builder_options options;
  options.base_offset = place.first;
  options.max_size = std::numeric_limits<std::int32_t>::max();
  batch_builder builder{options};
  for (const auto& r : records) {
    if (!builder.append(r, timestamp{}))
      throw std::invalid_argument{"a record is too large for a batch"};
  }
  const auto sealed = records.empty() ? std::nullopt : std::optional{builder.seal()};
  if (!sealed || !*sealed)
    throw std::invalid_argument{"these records are no batch"};
  const auto content = std::make_shared<consumed_content>();
  content->topic = std::make_shared<const std::string>(place.topic);
  content->partition = place.partition;
  content->bytes = (*sealed)->size();
  const auto frame = std::make_shared<const shared_bytes>(**sealed);
  content->frame = frame;
  if (const auto why = content->records.read(*frame, place.first, {}, {});
      why.code != error_code::none)
    throw std::invalid_argument{to_string(why)};
  content->log_end = place.log_end.value_or(content->records.next_offset());
  return consumed_batch{content};
}

consumed_batch make_batch(
  std::initializer_list<const char*> values, const batch_place& place) {
  std::vector<record> records;
  for (const auto* v : values)
    records.push_back(make_record(v));
  return make_batch(records, place);
}

} // namespace cafka::testing
