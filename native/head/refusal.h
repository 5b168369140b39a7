#ifndef LIMPET_HEAD_REFUSAL_H_
#define LIMPET_HEAD_REFUSAL_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// Why a connection was rejected before routing: it was closed, and no worker got it. Each reason is counted under its name.
enum class Refusal : uint8_t {
  kNone,
  kHeadTooLarge,
  kHeadTimeout,
  kSilent,
  kTooManyPending,
  kTooManyPendingFromAddress,
  kProxyHeaderMissing,
  kProxyHeaderMalformed,
  kProxyHeaderUntrusted,
};

inline constexpr uint8_t kRefusalCount = 9;

// The complete HTTP/1.1 response to send before the connection is closed. It is empty for a connection that has sent nothing, because
// browsers open connections ahead of use. It is also empty if the PROXY header is missing, malformed or not trusted.
std::string_view RefusalAnswer(Refusal refusal);

// Its name in metrics and events, such as `head-too-large`.
std::string_view RefusalName(Refusal refusal);

}  // namespace limpet

#endif  // LIMPET_HEAD_REFUSAL_H_
