#pragma once

#include "../../endpoint.hpp"
#include "../../secret.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::protocol::sasl {

/// The address of a resource on a web server.
struct http_url {
  /// Whether it is `https`.
  bool tls = true;
  /// Where the server listens.
  endpoint server;
  /// Path and query, at least `/`.
  std::string target = "/";

  friend bool operator==(const http_url&, const http_url&) = default;
};

/// The address without its query, which may hold what is not to be shown.
[[nodiscard]] std::string to_string(const http_url& url);

/// The value of the header `Host`: without the port that the scheme has by itself.
[[nodiscard]] std::string host_header(const http_url& url);

/// Reads `http://` and `https://` addresses.
///
/// Error `invalid_argument` says what is wrong; an address with a user or a password in
/// it is refused, and the error does not repeat it.
[[nodiscard]] result<http_url> parse_http_url(std::string_view text);

/// The path that a `file:` URL names, with `%XX` resolved; empty for another text.
/// Source: RFC 8089; a host other than `localhost` is no file of this machine.
[[nodiscard]] std::string path_of_file_url(std::string_view text);

/// A POST.
struct http_request {
  /// Where to.
  http_url to;
  /// Names and values, without `Host`, `Content-Length` and `Authorization`.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// The value of `Authorization`; empty: there is no such header.
  secret authorization = {};
  /// What is sent.
  secret body = {};
};

/// The answer to it.
struct http_response {
  /// The status, as 200.
  int status = 0;
  /// The value of `Location`, for redirects.
  std::string location = {};
  /// What was sent, decoded from its chunks.
  secret body = {};
};

} // namespace cafka::protocol::sasl
