#include "http_exchange.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace cafka::actors {

namespace http = boost::beast::http;
using protocol::secret;
using protocol::sasl::http_request;
using protocol::sasl::http_response;

namespace {

constexpr std::size_t largest_header = 64 * 1024;
constexpr std::size_t read_size = 16 * 1024;

/// The request's bytes.
secret bytes_of(const http_request& r) {
  std::string text;
  // All at once: a text that grows leaves copies of itself behind.
  text.reserve(4'096 + r.to.target.size() + r.to.server.host.size()
    + r.authorization.reveal().size() + r.body.reveal().size());
  text.append("POST ").append(r.to.target).append(" HTTP/1.1\r\n");
  const auto header = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  header("Host", host_header(r.to));
  header("User-Agent", "cafka");
  for (const auto& [name, value] : r.headers)
    header(name, value);
  if (!r.authorization.empty())
    header("Authorization", r.authorization.reveal());
  header("Content-Length", std::to_string(r.body.reveal().size()));
  header("Connection", "close");
  text.append("\r\n").append(r.body.reveal());
  return secret{std::move(text)};
}

} // namespace

struct http_exchange::parser : http::response_parser<http::string_body> {
  explicit parser(std::size_t largest_body) {
    eager(true);
    header_limit(largest_header);
    body_limit(largest_body);
  }
};

http_exchange::http_exchange(io_loop& loop, http_request request, const http_options& how,
  io_services::http_done done)
  : loop_(loop),
    url_(request.to),
    how_(how),
    done_(std::move(done)),
    out_(bytes_of(request)),
    socket_(loop.io),
    timer_(loop.io) {
}

http_exchange::~http_exchange() = default;

void http_exchange::begin(name_service& names) noexcept {
  run([&](http_exchange& x) {
    x.loop_.open.insert(x.shared_from_this());
    const auto deadline = clock::now() + x.how_.timeout;
    x.timer_.expires_at(deadline);
    x.timer_.async_wait([self = x.shared_from_this()](error_code ec) {
      if (!ec && self->done_)
        self->run([](http_exchange& me) {
          me.fail(protocol::error_code::timed_out,
            "no answer within " + std::to_string(me.how_.timeout.count()) + " ms");
        });
    });
    x.dialer_ = std::make_shared<dialer>(x.loop_, x.url_.server, deadline,
      [weak_self = x.weak_from_this()](const dialer::outcome& what) {
        if (const auto self = weak_self.lock(); self != nullptr && self->done_)
          self->run([&](http_exchange& me) { me.dialed(what); });
      });
    x.dialer_->begin(names);
  });
}

void http_exchange::stop() noexcept {
  if (done_)
    run([](http_exchange& x) {
      x.fail(protocol::error_code::closed, "the transport was stopped");
    });
}

void http_exchange::reject() noexcept {
  // Nothing here belongs to the I/O thread yet.
  try {
    std::exchange(done_, nullptr)(protocol::error{
      protocol::error_code::closed, to_string(url_) + ": the transport was stopped"});
  } catch (const std::exception&) {
  }
}

void http_exchange::dialed(const dialer::outcome& what) {
  if (what.failed)
    return fail(what.failed.code, what.failed.detail);
  socket_ = std::move(*what.socket);
  dialer_ = nullptr;
  if (!url_.tls)
    return write_more();
  if (how_.tls == nullptr)
    return fail(protocol::error_code::invalid_argument, "there are no options for TLS");
  auto stream =
    how_.tls->open(socket_.native_handle(), url_.server.host, tls_peer_kind::web_server);
  if (!stream)
    return fail(stream.error().code, stream.error().detail);
  tls_ = *std::move(stream);
  shake_hands();
}

void http_exchange::shake_hands() {
  const auto step = tls_->handshake();
  switch (step.then) {
  case tls_stream::next::go_on: return write_more();
  case tls_stream::next::readable:
    return when(stream_socket::wait_read, [](http_exchange& x) { x.shake_hands(); });
  case tls_stream::next::writable:
    return when(stream_socket::wait_write, [](http_exchange& x) { x.shake_hands(); });
  case tls_stream::next::ended:
  case tls_stream::next::failed: return fail(protocol::error_code::tls_failed, step.why);
  }
}

