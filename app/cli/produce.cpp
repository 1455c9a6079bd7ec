#include <cafka/app/cli/commands.hpp>
#include <cafka/app/cli/delimited_input.hpp>
#include <cafka/app/cli/progress.hpp>
#include <cafka/app/cli/session.hpp>
#include <cafka/app/cli/text.hpp>

#include <spdlog/fmt/fmt.h>

#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace cafka::cli {

namespace {

/// Bytes of records that are collected for one batch: well below a broker's limit of
/// 1 MB.
constexpr std::size_t batch_bytes = 500'000;

/// Kafka counts the bytes of a value in 31 bits.
constexpr std::size_t most_bytes = std::numeric_limits<std::int32_t>::max();

/// A file that is closed when its owner goes.
class open_file {
public:
  explicit open_file(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  [[nodiscard]] int fd() const { return fd_; }
  /// The system's words for why it is not open; empty when it is.
  [[nodiscard]] std::string why() const {
    return error_ == 0 ? "" : std::generic_category().message(error_);
  }

private:
  int fd_;
  int error_;
};

/// The bytes that are still to be read where they are known beforehand.
std::optional<std::uint64_t> bytes_ahead(const produce_arguments& what) {
  std::uint64_t total = 0;
  struct stat status {};
  if (what.files.empty()) {
    const auto at = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (::fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode) || at < 0)
      return std::nullopt;
    return static_cast<std::uint64_t>(std::max<off_t>(status.st_size - at, 0));
  }
  for (const auto& file : what.files) {
    if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      return std::nullopt;
    total += static_cast<std::uint64_t>(status.st_size);
  }
  return total;
}

/// Where a record comes from, in words: `line 3`, `line 3 of a.txt` or `a.txt`.
struct origin {
  std::string file = {};  ///< Empty: standard input.
  std::uint64_t line = 0; ///< Zero: all of the file.

  [[nodiscard]] std::string text() const {
    if (line == 0)
      return file;
    return fmt::format("line {}{}", line, file.empty() ? "" : " of " + file);
  }
};

/// One run: collects records by partition and sends them in batches.
class producing {
public:
  producing(const produce_arguments& what, application& app, printer& out)
    : what_(what),
      app_(app),
      out_(out),
      progress_(bytes_ahead(what)),
      prints_to_terminal_(::isatty(STDOUT_FILENO) == 1) {}

  [[nodiscard]] bool run() {
    if (what_.files.empty())
      return produce_lines(STDIN_FILENO, {}) && send_all();
    for (const auto& path : what_.files) {
      const open_file file{path};
      if (!file.why().empty())
        return fail("cannot open " + path, file.why());
      if (!(what_.lines ? produce_lines(file.fd(), path) : produce_file(file.fd(), path)))
        return false;
    }
    return send_all();
  }

private:
  struct batch {
    produce request;
    std::size_t bytes = 0;       // Of keys and values.
    std::size_t input_bytes = 0; // That were read for them.
    origin first;
    origin last;
  };

  bool produce_lines(int fd, const std::string& file) {
    delimited_input in{fd, what_.delimiter};
    origin from{file, 0};
    while (true) {
      // What is there is sent before waiting for more.
      if (!in.ready() && !send_all())
        return false;
      ++from.line;
      const auto line = in.next();
      if (!line)
        return fail("cannot read " + from.text(), line.error().detail);
      if (!*line)
        return true;
      record next;
      next.key = what_.key;
      if (what_.key_delimiter.empty()) {
        next.value = **line;
      } else if (const auto at = (*line)->find(what_.key_delimiter);
                 at != std::string_view::npos) {
        next.key = (*line)->substr(0, at);
        next.value = (*line)->substr(at + what_.key_delimiter.size());
      } else {
        return fail("cannot produce " + from.text(),
          fmt::format(
            "it has no key: \"{}\" is not in it", escaped(what_.key_delimiter)));
      }
      if (!add(std::move(next), from, (*line)->size() + what_.delimiter.size()))
        return false;
    }
  }

