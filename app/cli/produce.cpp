#include "commands.hpp"
#include "delimited_input.hpp"
#include "progress.hpp"
#include "record_sink.hpp"
#include "session.hpp"
#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace cafka::cli {

namespace {

/// How often delivery results are looked at while there is nothing to read.
constexpr milliseconds look_around{100};

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

/// One run: reads records and hands them on, until one of them fails.
class producing {
public:
  producing(const produce_arguments& what, application& app, printer& out)
    : what_(what),
      out_(out),
      progress_(bytes_ahead(what), !what.quiet),
      sink_(make_producer_sink(what, app, tally_, [this] { show_progress(); })) {
    for (const auto& [key, value] : what_.headers)
      headers_.push_back(
        {key, value ? std::optional{protocol::as_bytes(*value)} : std::nullopt});
  }

  [[nodiscard]] bool run() {
    const auto read_all = read();
    const auto written_all = sink_->finish();
    progress_.hide();
    if (!what_.quiet && (tally_.summary().records > 0 || (read_all && written_all)))
      print_summary();
    if (const auto& failed = tally_.first_failure())
      tell(*failed);
    else if (!read_all)
      tell_of_input();
    return read_all && written_all;
  }

private:
  /// False when there is no use in reading on.
  bool read() {
    if (what_.files.empty())
      return read_lines(STDIN_FILENO, {});
    for (const auto& path : what_.files) {
      const open_file file{path};
      if (!file.why().empty())
        return fail("cannot open " + path, file.why());
      if (!(what_.lines ? read_lines(file.fd(), path) : read_file(file.fd(), path)))
        return false;
    }
    return true;
  }

  bool read_lines(int fd, const std::string& file) {
    origins_.begin(count_, file, true);
    delimited_input in{fd, what_.delimiter};
    while (true) {
      // What is there is sent before waiting for more.
      if (!in.ready()) {
        do {
          if (!sink_->idle())
            return false;
          show_progress();
        } while (!in.ready(look_around));
      }
      const auto line = in.next();
      if (!line)
        return fail("cannot read " + origins_.text(count_), line.error().detail);
      if (!*line)
        return true;
      protocol::outgoing_record next;
      if (what_.key)
        next.key = protocol::as_bytes(*what_.key);
      if (what_.key_delimiter.empty()) {
        next.value = protocol::as_bytes(**line);
      } else if (const auto at = (*line)->find(what_.key_delimiter);
                 at != std::string_view::npos) {
        next.key = protocol::as_bytes((*line)->substr(0, at));
        next.value = protocol::as_bytes((*line)->substr(at + what_.key_delimiter.size()));
      } else {
        return fail("cannot produce " + origins_.text(count_),
          fmt::format(
            "it has no key: \"{}\" is not in it", escaped(what_.key_delimiter)));
      }
      if (!add(next, (*line)->size() + what_.delimiter.size()))
        return false;
    }
  }

  bool read_file(int fd, const std::string& file) {
    origins_.begin(count_, file, false);
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
    protocol::outgoing_record next;
    if (what_.key)
      next.key = protocol::as_bytes(*what_.key);
    next.value = protocol::as_bytes(content);
    return add(next, content.size());
  }

  bool add(protocol::outgoing_record& next, std::size_t input_bytes) {
    if (what_.empty_is_null) {
      if (next.key && next.key->empty())
        next.key.reset();
      if (next.value && next.value->empty())
        next.value.reset();
    }
    next.headers = headers_;
    next.time = what_.time;
    next.partition = what_.partition.value_or(-1);
    input_bytes_ += input_bytes;
    return sink_->add(next, count_++);
  }

  void show_progress() {
    // What has its outcome is as good as its share of what was read.
    const auto finished = tally_.finished();
    const auto bytes = static_cast<double>(input_bytes_) * static_cast<double>(finished)
      / static_cast<double>(std::max<std::uint64_t>(count_, 1));
    progress_.reach(finished, static_cast<std::uint64_t>(bytes));
  }

  bool fail(std::string what, std::string why) {
    failed_ = {std::move(what), {error_code::invalid_argument, std::move(why)}};
    return false;
  }

  void print_summary() {
    auto summary = tally_.summary();
    summary.topic = what_.topic;
    summary.elapsed =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began_);
    summary.answered = what_.required_acks.value_or(-1) != 0;
    out_.print(summary);
    out_.flush(); // Before what goes to standard error.
  }

  /// Prints the first record that failed, and how many of all were written.
  void tell(const produce_tally::failure& first) const {
    const auto& s = tally_.summary();
    auto why = first.why;
    why.detail += fmt::format("{}{} written, {} not", why.detail.empty() ? "" : "; ",
      were(s.records), s.not_written);
    if (s.unknown > 0)
      why.detail += fmt::format(", {} perhaps", s.unknown);
    report("cannot produce " + origins_.text(first.record) + " to "
        + (first.partition.value() < 0 ? what_.topic
                                       : place(what_.topic, first.partition)),
      why);
  }

  void tell_of_input() const {
    auto [what, why] = failed_;
    const auto written = tally_.summary().records;
    why.detail += fmt::format("{}{} before it {} written", why.detail.empty() ? "" : "; ",
      counted(written, "record"), written == 1 ? "was" : "were");
    report(what, why);
  }

  static std::string were(std::uint64_t n) {
    return counted(n, "record") + (n == 1 ? " was" : " were");
  }

  const produce_arguments& what_;
  printer& out_;
  produce_tally tally_;
  record_origins origins_;
  progress progress_;
  std::unique_ptr<record_sink> sink_;
  std::vector<protocol::header_view> headers_;
  std::uint64_t count_ = 0; ///< Records that were handed on.
  std::uint64_t input_bytes_ = 0;
  std::pair<std::string, error> failed_; ///< What is wrong with the input.
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

} // namespace

exit_code run(const produce_arguments& what, application& app, printer& out) {
  return producing{what, app, out}.run() ? exit_ok : exit_failed;
}

} // namespace cafka::cli
