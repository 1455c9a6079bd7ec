#pragma once

// An operation is what a program can ask a worker for: one pair of files here has its
// request, its reply, and how it is routed, checked, filled and read. CONTRIBUTING.md
// shows how one is added.
//
// What every request takes:
//
// `deadline`     time from the worker's acceptance to the reply, whatever happens; zero
//                means the worker's `request_timeout`, unless the request says otherwise.
// `api_version`  pins the version of the Kafka API; without it the newest that both sides
//                know. A version that cafka lacks is the error `unsupported_api_version`
//                at once; one that the broker lacks is, too, and names the supported
//                range.
//
// While a quota of the broker lasts, a request is held back, within its deadline; the
// worker's status says how long. Names are checked first: topics have at most 255 bytes,
// other names 32,767, all in UTF-8; others are `invalid_argument`.
//
// Every reply is a `result`: the value, or an `error` with Kafka's code or one of cafka's
// own (`timed_out`, `outcome_unknown`, `disconnected`, `closed`, ...). An actor that asks
// gets a `caf::error` only when the worker itself has ended.

#include "../../base/inspect.hpp"
#include "../words.hpp"

#include <functional>
#include <memory>

namespace cafka {

namespace protocol {

class call;

} // namespace protocol

struct call_context;

/// Takes the outcome of a request, once.
template <class Reply>
using reply_function = std::function<void(result<Reply>)>;

/// Each request has a specialization beside it:
///
/// - `reply`: what it is answered with.
/// - `changes_something`: whether a lost answer leaves open what has happened.
/// - `longest(request, request_timeout)`, where its client knows better than the asking
/// side
///   how long it takes without a deadline: the longest that this may be.
///
/// and a function `make_call(request, context, reply_function<reply>)` that makes the
/// call which a dispatcher carries out. A request that makes no sense is answered at once
/// with `invalid_argument`, and there is no call: null.
template <class Request>
struct operation;

/// What an operation is answered with.
template <class Request>
using reply_of = typename operation<Request>::reply;

} // namespace cafka
