#include "asio_transport.hpp"

#include "asio_connection.hpp"
#include "http_exchange.hpp"

#include <atomic>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <thread>

namespace cafka::actors {

namespace {

/// The owner's end of a connection.
class asio_transport final : public transport {
public:
  asio_transport(std::shared_ptr<io_loop> loop, std::shared_ptr<connection> c)
    : loop_(std::move(loop)), connection_(std::move(c)) {}

  ~asio_transport() override { connection_->close(); }

  send_status send(protocol::frame f) override { return connection_->send(std::move(f)); }
  void grant(std::size_t bytes) override { connection_->grant(bytes); }
  void close() override { connection_->close(); }

private:
  // The socket inside the connection needs the loop: this order destroys it first.
  std::shared_ptr<io_loop> loop_;
  std::shared_ptr<connection> connection_;
};

/// A timer in its I/O thread; what is posted to it keeps it.
class loop_alarm final : public io_object,
                         public std::enable_shared_from_this<loop_alarm> {
public:
  loop_alarm(io_loop& loop, std::function<void()> rings)
    : loop_(loop), rings_(std::move(rings)), timer_(loop.io) {}

  void set(clock::time_point at) {
    if (ended_)
      return;
    loop_.open.insert(shared_from_this());
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (ec || self->ended_)
        return;
      try {
        self->rings_();
      } catch (const std::exception&) {
        // It is its owner's to contain what it throws.
      }
    });
  }
  void stop() noexcept override {
    ended_ = true;
    timer_.cancel();
    loop_.open.erase(shared_from_this());
  }

private:
  io_loop& loop_;
  const std::function<void()> rings_;
  timer timer_;
  bool ended_ = false;
};

/// The owner's end of a timer.
class asio_alarm final : public io_alarm {
public:
  asio_alarm(std::shared_ptr<io_loop> loop, std::function<void()> rings)
    : loop_(std::move(loop)),
      alarm_(std::make_shared<loop_alarm>(*loop_, std::move(rings))) {}
  ~asio_alarm() override {
    loop_->post([alarm = alarm_] { alarm->stop(); });
  }
  void set(protocol::time_point at) override {
    loop_->post([alarm = alarm_, at] { alarm->set(at); });
  }

private:
  // The timer inside needs the loop: this order destroys it first.
  std::shared_ptr<io_loop> loop_;
  std::shared_ptr<loop_alarm> alarm_;
};

} // namespace

struct asio_transport_factory::impl {
  std::shared_ptr<name_service> names = std::make_shared<name_service>();
  std::vector<std::shared_ptr<io_loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> opened{0};

  ~impl() { stop(milliseconds{0}); }

  void start(unsigned count) {
    for (unsigned i = 0; i != count; ++i) {
      const auto& loop = loops.emplace_back(std::make_shared<io_loop>());
      threads.emplace_back([l = loop] {
        // Signals are the application's, and for threads that expect them.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        pthread_setname_np(pthread_self(), "cafka.io");
        // Connections contain what is thrown; what Asio itself throws for want of memory
        // must not end the process either.
        for (bool done = false; !done;) {
          try {
            l->io.run();
            done = true;
          } catch (const std::exception&) {
          }
        }
      });
    }
  }

  const std::shared_ptr<io_loop>& next_loop() { return loops[opened++ % loops.size()]; }

  void stop(milliseconds deadline) {
    const auto until = clock::now() + deadline;
    for (const auto& loop : loops) {
      const std::lock_guard lock{loop->mutex};
      if (std::exchange(loop->accepting, false))
        asio::post(loop->io, [l = loop.get()] {
          // What began before is here; its handlers run out, and so does the loop.
          for (const auto& c : std::exchange(l->open, {}))
            c->stop();
          l->work.reset();
        });
    }
    for (auto& t : threads) {
      // An owner that is handled in an I/O thread may end there, and hold the last
      // reference to the factory: that thread runs out by itself.
      if (t.get_id() == std::this_thread::get_id())
        t.detach();
      else
        t.join();
    }
    threads.clear();
    names->lookups.wait(until);
  }
};

asio_transport_factory::asio_transport_factory(unsigned threads, resolver resolve)
  : impl_(std::make_unique<impl>()) {
  impl_->names->resolve = std::move(resolve);
  impl_->start(std::max(threads, 1u));
}

asio_transport_factory::~asio_transport_factory() = default;

std::unique_ptr<transport> asio_transport_factory::open(const endpoint& peer,
  const transport_options& options, caf::weak_actor_ptr owner, connection_id id) {
  const auto& loop = impl_->next_loop();
  auto c = std::make_shared<connection>(*loop, peer, options, std::move(owner), id);
  const auto begun = loop->post([c, names = impl_->names] { c->begin(*names); });
  if (!begun)
    c->reject();
  return std::make_unique<asio_transport>(loop, std::move(c));
}

void asio_transport_factory::post_http(
  protocol::sasl::http_request request, const http_options& how, http_done done) {
  const auto& loop = impl_->next_loop();
  auto x =
    std::make_shared<http_exchange>(*loop, std::move(request), how, std::move(done));
  if (!loop->post([x, names = impl_->names] { x->begin(*names); }))
    x->reject();
}

bool asio_transport_factory::run(std::function<void()> f) {
  return impl_->next_loop()->post(std::move(f));
}

std::unique_ptr<io_alarm> asio_transport_factory::make_alarm(
  std::function<void()> rings) {
  return std::make_unique<asio_alarm>(impl_->next_loop(), std::move(rings));
}

void asio_transport_factory::stop(milliseconds deadline) {
  impl_->stop(deadline);
}

} // namespace cafka::actors
