#ifndef LIMPET_HEAD_QUERY_STRING_H_
#define LIMPET_HEAD_QUERY_STRING_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace limpet {

// The value of the one query parameter called `name` in a request target: what stands between `?` and `#`, pairs
// separated by `&`, names compared after decoding (%XX, and + for a space). False when there is none, when it is
// empty, or when there are several, since readers differ in which one they take.
// `value` is the raw text; see DecodeQueryText.
bool FindQueryParameter(std::string_view target, std::string_view name, std::string_view& value);

// `raw` itself when it has nothing to decode, else its decoded bytes in `scratch`. A `%` that no two hexadecimal
// digits follow stands for itself. False when scratch is shorter than raw.
bool DecodeQueryText(std::string_view raw, std::span<char> scratch, std::string_view& decoded);

}  // namespace limpet

#endif  // LIMPET_HEAD_QUERY_STRING_H_
