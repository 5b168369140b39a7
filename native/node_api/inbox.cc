// exports.handoff.Inbox
#include "handoff/worker/worker_inbox.h"

#include <napi.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <utility>

#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

constexpr size_t kPeerBytes = 18;

// A typed array of JavaScript, and the address of its memory. The address is kept, because asking for it is a call into V8.
template <typename T>
class OutputArray {
 public:
  void Bind(const Napi::Value& value) {
    auto array = value.As<Napi::TypedArrayOf<T>>();
    reference_ = Napi::Persistent(array);
    data_ = array.Data();
  }
  T* data() const { return data_; }
  T& operator[](size_t index) const { return data_[index]; }

 private:
  Napi::Reference<Napi::TypedArrayOf<T>> reference_;
  T* data_ = nullptr;
};

class InboxObject : public Napi::ObjectWrap<InboxObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Inbox",
                       {
                           InstanceMethod<&InboxObject::Accept>("accept"),
                           InstanceMethod<&InboxObject::StopAccepting>("stopAccepting"),
                           InstanceMethod<&InboxObject::Receive>("receive"),
                           InstanceMethod<&InboxObject::Expect>("expect"),
                           InstanceMethod<&InboxObject::Stop>("stop"),
                       });
  }

  // ({ sharedMemory, workerIndex, slot, descriptors, listeners, peers }, deliver): for each batch, the arrays get an entry for each
  // connection, then deliver(count, proxied) is called. The arrays have kBatchMax entries. `peers` is written only with `proxied`.
  // Its entries have 18 bytes: address and port in network order, or zeros if the connection's own peer is the client.
  explicit InboxObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<InboxObject>(info), context_(info.Env(), "limpet.inbox") {
    const auto options = info[0].As<Napi::Object>();
    if (!ThrowUnlessOk(info.Env(), SharedMemory::Map(ReadInt(options.Get("sharedMemory")), &memory_))) return;
    descriptors_.Bind(options.Get("descriptors"));
    listeners_.Bind(options.Get("listeners"));
    peers_.Bind(options.Get("peers"));
    deliver_ = Napi::Persistent(info[1].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    inbox_ = std::make_unique<WorkerInbox>(loop, &memory_, ReadUint(options.Get("workerIndex")), ReadUint(options.Get("slot")),
                                           OnBatch, this);
  }

 private:
  static void OnBatch(void* self, std::span<Connection> connections) {
    static_cast<InboxObject*>(self)->Deliver(connections);
  }

  void Deliver(std::span<Connection> connections) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    const bool proxied = std::any_of(connections.begin(), connections.end(), [](const Connection& connection) {
      return connection.proxied.address != IpAddress{};
    });
    if (proxied) WritePeers(connections);
    ReleaseSockets(connections);
    const auto count = Napi::Number::New(env, static_cast<double>(connections.size()));
    deliver_.MakeCallback(env.Global(), {count, Napi::Boolean::New(env, proxied)}, context_);
    if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }

  // From here on JavaScript owns the descriptors.
  void ReleaseSockets(std::span<Connection> connections) const {
    for (size_t i = 0; i < connections.size(); ++i) {
      descriptors_[i] = connections[i].socket.Release();
      listeners_[i] = connections[i].listener;
    }
  }

  void WritePeers(std::span<const Connection> connections) const {
    uint8_t* entry = peers_.data();
    for (const Connection& connection : connections) {
      const Endpoint& peer = connection.proxied;
      std::copy(peer.address.bytes.begin(), peer.address.bytes.end(), entry);
      entry[16] = static_cast<uint8_t>(peer.port >> 8);
      entry[17] = static_cast<uint8_t>(peer.port);
      entry += kPeerBytes;
    }
  }

  // (listener, fd): the inbox gets a duplicate of the descriptor.
  void Accept(const Napi::CallbackInfo& info) {
    Descriptor socket = Descriptor::Duplicate(ReadInt(info[1]));
    if (!socket.valid()) {
      ThrowSystemError(info.Env(), Status::System("fcntl", errno));
      return;
    }
    ThrowUnlessOk(info.Env(), inbox_->Accept(ReadListener(info[0]), std::move(socket)));
  }

  // (listener, drain)
  void StopAccepting(const Napi::CallbackInfo& info) {
    inbox_->StopAccepting(ReadListener(info[0]), info[1].ToBoolean());
  }

  // (channel): the caller keeps the descriptor.
  void Receive(const Napi::CallbackInfo& info) { ThrowUnlessOk(info.Env(), inbox_->Receive(ReadInt(info[0]))); }

  // (listener, expected)
  void Expect(const Napi::CallbackInfo& info) {
    inbox_->Expect(ReadListener(info[0]), info[1].ToBoolean());
  }

  void Stop(const Napi::CallbackInfo&) { inbox_->Stop(); }

  SharedMemory memory_;
  Napi::AsyncContext context_;
  OutputArray<int32_t> descriptors_;
  OutputArray<uint8_t> listeners_;
  OutputArray<uint8_t> peers_;
  Napi::FunctionReference deliver_;
  std::unique_ptr<WorkerInbox> inbox_;
};

}  // namespace

void InitInbox(Napi::Env env, Napi::Object handoff) { handoff["Inbox"] = InboxObject::Define(env); }

}  // namespace limpet
