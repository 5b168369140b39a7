// Reads the response of a subject: an HTTP/1.1 response with Content-Length, or a WebSocket text frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace load {

/** The views point into the received bytes. */
struct Answer {
  enum Kind { kIncomplete, kMalformed, kWhole } kind = kIncomplete;
  /** The length of the whole response in bytes. */
  size_t bytes = 0;
  int status = 0;
  /** Whether the server closes the connection after this response. */
  bool closes = false;
  /** The number at the start of the body: the process that answered. 0 if the body has no number. */
  uint32_t worker = 0;
  /** The first name=value of Set-Cookie. */
  std::string_view cookie;
  std::string_view body;
};

Answer ReadResponse(std::string_view bytes);
Answer ReadFrame(std::string_view bytes);

/** The session id in the body of an Engine.IO handshake; empty if there is none. */
std::string_view SidOf(std::string_view handshake);

}  // namespace load
