#include "file_text.hpp"

#include "resolver.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cafka::actors {

protocol::result<std::string> file_text(const std::string& path, std::size_t largest) {
  const auto refuse = [](const std::string& why) {
    return protocol::error{protocol::error_code::invalid_argument, why};
  };
  const auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return refuse("cannot be read: " + reason_text(errno));
  struct stat s {};
  std::string text;
  protocol::error failed;
  if (::fstat(fd, &s) != 0)
    failed = refuse("cannot be read: " + reason_text(errno));
  else if (!S_ISREG(s.st_mode))
    failed = refuse("is not a file");
  else if (static_cast<std::size_t>(s.st_size) > largest)
    failed = refuse("is too large, over " + std::to_string(largest >> 10) + " KiB");
  else
    text.resize(static_cast<std::size_t>(s.st_size));
  for (std::size_t have = 0; !failed && have != text.size();) {
    const auto count = ::read(fd, text.data() + have, text.size() - have);
    if (count > 0)
      have += static_cast<std::size_t>(count);
    else if (count == 0)
      text.resize(have);
    else if (errno != EINTR)
      failed = refuse("cannot be read: " + reason_text(errno));
  }
  ::close(fd);
  if (failed)
    return failed;
  return text;
}

protocol::result<protocol::secret> first_line_of(const std::string& path) {
  auto text = file_text(path, largest_secret);
  if (!text)
    return text.error();
  protocol::secret line{std::string_view{*text}.substr(0, text->find_first_of("\r\n"))};
  protocol::wipe(*text);
  if (line.empty())
    return protocol::error{
      protocol::error_code::invalid_argument, "its first line is empty"};
  return line;
}

} // namespace cafka::actors
