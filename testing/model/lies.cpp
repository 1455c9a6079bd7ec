#include "lies.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::size_t length_size = 4;
constexpr std::size_t number_size = 4;
/// Of a batch of format 2.
constexpr std::size_t batch_header_size = 61;

/// A broker that is not the one that answers, in turn; -1: there is no other.
std::int32_t another(const fake_state& cluster, std::int32_t broker) {
  auto next = cluster.brokers.upper_bound(broker);
  if (next == cluster.brokers.end())
    next = cluster.brokers.begin();
  return next->first == broker ? -1 : next->first;
}

void put_big_endian(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t x) {
  for (std::size_t i = 0; i != 4; ++i)
    bytes[at + i] = static_cast<std::byte>(x >> (24 - 8 * i));
}

/// Says nothing about any topic.
template <class Topics>
bool leave_out(answer_lie how, Topics& all) {
  if (how != answer_lie::left_out || all.empty())
    return false;
  all.clear();
  return true;
}

/// What the fetch's answer says about each partition that came without an error.
template <class Change>
bool change_each(fetch_response& answer, Change change) {
  auto changed = false;
  for (auto& t : answer.responses) {
    for (auto& p : t.partitions) {
      if (p.error_code != error_code::none)
        continue;
      p.records = shared_bytes{};
      change(p);
      changed = true;
    }
  }
  return changed;
}

/// The records of each partition, where there are some.
template <class Change>
bool change_records(fetch_response& answer, Change change) {
  auto changed = false;
  for (auto& t : answer.responses) {
    for (auto& p : t.partitions) {
      if (!p.records || p.records->size() <= batch_header_size)
        continue;
      std::vector<std::byte> bytes{p.records->view().begin(), p.records->view().end()};
      change(bytes);
      p.records = shared_bytes::from(std::move(bytes));
      changed = true;
    }
  }
  return changed;
}

/// The first byte behind the first batch's header, which its checksum covers.
void damage(std::vector<std::byte>& records) {
  records[batch_header_size] ^= std::byte{0x10};
}

void repeat(std::vector<std::byte>& records) {
  const auto once = records;
  records.insert(records.end(), once.begin(), once.end());
}

} // namespace

bool tell(
  answer_lie how, const fake_state&, const seen_request&, produce_response& answer) {
  return leave_out(how, answer.responses);
}

bool tell(answer_lie how, const fake_state& cluster, const seen_request& asked,
  fetch_response& answer) {
  const auto other = another(cluster, asked.broker);
  switch (how) {
  case answer_lie::left_out: return leave_out(how, answer.responses);
  case answer_lie::other_leader: {
    constexpr std::int32_t to_come = 1'000;
    return other >= 0 && change_each(answer, [&](fetch_partition_data& p) {
      p.error_code = error_code::not_leader_or_follower;
      p.high_watermark = -1;
      p.current_leader = {other, to_come};
    });
  }
  case answer_lie::closer_replica:
    return other >= 0 && change_each(answer, [&](fetch_partition_data& p) {
      p.preferred_read_replica = other;
    });
  case answer_lie::damaged_records: return change_records(answer, damage);
  case answer_lie::twice_batches: return change_records(answer, repeat);
  case answer_lie::twice_topics: {
    const auto once = answer.responses;
    answer.responses.insert(answer.responses.end(), once.begin(), once.end());
    return !once.empty();
  }
  default: return false;
  }
}

bool tell(
  answer_lie how, const fake_state&, const seen_request&, list_offsets_response& answer) {
  return leave_out(how, answer.topics);
}

bool tell(
  answer_lie how, const fake_state&, const seen_request&, metadata_response& answer) {
  if (how != answer_lie::wrong_addresses || answer.brokers.size() < 2)
    return false;
  const auto first = answer.brokers.front();
  for (std::size_t i = 0; i + 1 != answer.brokers.size(); ++i) {
    answer.brokers[i].host = answer.brokers[i + 1].host;
    answer.brokers[i].port = answer.brokers[i + 1].port;
  }
  answer.brokers.back().host = first.host;
  answer.brokers.back().port = first.port;
  return true;
}

bool tell(answer_lie how, const seen_request& asked, std::vector<std::byte>& answer) {
  // Of those a client could not tell that they are no broker's.
  if (asked.header.key == api_key::api_versions)
    return false;
  switch (how) {
  case answer_lie::other_number:
    put_big_endian(answer, length_size,
      static_cast<std::uint32_t>(asked.header.correlation_id) ^ 0x4000'0000U);
    return true;
  case answer_lie::cut_short: {
    constexpr auto least = length_size + number_size;
    answer.resize(least + (answer.size() - least) / 2);
    put_big_endian(answer, 0, static_cast<std::uint32_t>(answer.size() - length_size));
    return true;
  }
  default: return false;
  }
}

} // namespace cafka::testing
