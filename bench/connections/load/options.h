// What one run of the load client does, read from the command line.
#pragma once

#include <cstdint>
#include <string>

namespace load {

/** What a client shows at its next visit so that it is known again, beside its address. */
enum class Remember { kNothing, kCookie, kSid };

/** Times are nanoseconds unless the name says otherwise; 0 means "no limit" or "not at all". */
struct Options {
  uint16_t port = 0;
  /** Distinct clients; the client of operation i is i modulo this. */
  uint32_t clients = 4096;
  /** Distinct source addresses in 127.0.0.0/8; client c comes from number c modulo this. */
  uint32_t addresses = 4096;
  /** First client of this run, so that successive runs continue one cycle. */
  uint32_t first_client = 0;
  /** Connections at once: exactly so many in a closed loop, at most so many in an open loop. */
  uint32_t width = 64;
  /** Operations (connections, requests or messages) that are started in all. */
  uint64_t operations = 0;
  /** Starting ends after so long, whatever `operations` says. */
  uint64_t start_for = 0;
  /** Open loop: operations a second, each due at its own time whether or not earlier ones are answered. */
  double rate = 0;
  /** Operations on one connection before it is reset: 1 for short connections, 0 for as many as there are. */
  uint64_t per_connection = 1;
  /** An operation without its answer fails after this. */
  uint64_t timeout = 10'000'000'000;
  bool websocket = false;
  /** Payload of a WebSocket message. */
  uint32_t message_bytes = 64;
  /** Of each hundred requests so many are POSTs of `body_bytes`. */
  uint32_t body_percent = 0;
  uint64_t body_bytes = 0;
  /** Keeps every connection open after its answer, says so on stdout, and ends when stdin does. */
  bool hold = false;
  Remember remember = Remember::kNothing;
  std::string path = "/";
};

/** False when an argument is unknown or no number; the reason is on stderr. */
bool ParseOptions(int argc, char** argv, Options* options);

}  // namespace load
