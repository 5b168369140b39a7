// HalfSipHash gives the published vectors. A block of hashes is the same as single hashes.
#include "ring/hash.h"

#include "check.h"
#include "ring/hash_vectors.h"

using namespace limpet;

namespace {

void GivesThePublishedVectors() {
  uint8_t message[64];
  for (uint8_t i = 0; i < 64; i++) message[i] = i;
  const HashKey key = HashKey::From(message);
  for (size_t size = 0; size < 64; size++) {
    Check(HalfSipHash(2, 4, key, message, size) == kHalfSipHash24[size]);
    Check(Hash32(key, message, size) == kHalfSipHash13[size]);
  }
}

void HashesTwoWordsAsEightBytes() {
  Random random;
  for (int round = 0; round < 1000; round++) {
    uint8_t bytes[8];
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    const HashKey key = {random.Next(), random.Next()};
    Check(HashWords(key, WordAt(bytes), WordAt(bytes + 4)) == Hash32(key, bytes, 8));
  }
}

void HashesABlockLikeSingleKeys() {
  Random random;
  uint32_t w0[kHashBlock], w1[kHashBlock], hashes[kHashBlock];
  for (int round = 0; round < 100; round++) {
    const HashKey key = {random.Next(), random.Next()};
    for (size_t i = 0; i < kHashBlock; i++) {
      w0[i] = random.Next();
      w1[i] = random.Next();
    }
    HashBlock(key, w0, w1, hashes);
    for (size_t i = 0; i < kHashBlock; i++) Check(hashes[i] == HashWords(key, w0[i], w1[i]));
  }
}

}  // namespace

int main() {
  GivesThePublishedVectors();
  HashesTwoWordsAsEightBytes();
  HashesABlockLikeSingleKeys();
  return failures == 0 ? 0 : 1;
}
