#pragma once

#include "arguments.hpp"
#include "produce_tally.hpp"

#include <cerrno>
#include <string>
#include <string_view>

namespace cafka::cli {

/// Turns answers into lines on standard output, as text or as JSON.
///
/// What stands in a line may hold any bytes: in text they are escaped, in JSON a value
/// that is not UTF-8 is `{"base64": "..."}`.
class printer {
public:
  explicit printer(output_format format) : format_(format) {}

  void print(const cluster_metadata& cluster);
  void print(const supported_versions& versions);
  /// The topic with all its partitions.
  void print(const topic_info& topic);
  void print_name(const topic_info& topic);
  /// `done` says in text what worked; what did not is a line in JSON only.
  void print(const topic_result& topic, const std::string& done);

  void print(const produce_summary& written);
  void print(const std::string& topic, partition_id partition,
    const protocol::record_view& record);
  /// The same with the partition in front, in text too.
  void print_with_partition(const std::string& topic, partition_id partition,
    const protocol::record_view& record);
  /// And with the topic before it.
  void print_with_topic(const std::string& topic, partition_id partition,
    const protocol::record_view& record);
  void print(const record_format& format, const std::string& topic,
    partition_id partition, const protocol::record_view& record);
  void print(const listed_offset& found, const std::string& at);

  void print(const found_coordinator& found);
  void print(const joined_group& joined);
  void print(const synced_group& synced);
  void print(const heartbeat& answered);
  void print(const left_member& member);
  void print(const fetched_offset& found);
  void print(const offset_to_commit& kept);

  /// Hands all that was printed to the system. False when it does not take it.
  bool flush();

  /// Whether it does not because the reader has gone.
  [[nodiscard]] bool reader_has_gone() const { return why_failed_ == EPIPE; }

private:
  [[nodiscard]] bool json() const { return format_ == output_format::json; }
  void line(std::string text);
  void append(std::string_view text);

  output_format format_;
  std::string buffer_;
  int why_failed_ = 0; // As `errno` says it.
};

} // namespace cafka::cli
