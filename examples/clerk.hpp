// A service's own messages, and an actor of it that uses cafka: see embed.cpp. It is
// apart so that embed_test.cpp can test it.
#pragma once

#include <cafka/cafka.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <string>

// -- the service's own messages ---------------------------------------------------------
//
// They keep their numbers; cafka's begin 500 later.

/// Asks the service to write an order down in Kafka and to read it back.
struct place_order {
  std::string customer;
  std::string article;
};

template <class Inspector>
bool inspect(Inspector& f, place_order& x) {
  return f.object(x).fields(
    f.field("customer", x.customer), f.field("article", x.article));
}

CAF_BEGIN_TYPE_ID_BLOCK(shop, first_custom_type_id)
CAF_ADD_TYPE_ID(shop, (place_order))
CAF_END_TYPE_ID_BLOCK(shop)

// -- an actor of the service ------------------------------------------------------------

/// Answers `place_order` with the order as Kafka has it.
inline caf::behavior clerk(
  caf::event_based_actor* self, cafka::worker_actor worker, std::string topic) {
  return {[self, worker, topic](const place_order& order) {
    auto answer = self->make_response_promise<std::string>();
    // An error that cafka reports becomes an error of ours.
    auto fail = [answer](const cafka::error& e) mutable {
      answer.deliver(caf::make_error(caf::sec::runtime_error, to_string(e)));
    };
    auto lost = [answer](const caf::error& e) mutable { answer.deliver(e); };

    cafka::produce write{.topic = topic,
      .partition = 0,
      .records = {{.key = order.customer, .value = order.article}},
      .deadline = std::chrono::seconds{10}};
    cafka::ask(self, worker, caf::infinite, std::move(write))
      .then(
        [=](const cafka::result<cafka::produced>& written) mutable {
          if (!written)
            return fail(written.error());
          cafka::fetch read{.topic = topic,
            .partition = 0,
            .offset = *written->base_offset,
            .wait_time = std::chrono::seconds{1},
            .deadline = std::chrono::seconds{10}};
          cafka::ask(self, worker, caf::infinite, read)
            .then(
              [=](const cafka::result<cafka::fetched>& found) mutable {
                if (!found)
                  return fail(found.error());
                if (found->records.empty())
                  return fail({cafka::error_code::not_found, "the order is not there"});
                const auto record = to_record(*found->records.begin());
                answer.deliver(*record.key + " ordered " + *record.value);
              },
              lost);
        },
        lost);
    return answer;
  }};
}
