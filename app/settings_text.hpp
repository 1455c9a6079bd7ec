#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cafka {

/// A row of the table of settings, as text.
struct setting_text {
  std::string key = {};
  /// Where it belongs, as `ssl_options`; empty: the application.
  std::string block = {};
  /// As a configuration file spells it; empty: there is none, or it is a block.
  std::string value = {};
  /// The same for people, as `64 MiB`.
  std::string shown = {};
  /// As `1 to 64`.
  std::string allowed = {};
  std::string says = {};
  std::string alias = {};
  std::string flag = {};
  /// The flags that stand for single words of it.
  std::vector<std::pair<std::string, std::string>> word_flags = {};
  /// True or false.
  bool yes_no = false;
  /// The key is a word of everyday language, too.
  bool everyday = false;
  /// Only a program can set it.
  bool of_code = false;
  /// It has settings within.
  bool is_block = false;
};

/// The tables, by the block they are of: empty for the application, `ssl_options`,
/// `producers`, `consumers`. Their rows are in the order of the documentation.
[[nodiscard]] const std::vector<setting_text>& settings_of(std::string_view block);

/// The table of a block as Markdown has it.
[[nodiscard]] std::string settings_table(std::string_view block);

/// A configuration file with every setting at its default: `configs/defaults.conf`.
[[nodiscard]] std::string settings_example();

} // namespace cafka
