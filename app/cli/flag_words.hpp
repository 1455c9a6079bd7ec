#pragma once

#include <set>
#include <string>

namespace cafka::cli {

/// Names settings by the command line's flags: errors and the log name them as a program
/// and a configuration file do.
class flag_words {
public:
  flag_words() = default;
  /// `of_file`: the settings that the configuration file has made and no flag has
  /// changed, as `ssl_options.cacertfile`; they keep their names.
  explicit flag_words(std::set<std::string> of_file) : of_file_(std::move(of_file)) {}

  /// The same text with `--ca-file` in place of `cacertfile`, and so on.
  [[nodiscard]] std::string in(std::string text) const;

private:
  std::set<std::string> of_file_;
};

} // namespace cafka::cli
