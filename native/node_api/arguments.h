// Reads the arguments of calls from JavaScript. src/binding/ has their types. They are not checked again here.
#ifndef LIMPET_NODE_API_ARGUMENTS_H_
#define LIMPET_NODE_API_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <span>
#include <vector>

namespace limpet {

// The memory of a typed array. It is valid as long as the array.
template <typename T>
std::span<T> Span(const Napi::Value& value) {
  auto array = value.As<Napi::TypedArrayOf<T>>();
  return {array.Data(), array.ElementLength()};
}

inline int ReadInt(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }
inline uint32_t ReadUint(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
// The router's number of a listener, 0 to 254.
inline uint8_t ReadListener(const Napi::Value& value) { return static_cast<uint8_t>(ReadUint(value)); }

// The slot of each bucket.
inline std::vector<uint16_t> ReadSlots(const Napi::Value& value) {
  const auto slots = Span<uint16_t>(value);
  return {slots.begin(), slots.end()};
}

}  // namespace limpet

#endif  // LIMPET_NODE_API_ARGUMENTS_H_
