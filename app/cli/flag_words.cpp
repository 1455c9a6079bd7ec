#include "flag_words.hpp"

#include "../settings_text.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace cafka::cli {

namespace {

struct words {
  std::string setting; ///< As `of_file` names it.
  std::string text;    ///< As a message has it.
  std::string flag;
};

/// What the texts of errors and the log say, and what the flags of the table make of it;
/// longer texts first.
std::vector<words> from_table() {
  std::vector<words> all;
  for (const auto* block : {"", "ssl_options", "sasl", "sasl.oidc", "sasl.kerberos"}) {
    for (const auto& s : settings_of(block)) {
      const auto path = s.block.empty() ? s.key : s.block + '.' + s.key;
      for (const auto& [word, flag] : s.word_flags) {
        all.push_back({path, path + " = " + word, flag});
        all.push_back({path, "set " + word, "use " + flag});
        all.push_back({path, word, flag});
      }
      if (s.flag.empty())
        continue;
      if (s.yes_no) {
        all.push_back({path, "set " + s.key + " to false", "leave out " + s.flag});
        all.push_back({path, "set " + s.key, "use " + s.flag});
        continue;
      }
      all.push_back({path, path + " =", s.flag});
      if (s.block.starts_with("sasl")) { // Texts about logins name the whole path.
        all.push_back({path, path, s.flag});
        continue;
      }
      all.push_back({path, "set " + s.key, "use " + s.flag});
      if (!s.everyday)
        all.push_back({path, s.key, s.flag});
    }
  }
  std::ranges::stable_sort(
    all, std::ranges::greater{}, [](const words& w) { return w.text.size(); });
  return all;
}

/// Whether the character may belong to a longer name.
bool within_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
    || c == '_' || c == '-' || c == '/' || c == '.';
}

bool stands_alone(std::string_view text, std::size_t at, std::size_t length) {
  const auto end = at + length;
  const auto dot_ends = end < text.size() && text[end] == '.'
    && (end + 1 == text.size() || text[end + 1] == ' ');
  return (at == 0 || !within_name(text[at - 1]))
    && (end == text.size() || dot_ends || !within_name(text[end]));
}

} // namespace

std::string flag_words::in(std::string text) const {
  static const auto all = from_table();
  for (const auto& one : all) {
    if (of_file_.contains(one.setting))
      continue;
    for (auto at = text.find(one.text); at != std::string::npos;
         at = text.find(one.text, at)) {
      if (stands_alone(text, at, one.text.size())) {
        text.replace(at, one.text.size(), one.flag);
        at += one.flag.size();
      } else {
        at += one.text.size();
      }
    }
  }
  return text;
}

} // namespace cafka::cli
