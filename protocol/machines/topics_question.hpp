#pragma once

#include "../messages/metadata.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cafka::protocol {

/// What a client asks of metadata about topics by their names, in the form of a version.
///
/// Before version 4 a broker makes each topic that is asked about by its name, where it
/// is set up to. Unless that may be, all topics are asked about there.
class topics_question {
public:
  /// Without `topics` about all there are. `create`: whether the broker may make those
  /// that are not there.
  topics_question(std::optional<std::vector<std::string>> topics, bool create);

  [[nodiscard]] metadata_request request(std::int16_t version) const;

  /// Leaves in the answer what was asked about, without leader epochs where they may be
  /// behind those of the leaders: before version 9, Kafka 2.4 (KAFKA-9212). What a broker
  /// does not tell among all its topics is `unknown_topic_or_partition`, as it would have
  /// said of the name.
  ///
  /// True when that is all topics there are: also when version 0 was asked about none.
  bool keep_asked(metadata_response& answer, std::int16_t version) const;

private:
  /// Without a name to look for.
  [[nodiscard]] bool means_all(std::int16_t version) const;
  [[nodiscard]] bool asks_for_all(std::int16_t version) const;

  std::optional<std::vector<std::string>> topics_;
  bool create_;
};

} // namespace cafka::protocol
