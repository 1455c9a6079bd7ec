#include "topics_question.hpp"

#include "cluster.hpp"

#include <set>
#include <utility>

namespace cafka::protocol {

namespace {

/// The first version in which a broker can be told to make no topics; Kafka 0.11.
constexpr std::int16_t creation_told_since = 4;

/// The first version whose leader epochs are those that leaders compare requests with.
constexpr std::int16_t epochs_reliable_since = 9;

void forget_epochs(metadata_response& answer) {
  for (auto& t : answer.topics) {
    for (auto& p : t.partitions)
      p.leader_epoch = -1;
  }
}

} // namespace

topics_question::topics_question(
  std::optional<std::vector<std::string>> topics, bool create)
  : topics_(std::move(topics)), create_(create) {
}

bool topics_question::means_all(std::int16_t version) const {
  return !topics_ || (topics_->empty() && version == 0);
}

bool topics_question::asks_for_all(std::int16_t version) const {
  return means_all(version)
    || (!topics_->empty() && version < creation_told_since && !create_);
}

metadata_request topics_question::request(std::int16_t version) const {
  metadata_request out;
  out.allow_auto_topic_creation = create_ || version < creation_told_since;
  if (asks_for_all(version)) {
    if (version > 0) // There an empty list means all.
      out.topics.reset();
    return out;
  }
  for (const auto& name : *topics_)
    out.topics->emplace_back().name = name;
  return out;
}

bool topics_question::keep_asked(metadata_response& answer, std::int16_t version) const {
  if (version < epochs_reliable_since)
    forget_epochs(answer);
  if (means_all(version))
    return true;
  protocol::keep_asked(answer, *topics_);
  if (!asks_for_all(version))
    return false;
  std::set<std::string> left_out{topics_->begin(), topics_->end()};
  for (const auto& t : answer.topics)
    left_out.erase(*t.name);
  for (const auto& name : left_out) {
    auto& t = answer.topics.emplace_back();
    t.error_code = error_code::unknown_topic_or_partition;
    t.name = name;
  }
  return false;
}

} // namespace cafka::protocol
