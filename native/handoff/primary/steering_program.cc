#include "handoff/primary/steering_program.h"

#include <algorithm>
#include <bit>

namespace limpet {
namespace {

// Opcodes of classic BPF (linux/filter.h). They are repeated here so that this file builds and runs on every system.
constexpr uint16_t kLoadWord = 0x20;       // A = packet[k .. k+3], big endian
constexpr uint16_t kLoadByte = 0x30;       // A = packet[k]
constexpr uint16_t kLoadImmediate = 0x00;  // A = k
constexpr uint16_t kLoadScratch = 0x60;    // A = M[k]
constexpr uint16_t kLoadScratchX = 0x61;   // X = M[k]
constexpr uint16_t kStore = 0x02;          // M[k] = A
constexpr uint16_t kAddX = 0x0c;
constexpr uint16_t kOrX = 0x4c;
constexpr uint16_t kXorX = 0xac;
constexpr uint16_t kXor = 0xa4;
constexpr uint16_t kAnd = 0x54;
constexpr uint16_t kShiftLeft = 0x64;
constexpr uint16_t kShiftRight = 0x74;
constexpr uint16_t kShiftRightX = 0x7c;
constexpr uint16_t kCopyToX = 0x07;
constexpr uint16_t kJump = 0x05;
constexpr uint16_t kJumpEqual = 0x15;
constexpr uint16_t kJumpGreaterOrEqual = 0x35;
constexpr uint16_t kReturnA = 0x16;
constexpr uint16_t kReturn = 0x06;

// When the program runs, the packet begins at its payload. The headers are reached relative to the network header.
constexpr uint32_t kNetworkHeader = static_cast<uint32_t>(-0x100000);
constexpr uint32_t kIpv4Source = kNetworkHeader + 12;
constexpr uint32_t kIpv6Source = kNetworkHeader + 8;

// A conditional jump reaches 255 instructions. A subtree of this many leaves has at most 3 × 85 − 1 = 254.
constexpr uint32_t kLeavesInReach = 85;

enum Scratch : uint32_t { kV0, kV1, kV2, kV3, kMessage0, kMessage1, kHash };

class Assembler {
 public:
  std::vector<BpfInstruction> Compile(const SteeringTable& table);

 private:
  void Emit(uint16_t code, uint32_t k = 0, size_t jump_true = 0, size_t jump_false = 0) {
    program_.push_back({code, static_cast<uint8_t>(jump_true), static_cast<uint8_t>(jump_false), k});
  }
  size_t EmitJump() {
    Emit(kJump);
    return program_.size() - 1;
  }
  void Land(size_t jump) { program_[jump].k = static_cast<uint32_t>(program_.size() - jump - 1); }

  void Set(Scratch target, uint32_t value) {
    Emit(kLoadImmediate, value);
    Emit(kStore, target);
  }
  void LoadLittleEndian(uint32_t offset, uint32_t bytes);
  void ClientKey(uint32_t ipv6_prefix);
  void Add(Scratch target, Scratch operand);
  void LoadRotated(Scratch source, uint32_t bits);
  void RotateXor(Scratch target, uint32_t bits, Scratch operand);
  void Rotate(Scratch target, uint32_t bits);
  void Round();
  void Absorb(Scratch message);
  void Hash(const uint32_t key[2]);
  void Lookup(const SteeringTable& table, uint32_t slot_max);
  void Tree(const std::vector<uint32_t>& words, uint32_t begin, uint32_t end);

