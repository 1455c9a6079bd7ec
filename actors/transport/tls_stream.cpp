#include "resolver.hpp"
#include "tls.hpp"
#include "tls_errors.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace cafka::actors {

namespace {

/// Most bytes of one TLS record; RFC 8446, 5.1.
constexpr std::size_t largest_record = 16 * 1024;

/// Of what OpenSSL has to say by itself. A peer that makes it say more without listening
/// is not listened to either.
constexpr std::size_t most_kept = 4 * largest_record;

/// Most bytes in one call, so that nobody has the thread for long: a peer on the same
/// machine can keep up with encryption.
constexpr std::size_t most_at_once = 1024 * 1024;

} // namespace

/// OpenSSL's way to the socket: it never blocks, raises no SIGPIPE, and keeps to itself
/// what the stream has to decide about. It takes all that is written: while OpenSSL waits
/// to write a record, a peer that asks for new keys makes it fail.
struct socket_bio {
  static tls_stream& stream(BIO* b) { return *static_cast<tls_stream*>(BIO_get_data(b)); }

  static int read(BIO* b, char* out, int size) {
    auto& s = stream(b);
    BIO_clear_retry_flags(b);
    while (!s.drained_ && !s.at_end_ && s.read_error_ == 0) {
      const auto count = ::recv(s.fd_, out, static_cast<std::size_t>(size), MSG_DONTWAIT);
      if (count < 0 && errno == EINTR)
        continue;
      // Nothing more is there for now: the next attempt would only be told so.
      s.drained_ = count < size;
      if (count > 0) {
        s.note_beginning(static_cast<unsigned char>(*out));
        return static_cast<int>(count);
      }
      if (count == 0)
        s.at_end_ = true;
      else if (errno != EAGAIN && errno != EWOULDBLOCK)
        s.read_error_ = errno;
    }
    BIO_set_retry_read(b);
    return -1;
  }

  static int write(BIO* b, const char* data, int size) {
    auto& s = stream(b);
    BIO_clear_retry_flags(b);
    if (s.take(
          {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)}))
      return size;
    BIO_set_retry_write(b);
    return -1;
  }

  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const auto* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cafka socket");
      if (m == nullptr)
        throw std::bad_alloc{};
      BIO_meth_set_read(m, &read);
      BIO_meth_set_write(m, &write);
      BIO_meth_set_ctrl(m, &control);
      return m;
    }();
    return made;
  }
};

tls_stream::tls_stream(std::unique_ptr<ssl_st, detail::tls_free> ssl, int fd,
  std::string host, tls_peer_kind kind, std::shared_ptr<const ssl_options> options)
  : options_(std::move(options)), fd_(fd), ssl_(std::move(ssl)) {
  findings_.host = std::move(host);
  findings_.kind = kind;
  auto* bio = BIO_new(socket_bio::method());
  if (bio == nullptr)
    throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), &findings_);
  SSL_set_connect_state(ssl_.get());
}

tls_stream::~tls_stream() = default;

tls_stream::outcome tls_stream::handshake() {
  const std::lock_guard lock{mutex_};
  drained_ = false;
  ERR_clear_error();
  const auto returned = SSL_do_handshake(ssl_.get());
  const auto result = returned == 1 ? outcome{} : what_stops(returned);
  if (end_)
    return result;
  if (const auto error = send_kept(); error != 0)
    return error == EAGAIN ? outcome{next::writable, 0, {}} : ended(reason_text(error));
  up_ = returned == 1;
  return result;
}

tls_stream::outcome tls_stream::read(std::span<std::byte> space) {
  space = space.first(std::min(space.size(), most_at_once));
  std::size_t bytes = 0;
  for (bool first = true; bytes != space.size(); first = false) {
    // Let go between records, for those who want to write.
    const std::lock_guard lock{mutex_};
    if (end_)
      return {end_->then, bytes, end_->why};
    if (kept_.size() > most_kept && send_kept() == EAGAIN && kept_.size() > most_kept)
      return {next::writable, bytes, {}};
    drained_ = drained_ && !first;
    ERR_clear_error();
    std::size_t count = 0;
    const auto returned =
      SSL_read_ex(ssl_.get(), space.data() + bytes, space.size() - bytes, &count);
    if (returned != 1) {
      auto result = what_stops(returned);
      result.bytes = bytes;
      return result;
    }
    heard_ = true;
    bytes += count;
  }
  return {next::go_on, bytes, {}};
}

