#include "flag_words.hpp"

#include <string_view>

namespace cafka::cli {

namespace {

struct words {
  std::string_view setting; ///< As `of_file` names it.
  std::string_view text;    ///< As a message has it; longer ones first.
  std::string_view flag;
};

constexpr words all[] = {
  {"use_ssl", "set use_ssl to false", "leave out --tls"},
  {"use_ssl", "set use_ssl", "use --tls"},
  {"ssl_options.cacertfile", "ssl_options.cacertfile =", "--ca-file"},
  {"ssl_options.cacertfile", "cacertfile", "--ca-file"},
  {"ssl_options.cacertdir", "ssl_options.cacertdir =", "--ca-dir"},
  {"ssl_options.cacertdir", "cacertdir", "--ca-dir"},
  {"ssl_options.certfile", "ssl_options.certfile =", "--cert"},
  {"ssl_options.certfile", "certfile", "--cert"},
  {"ssl_options.keyfile", "ssl_options.keyfile =", "--key"},
  {"ssl_options.keyfile", "keyfile", "--key"},
  {"ssl_options.crlfile", "ssl_options.crlfile =", "--crl-file"},
  {"ssl_options.crlfile", "crlfile", "--crl-file"},
  {"ssl_options.server_name", "ssl_options.server_name =", "--server-name"},
  {"ssl_options.server_name", "set server_name", "use --server-name"},
  {"ssl_options.password", "set password", "use --key-password-file"},
  {"ssl_options.verify", "ssl_options.verify = verify_none", "--tls-no-verify"},
  {"ssl_options.verify", "ssl_options.verify = verify_chain", "--tls-verify-chain"},
  {"ssl_options.verify", "set verify_chain", "use --tls-verify-chain"},
  {"ssl_options.verify", "verify_none", "--tls-no-verify"},
  {"receive_message_max_bytes", "receive_message_max_bytes", "--receive-max-bytes"},
  {"request_timeout", "request_timeout", "--timeout"},
  {"kafka_version", "kafka_version", "--kafka-version"},
};

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
  for (const auto& one : all) {
    if (of_file_.contains(std::string{one.setting}))
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
