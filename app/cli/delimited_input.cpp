#include "delimited_input.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace cafka::cli {

using protocol::error_code;

namespace {

constexpr std::size_t read_size = 256 * 1024;

bool is_readable(int fd, std::chrono::milliseconds timeout) {
  pollfd one{fd, POLLIN, 0};
  // An error, too, is told without waiting.
  return ::poll(&one, 1, static_cast<int>(timeout.count())) != 0;
}

} // namespace

delimited_input::delimited_input(int fd, std::string delimiter)
  : fd_(fd), delimiter_(std::move(delimiter)) {
}

bool delimited_input::find() {
  if (!end_) {
    const auto found = buffer_.find(delimiter_, std::max(searched_, begin_));
    if (found != std::string::npos)
      end_ = found;
    else if (buffer_.size() >= delimiter_.size())
      searched_ = buffer_.size() - delimiter_.size() + 1;
  }
  return end_.has_value();
}

void delimited_input::read_more() {
  buffer_.erase(0, begin_);
  searched_ -= std::min(searched_, begin_);
  begin_ = 0;
  const auto before = buffer_.size();
  buffer_.resize(before + read_size);
  ssize_t got = 0;
  do
    got = ::read(fd_, buffer_.data() + before, read_size);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    wrong_ = {error_code::invalid_argument, std::generic_category().message(errno)};
  at_end_ = got <= 0;
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

bool delimited_input::ready(std::chrono::milliseconds timeout) {
  while (!find() && !at_end_) {
    if (!is_readable(fd_, timeout))
      return false;
    read_more();
  }
  return true;
}

protocol::result<std::optional<std::string_view>> delimited_input::next() {
  while (!find() && !at_end_)
    read_more();
  if (!end_ && wrong_)
    return wrong_;
  if (!end_ && begin_ == buffer_.size())
    return std::optional<std::string_view>{};
  const auto end = end_.value_or(buffer_.size());
  const auto piece = std::string_view{buffer_}.substr(begin_, end - begin_);
  begin_ = end_ ? end + delimiter_.size() : end;
  end_.reset();
  return std::optional{piece};
}

} // namespace cafka::cli