ssize_t tls_stream::write(std::span<const iovec> pieces) {
  std::size_t left = 0;
  for (const auto& p : pieces)
    left += p.iov_len;
  std::size_t total = 0;
  std::size_t offset = 0; // Within the first of the pieces.
  // Goes on by so many bytes; each part of them is shown to `see`.
  const auto go_on = [&](std::size_t size, auto see) {
    left -= size;
    while (size != 0) {
      const auto count = std::min(pieces.front().iov_len - offset, size);
      see(static_cast<const std::byte*>(pieces.front().iov_base) + offset, count);
      size -= count;
      offset += count;
      if (offset == pieces.front().iov_len) {
        pieces = pieces.subspan(1);
        offset = 0;
      }
    }
  };
  if (unsent_ != 0) {
    const std::lock_guard lock{mutex_};
    if (const auto error = send_kept(); error != 0)
      return error == EAGAIN ? 0 : -error;
    total = std::exchange(unsent_, 0);
    go_on(total, [](const std::byte*, std::size_t) {});
  }
  while (left != 0 && total < most_at_once) {
    const auto size = std::min(left, largest_record);
    protocol::byte_view data;
    go_on(size, [&](const std::byte* part, std::size_t count) {
      if (count == size) {
        data = {part, count};
        return;
      }
      if (record_ == nullptr)
        record_ = std::make_unique_for_overwrite<std::byte[]>(largest_record);
      if (count != 0)
        std::memcpy(record_.get() + data.size(), part, count);
      data = {record_.get(), data.size() + count};
    });
    if (const auto error = write_record(data, left != 0); error == EAGAIN) {
      unsent_ = size;
      break;
    } else if (error != 0)
      return -error;
    total += size;
  }
  return static_cast<ssize_t>(total);
}

void tls_stream::note_beginning(unsigned char first) {
  // TLS begins with a handshake record, or an alert; RFC 8446, B.1.
  constexpr unsigned char alert = 21;
  constexpr unsigned char handshake_record = 22;
  if (!std::exchange(begun_, true))
    findings_.speaks_no_tls = first != alert && first != handshake_record;
}

int tls_stream::write_record(protocol::byte_view data, bool more_follows) {
  const std::lock_guard lock{mutex_};
  ERR_clear_error();
  more_follows_ = more_follows;
  std::size_t count = 0;
  const auto returned = SSL_write_ex(ssl_.get(), data.data(), data.size(), &count);
  more_follows_ = false;
  if (returned == 1)
    return send_kept();
  // Without renegotiation writing never waits for something to be read. What has made
  // writing impossible is the reader's to find and to tell.
  return write_error_ != 0 ? write_error_ : EPIPE;
}

bool tls_stream::take(protocol::byte_view data) {
  if (send_kept() == 0)
    data = data.subspan(send_some(data));
  if (write_error_ != 0)
    return false;
  try {
    kept_.insert(kept_.end(), data.begin(), data.end());
    return true;
  } catch (const std::bad_alloc&) {
    write_error_ = ENOMEM;
    return false;
  }
}

int tls_stream::send_kept() {
  kept_.erase(kept_.begin(),
    kept_.begin() + static_cast<std::ptrdiff_t>(kept_.empty() ? 0 : send_some(kept_)));
  return kept_.empty() || write_error_ != 0 ? write_error_ : EAGAIN;
}

std::size_t tls_stream::send_some(protocol::byte_view data) {
  while (write_error_ == 0) {
    const auto count = ::send(fd_, data.data(), data.size(),
      MSG_NOSIGNAL | MSG_DONTWAIT | (more_follows_ ? MSG_MORE : 0));
    if (count >= 0)
      return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      break;
    if (errno != EINTR)
      write_error_ = errno;
  }
  return 0;
}

void tls_stream::close_notify() {
  const std::lock_guard lock{mutex_};
  if (!up_ || (end_ && end_->then == next::failed))
    return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

tls_stream::outcome tls_stream::what_stops(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
  case SSL_ERROR_WANT_READ:
    if (at_end_)
      return ended("closed by the peer");
    if (read_error_ != 0)
      return ended(reason_text(read_error_));
    return {next::readable, 0, {}};
  case SSL_ERROR_WANT_WRITE: return ended(reason_text(write_error_));
  case SSL_ERROR_ZERO_RETURN: return ended("closed by the peer");
  default:
    return end_.emplace(outcome{next::failed, 0,
      failure_words(up_ ? "TLS" : "the TLS handshake", findings_, *options_)});
  }
}

tls_stream::outcome tls_stream::ended(std::string why) {
  auto then = next::ended;
  if (!heard_ && findings_.wants_certificate) {
    then = next::failed;
    why += ' ' + unanswered_words(*options_);
  } else if (!up_) {
    then = next::failed;
    why += " during the TLS handshake: see that it speaks TLS on this port";
  }
  return end_.emplace(outcome{then, 0, std::move(why)});
}

} // namespace cafka::actors
