// exports.handoff: the shared memory, which src/binding/shared-memory.ts reads and writes too.
#include "handoff/shared_memory.h"

#include <napi.h>

#include <memory>

#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

// The caller owns the descriptor that is returned.
Napi::Value Create(const Napi::CallbackInfo& info) {
  Descriptor memory;
  if (!ThrowUnlessOk(info.Env(), SharedMemory::Create(&memory))) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), memory.Release());
}

// (fd): an ArrayBuffer over the memory, mapped until the buffer is collected.
Napi::Value Map(const Napi::CallbackInfo& info) {
  auto mapping = std::make_unique<SharedMemory>();
  if (!ThrowUnlessOk(info.Env(), SharedMemory::Map(ReadInt(info[0]), mapping.get()))) return info.Env().Undefined();
  SharedMemory* const owned = mapping.release();
  return Napi::ArrayBuffer::New(info.Env(), owned->data(), SharedMemory::kBytes,
                                [](Napi::Env, void*, SharedMemory* collected) { delete collected; }, owned);
}

// The figures that src/binding/shared-memory.ts repeats. A test compares the two.
Napi::Object Layout(Napi::Env env) {
  auto bounds = Napi::Array::New(env, kLatencyBoundsUs.size());
  for (uint32_t i = 0; i < kLatencyBoundsUs.size(); ++i) bounds[i] = static_cast<double>(kLatencyBoundsUs[i]);
  auto layout = Napi::Object::New(env);
  layout["cellsPerRow"] = SharedMemory::kCellsPerBlock;
  layout["slots"] = SharedMemory::kSlots;
  layout["workers"] = SharedMemory::kWorkers;
  layout["homesOffset"] = static_cast<double>(SharedMemory::kHomesOffset);
  layout["bucketsMax"] = SharedMemory::kBucketsMax;
  layout["latencyBoundsUs"] = bounds;
  layout["workerCells"] = static_cast<double>(WorkerCell::kWorkerCells);
  layout["bytes"] = static_cast<double>(SharedMemory::kBytes);
  return layout;
}

}  // namespace

void InitSharedMemory(Napi::Env env, Napi::Object handoff) {
  handoff["createSharedMemory"] = Napi::Function::New(env, Create, "createSharedMemory");
  handoff["mapSharedMemory"] = Napi::Function::New(env, Map, "mapSharedMemory");
  handoff["sharedMemoryLayout"] = Layout(env);
}

}  // namespace limpet
