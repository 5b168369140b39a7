#ifndef LIMPET_HEAD_REFUSAL_H_
#define LIMPET_HEAD_REFUSAL_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// Why a connection was closed before any worker had it. Each is counted under its name.
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

// The whole HTTP/1.1 response to send before closing; empty where the connection is closed without a word: it said
// nothing yet (browsers open connections ahead of use), or does not speak HTTP so far.
std::string_view RefusalAnswer(Refusal refusal);

// As metrics and events call it, such as `head-too-large`.
std::string_view RefusalName(Refusal refusal);

}  // namespace limpet

#endif  // LIMPET_HEAD_REFUSAL_H_