  std::vector<BpfInstruction> program_;
  std::vector<size_t> leaf_jumps_;
};

// A = the bytes at `offset`, the first one least significant. Overwrites X.
void Assembler::LoadLittleEndian(uint32_t offset, uint32_t bytes) {
  Emit(kLoadByte, offset + bytes - 1);
  for (uint32_t byte = bytes - 1; byte-- > 0;) {
    Emit(kShiftLeft, 8);
    Emit(kCopyToX);
    Emit(kLoadByte, offset + byte);
    Emit(kOrX);
  }
}

// M[kMessage0], M[kMessage1] = the client key of the source address, 8 bytes, as two little-endian words.
void Assembler::ClientKey(uint32_t ipv6_prefix) {
  Emit(kLoadByte, kNetworkHeader);
  Emit(kShiftRight, 4);
  Emit(kJumpEqual, 6, 1, 0);
  const size_t to_ipv4 = EmitJump();

  Emit(kLoadWord, kIpv6Source);
  Emit(kJumpEqual, 0, 0, 4);
  Emit(kLoadWord, kIpv6Source + 4);
  Emit(kJumpEqual, 0, 0, 2);
  Emit(kLoadWord, kIpv6Source + 8);
  Emit(kJumpEqual, 0x0000ffff, 1, 0);
  const size_t to_ipv6 = EmitJump();
  LoadLittleEndian(kIpv6Source + 12, 4);
  const size_t to_mapped = EmitJump();

  Land(to_ipv6);
  LoadLittleEndian(kIpv6Source, 4);
  Emit(kStore, kMessage0);
  if (ipv6_prefix > 32) {
    LoadLittleEndian(kIpv6Source + 4, ipv6_prefix / 8 - 4);
  } else {
    Emit(kLoadImmediate, 0);
  }
  Emit(kStore, kMessage1);
  const size_t to_end = EmitJump();

  Land(to_ipv4);
  LoadLittleEndian(kIpv4Source, 4);
  Land(to_mapped);
  Emit(kStore, kMessage1);
  Set(kMessage0, 0xffff0000);
  Land(to_end);
}

void Assembler::Add(Scratch target, Scratch operand) {
  Emit(kLoadScratchX, operand);
  Emit(kLoadScratch, target);
  Emit(kAddX);
  Emit(kStore, target);
}

void Assembler::LoadRotated(Scratch source, uint32_t bits) {
  Emit(kLoadScratch, source);
  Emit(kShiftRight, 32 - bits);
  Emit(kCopyToX);
  Emit(kLoadScratch, source);
  Emit(kShiftLeft, bits);
  Emit(kOrX);
}

void Assembler::RotateXor(Scratch target, uint32_t bits, Scratch operand) {
  LoadRotated(target, bits);
  Emit(kLoadScratchX, operand);
  Emit(kXorX);
  Emit(kStore, target);
}

void Assembler::Rotate(Scratch target, uint32_t bits) {
  LoadRotated(target, bits);
  Emit(kStore, target);
}

void Assembler::Round() {
  Add(kV0, kV1);
  RotateXor(kV1, 5, kV0);
  Rotate(kV0, 16);
  Add(kV2, kV3);
  RotateXor(kV3, 8, kV2);
  Add(kV0, kV3);
  RotateXor(kV3, 7, kV0);
  Add(kV2, kV1);
  RotateXor(kV1, 13, kV2);
  Rotate(kV2, 16);
}

void Assembler::Absorb(Scratch message) {
  Emit(kLoadScratchX, message);
  Emit(kLoadScratch, kV3);
  Emit(kXorX);
  Emit(kStore, kV3);
  Round();
  Emit(kLoadScratchX, message);
  Emit(kLoadScratch, kV0);
  Emit(kXorX);
  Emit(kStore, kV0);
}

// M[kHash] = A = HalfSipHash-1-3 of the client key.
void Assembler::Hash(const uint32_t key[2]) {
  constexpr uint32_t kLengthBlock = 8u << 24;
  Set(kV0, key[0]);
  Set(kV1, key[1]);
  Set(kV2, 0x6c796765 ^ key[0]);
  Set(kV3, 0x74656462 ^ key[1]);
  Absorb(kMessage0);
  Absorb(kMessage1);
  Emit(kLoadScratch, kV3);
  Emit(kXor, kLengthBlock);
  Emit(kStore, kV3);
  Round();
  Emit(kLoadScratch, kV0);
  Emit(kXor, kLengthBlock);
  Emit(kStore, kV0);
  Emit(kLoadScratch, kV2);
  Emit(kXor, 0xff);
  Emit(kStore, kV2);
  for (int round = 0; round < 3; ++round) Round();
  Emit(kLoadScratchX, kV3);
  Emit(kLoadScratch, kV1);
  Emit(kXorX);
  Emit(kStore, kHash);
}

// Finds the word that has the bucket's slot, then the slot in the word. X keeps the shift through the whole tree.
void Assembler::Lookup(const SteeringTable& table, uint32_t slot_max) {
  const uint32_t slot_bits = std::bit_ceil(static_cast<uint32_t>(std::bit_width(slot_max)));
  const uint32_t slots_per_word = 32 / slot_bits;
  const uint32_t bucket_shift = 32 - static_cast<uint32_t>(std::countr_zero(table.buckets));

  std::vector<uint32_t> words(table.buckets / slots_per_word);
  for (uint32_t bucket = 0; bucket < table.buckets; ++bucket) {
    words[bucket / slots_per_word] |= uint32_t{table.homes[bucket]} << (bucket % slots_per_word * slot_bits);
  }

  Emit(kShiftRight, bucket_shift);
  Emit(kAnd, slots_per_word - 1);
  Emit(kShiftLeft, static_cast<uint32_t>(std::countr_zero(slot_bits)));
  Emit(kCopyToX);
  Emit(kLoadScratch, kHash);
  Emit(kShiftRight, bucket_shift + static_cast<uint32_t>(std::countr_zero(slots_per_word)));
  Tree(words, 0, static_cast<uint32_t>(words.size()));
  for (const size_t jump : leaf_jumps_) Land(jump);
  Emit(kShiftRightX);
  Emit(kAnd, (1u << slot_bits) - 1);
  Emit(kReturnA);
}

void Assembler::Tree(const std::vector<uint32_t>& words, uint32_t begin, uint32_t end) {
  const auto first = words.begin() + begin;
  if (std::all_of(first, words.begin() + end, [&](uint32_t word) { return word == *first; })) {
    Emit(kLoadImmediate, *first);
    leaf_jumps_.push_back(EmitJump());
    return;
  }
  const uint32_t middle = begin + (end - begin) / 2;
  const size_t node = program_.size();
  if (middle - begin <= kLeavesInReach) {
    Emit(kJumpGreaterOrEqual, middle);
    Tree(words, begin, middle);
    program_[node].jump_true = static_cast<uint8_t>(program_.size() - node - 1);
  } else {
    Emit(kJumpGreaterOrEqual, middle, 0, 1);
    const size_t to_right = EmitJump();
    Tree(words, begin, middle);
    Land(to_right);
  }
  Tree(words, middle, end);
}

std::vector<BpfInstruction> Assembler::Compile(const SteeringTable& table) {
  const uint32_t slot_max = *std::max_element(table.homes, table.homes + table.buckets);
  if (slot_max > 255) return {};
  if (slot_max == 0) {
    Emit(kReturn, 0);
    return std::move(program_);
  }
  program_.reserve(1536);
  ClientKey(table.ipv6_prefix);
  Hash(table.key);
  Lookup(table, slot_max);
  if (program_.size() > kSteeringInstructionsMax) return {};
  return std::move(program_);
}

}  // namespace

std::vector<BpfInstruction> CompileSteering(const SteeringTable& table) { return Assembler().Compile(table); }

}  // namespace limpet
