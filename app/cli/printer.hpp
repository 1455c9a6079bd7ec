#pragma once

#include <cafka/app/cli/arguments.hpp>

#include <string>

namespace cafka::cli {

/// Turns answers into lines on standard output, as text or as JSON.
///
/// What stands in a line may hold any bytes: in text they are escaped, in JSON a value
/// that is not UTF-8 is `{"base64": "..."}`.
class printer {
public:
  explicit printer(output_format format) : format_(format) {}

  void print(const cluster_metadata& cluster);
  void print(const produced& where, std::size_t count);
  void print(const std::string& topic, partition_id partition,
    const protocol::record_view& record);
  void print(const listed_offset& found, const std::string& at);
  void print(const supported_versions& versions);

  /// Hands all that was printed to the system. False when it does not take it.
  bool flush();

private:
  [[nodiscard]] bool json() const { return format_ == output_format::json; }
  void line(std::string text);

  output_format format_;
  std::string buffer_;
  bool failed_ = false;
};

} // namespace cafka::cli
