#pragma once

#include "scripted_peer.hpp"
#include <cafka/actors/transport/asio_transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <span>
#include <string>

namespace cafka::testing {

/// Reads one HTTP request with its body; what there is when the peer goes before.
template <class Session>
std::string read_http(Session& s) {
  std::string text;
  const auto more = [&] {
    std::byte one{};
    if (!s.read_exactly({&one, 1}))
      return false;
    text += static_cast<char>(one);
    return true;
  };
  while (text.find("\r\n\r\n") == std::string::npos)
    if (!more())
      return text;
  const auto at = text.find("Content-Length: ");
  auto body = at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
  while (body-- != 0)
    if (!more())
      return text;
  return text;
}

/// An answer of JSON.
inline std::string http_answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status)
    + " Whatever\r\nContent-Type: application/json\r\nContent-Length: "
    + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// One result that comes from another thread.
template <class T>
class awaited {
public:
  auto taker() {
    return [promise = promise_](T what) { promise->set_value(std::move(what)); };
  }
  T get() {
    auto future = promise_->get_future();
    REQUIRE(future.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
    return future.get();
  }

private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
};

} // namespace cafka::testing