  bool produce_file(int fd, const std::string& file) {
    std::string content;
    char buffer[64 * 1024];
    while (content.size() <= most_bytes) {
      const auto got = ::read(fd, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return fail("cannot read " + file, std::generic_category().message(errno));
      if (got == 0)
        break;
      content.append(buffer, static_cast<std::size_t>(got));
    }
    if (content.size() > most_bytes)
      return fail("cannot produce " + file,
        fmt::format("a record holds {} bytes at most", most_bytes));
    const auto size = content.size();
    record next;
    next.key = what_.key;
    next.value = std::move(content);
    return add(std::move(next), {file, 0}, size);
  }

  bool add(record next, const origin& from, std::size_t input_bytes) {
    if (what_.empty_is_null) {
      if (next.key && next.key->empty())
        next.key.reset();
      if (next.value && next.value->empty())
        next.value.reset();
    }
    next.headers = what_.headers;
    next.time = what_.time;
    const auto partition = partition_of(next);
    if (!partition)
      return fail("cannot find the partitions of " + what_.topic, partition.error());
    const auto bytes = next.key.value_or("").size() + next.value.value_or("").size();
    auto& to = open_[*partition];
    if (!to.request.records.empty() && to.bytes + bytes > batch_bytes && !send(to))
      return false;
    if (to.request.records.empty()) {
      to.request.topic = what_.topic;
      to.request.partition = *partition;
      to.request.required_acks = what_.required_acks;
      to.request.compression = what_.compression;
      to.first = from;
    }
    to.last = from;
    to.bytes += bytes;
    to.input_bytes += input_bytes;
    to.request.records.push_back(std::move(next));
    // A topic that nobody knows yet has partitions once there is a record in it.
    const auto full = to.request.records.size() >= what_.batch_size
      || to.bytes >= batch_bytes || !*partition;
    return !full || send(to);
  }

  /// Nothing while the topic is not there: its partitioner finds the way for one record.
  result<std::optional<partition_id>> partition_of(const record& r) {
    if (what_.partition)
      return what_.partition;
    if (!r.key)
      return std::optional{partition_id{0}};
    if (partitions_ == 0) {
      const auto all = partitions_of(app_, what_.topic);
      if (!all && all.error().code == error_code::unknown_topic_or_partition)
        return std::optional<partition_id>{};
      if (!all)
        return all.error();
      partitions_ = static_cast<std::int32_t>(all->size());
    }
    return std::optional{what_.partitioner({.topic = what_.topic,
      .key = protocol::as_bytes(*r.key),
      .partitions = partitions_})};
  }

  bool send_all() {
    for (auto& [partition, b] : open_) {
      if (!b.request.records.empty() && !send(b))
        return false;
    }
    return true;
  }

  bool send(batch& b) {
    const auto count = b.request.records.size();
    const auto where = app_.produce(b.request);
    if (!where) {
      const auto to =
        b.request.partition ? place(what_.topic, *b.request.partition) : what_.topic;
      const auto from = b.first.text() + (count == 1 ? "" : " to " + b.last.text());
      b.request.records.clear(); // Nobody knows whether they were written.
      tell(fmt::format("cannot produce {} to {}, {}", counted(count, "record"), to, from),
        where.error());
      return false;
    }
    out_.print(*where, count);
    if (prints_to_terminal_)
      progress_.hide();
    out_.flush();
    written_ += count;
    progress_.advance(count, b.input_bytes);
    b = {};
    return true;
  }

  /// Sends what came before, and says what goes no further.
  bool fail(const std::string& what, const error& why) {
    if (send_all())
      tell(what, why);
    return false;
  }

  bool fail(const std::string& what, const std::string& why) {
    return fail(what, error{error_code::invalid_argument, why});
  }

  /// Says what is wrong, what was written, and what was read for nothing.
  void tell(const std::string& what, error why) {
    std::uint64_t unsent = 0;
    for (const auto& [partition, b] : open_)
      unsent += b.request.records.size();
    const auto were = [](std::uint64_t n) { return n == 1 ? "was" : "were"; };
    why.detail += fmt::format("{}{} before it {} written", why.detail.empty() ? "" : "; ",
      counted(written_, "record"), were(written_));
    if (unsent > 0)
      why.detail += fmt::format(", and {} that {} read {} not", counted(unsent, "record"),
        were(unsent), were(unsent));
    progress_.hide();
    out_.flush();
    report(what, why);
  }

  const produce_arguments& what_;
  application& app_;
  printer& out_;
  progress progress_;
  const bool prints_to_terminal_;
  std::map<std::optional<partition_id>, batch> open_;
  std::uint64_t written_ = 0;
  std::int32_t partitions_ = 0;
};

} // namespace

exit_code run(const produce_arguments& what, application& app, printer& out) {
  return producing{what, app, out}.run() ? exit_ok : exit_failed;
}

} // namespace cafka::cli