void http_exchange::write_more() {
  const auto all = out_.reveal();
  while (sent_ != all.size()) {
    const auto count = write_some(all.substr(sent_));
    if (count == 0)
      return when(stream_socket::wait_write, [](http_exchange& x) { x.write_more(); });
    if (count < 0) {
      // It may have answered before it went.
      write_error_ = reason_text(static_cast<int>(-count));
      break;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  out_.clear();
  buffer_.resize(read_size);
  parser_ = std::make_unique<parser>(how_.largest_body);
  read_more();
}

ssize_t http_exchange::write_some(std::string_view text) {
  if (tls_ != nullptr) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return tls_->write({&piece, 1});
  }
  while (true) {
    const auto count = ::send(
      socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0)
      return count;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return 0;
    if (errno != EINTR)
      return -errno;
  }
}

void http_exchange::read_more() {
  while (true) {
    // A line of a header that is not whole stays, and needs room behind it.
    if (buffer_.size() - held_ < read_size / 2)
      buffer_.resize(buffer_.size() + read_size);
    auto* const space = buffer_.data() + held_;
    const auto size = buffer_.size() - held_;
    std::size_t count = 0;
    std::string end;
    auto next = tls_stream::next::go_on;
    if (tls_ != nullptr) {
      auto step = tls_->read(std::as_writable_bytes(std::span{space, size}));
      count = step.bytes;
      next = step.then;
      end = std::move(step.why);
    } else {
      const auto got = ::recv(socket_.native_handle(), space, size, MSG_DONTWAIT);
      if (got > 0)
        count = static_cast<std::size_t>(got);
      else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        next = tls_stream::next::readable;
      else if (got == 0 || errno != EINTR) {
        next = tls_stream::next::ended;
        end = got == 0 ? "closed by the peer" : reason_text(errno);
      }
    }
    if (count != 0 && take(count))
      return;
    switch (next) {
    case tls_stream::next::go_on: break;
    case tls_stream::next::readable:
      return when(stream_socket::wait_read, [](http_exchange& x) { x.read_more(); });
    case tls_stream::next::writable:
      return when(stream_socket::wait_write, [](http_exchange& x) { x.read_more(); });
    case tls_stream::next::failed: return fail(protocol::error_code::tls_failed, end);
    case tls_stream::next::ended: return at_end(end);
    }
  }
}

bool http_exchange::take(std::size_t count) {
  held_ += count;
  while (held_ != 0) {
    if (begins_otherwise()) {
      is_no_http("it begins otherwise");
      return true;
    }
    boost::beast::error_code ec;
    const auto used = parser_->put(asio::buffer(buffer_.data(), held_), ec);
    std::memmove(buffer_.data(), buffer_.data() + used, held_ - used);
    held_ -= used;
    if (ec == http::error::need_more)
      return false;
    if (ec == http::error::body_limit) {
      fail(protocol::error_code::frame_too_large,
        "its answer is larger than " + std::to_string(how_.largest_body) + " bytes");
      return true;
    }
    if (ec == http::error::header_limit) {
      fail(protocol::error_code::malformed_response,
        "the header of its answer is larger than " + std::to_string(largest_header)
          + " bytes");
      return true;
    }
    if (ec) {
      is_no_http(ec.message());
      return true;
    }
    if (!parser_->is_done()) {
      if (used == 0)
        return false;
      continue;
    }
    auto& answer = parser_->get();
    if (answer.result_int() >= 200) {
      const auto location = answer[http::field::location];
      finish(http_response{static_cast<int>(answer.result_int()),
        std::string{location.data(), location.size()}, secret{std::move(answer.body())}});
      return true;
    }
    // It only says that the answer will come; RFC 9110, 15.2.
    parser_ = std::make_unique<parser>(how_.largest_body);
    is_http_ = false;
  }
  return false;
}

bool http_exchange::begins_otherwise() {
  constexpr std::string_view begin = "HTTP/1.";
  if (is_http_)
    return false;
  const auto size = std::min(held_, begin.size());
  is_http_ = size == begin.size();
  return std::string_view{buffer_.data(), size} != begin.substr(0, size);
}

void http_exchange::is_no_http(const std::string& why) {
  const bool may_be_tls = !url_.tls && !parser_->is_header_done();
  fail(protocol::error_code::malformed_response,
    "what it answers is not HTTP (" + why + ')'
      + (may_be_tls ? ": if it speaks TLS there, the URL begins with https://" : ""));
}

void http_exchange::at_end(const std::string& why) {
  const bool begun = parser_->got_some();
  boost::beast::error_code ec;
  if (begun)
    parser_->put_eof(ec);
  if (begun && !ec && parser_->is_done()) {
    held_ = 0;
    auto& answer = parser_->get();
    const auto location = answer[http::field::location];
    return finish(http_response{static_cast<int>(answer.result_int()),
      std::string{location.data(), location.size()}, secret{std::move(answer.body())}});
  }
  const auto& said = write_error_.empty() ? why : write_error_;
  fail(protocol::error_code::disconnected,
    begun || held_ != 0 ? said + " within its answer" : said + " before any answer");
}

template <class F>
void http_exchange::when(stream_socket::wait_type what, F f) {
  socket_.async_wait(what, [f, self = shared_from_this()](error_code) {
    if (self->done_)
      self->run(f);
  });
}

void http_exchange::fail(protocol::error_code code, const std::string& why) {
  finish(protocol::error{code, to_string(url_) + ": " + why});
}

void http_exchange::finish(protocol::result<http_response> outcome) {
  const auto done = std::exchange(done_, nullptr);
  out_.clear();
  if (tls_ != nullptr)
    tls_->close_notify();
  timer_.cancel();
  if (const auto dialing = std::exchange(dialer_, nullptr))
    dialing->cancel();
  error_code ignored;
  socket_.close(ignored);
  std::fill(buffer_.begin(), buffer_.end(), '\0');
  loop_.open.erase(shared_from_this());
  if (done)
    done(std::move(outcome));
}

template <class F>
void http_exchange::run(F f) noexcept {
  const auto self = shared_from_this();
  const auto broken = [&](const char* why) {
    if (done_)
      finish(protocol::error{protocol::error_code::disconnected, why});
  };
  // What is thrown while that is told is thrown where there is nobody left to tell.
  try {
    try {
      f(*this);
    } catch (const std::bad_alloc&) {
      broken("out of memory");
    } catch (const std::exception& e) {
      broken(e.what());
    }
  } catch (...) {
  }
}

} // namespace cafka::actors
