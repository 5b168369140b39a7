// exports.handoff.Inbox
#include <algorithm>

#include "handoff/worker/worker_inbox.h"
#include "node_api/handoff.h"

namespace limpet {
namespace {

constexpr size_t kPeerBytes = 18;

// A typed array that is kept, and where its memory is: asking for that is a call into V8.
template <typename Array, typename Element>
struct Kept {
  void Keep(Array array) {
    reference = Napi::Persistent(array);
    data = array.Data();
  }

  Napi::Reference<Array> reference;
  Element* data = nullptr;
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

  // ({ sharedMemory, workerIndex, slot, descriptors, listeners, peers }, deliver): each batch is written to the arrays, of kBatchMax
  // entries, then deliver(count, proxied) is called. Only with `proxied` is peers written. An entry of it has 18 bytes:
  // address and port, network order; zeros where the connection's own peer is the client.
  explicit InboxObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<InboxObject>(info), context_(info.Env(), "limpet.inbox") {
    const auto options = info[0].As<Napi::Object>();
    if (!Check(info.Env(), SharedMemory::Map(ReadInt(options.Get("sharedMemory")), &memory_))) return;
    descriptors_.Keep(options.Get("descriptors").As<Napi::Int32Array>());
    listeners_.Keep(options.Get("listeners").As<Napi::Uint8Array>());
    peers_.Keep(options.Get("peers").As<Napi::Uint8Array>());
    deliver_ = Napi::Persistent(info[1].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    inbox_ = std::make_unique<WorkerInbox>(loop, &memory_, ReadUint(options.Get("workerIndex")), ReadUint(options.Get("slot")),
                                           Deliver, this);
  }

 private:
  static void Deliver(void* self, const Connection* connections, size_t count) {
    static_cast<InboxObject*>(self)->Call(connections, count);
  }

  void Call(const Connection* connections, size_t count) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    bool proxied = false;
    for (size_t i = 0; i < count; ++i) {
      descriptors_.data[i] = connections[i].fd;
      listeners_.data[i] = connections[i].listener;
      proxied = proxied || connections[i].proxied.address != IpAddress{};
    }
    if (proxied) WritePeers(connections, count);
    deliver_.MakeCallback(env.Global(),
                          {Napi::Number::New(env, static_cast<double>(count)), Napi::Boolean::New(env, proxied)},
                          context_);
    if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }

  void WritePeers(const Connection* connections, size_t count) const {
    for (size_t i = 0; i < count; ++i) {
      const Endpoint& peer = connections[i].proxied;
      uint8_t* const at = peers_.data + i * kPeerBytes;
      std::copy(peer.address.bytes.begin(), peer.address.bytes.end(), at);
      at[16] = static_cast<uint8_t>(peer.port >> 8);
      at[17] = static_cast<uint8_t>(peer.port);
    }
  }

  // (listener, fd): a duplicate of the descriptor is kept.
  void Accept(const Napi::CallbackInfo& info) {
    Descriptor socket = Descriptor::Duplicate(ReadInt(info[1]));
    if (!socket.valid()) {
      ThrowSystemError(info.Env(), Status::System("fcntl", errno));
      return;
    }
    Check(info.Env(), inbox_->Accept(static_cast<uint8_t>(ReadUint(info[0])), std::move(socket)));
  }

  // (listener, drain)
  void StopAccepting(const Napi::CallbackInfo& info) {
    inbox_->StopAccepting(static_cast<uint8_t>(ReadUint(info[0])), info[1].ToBoolean());
  }

  void Receive(const Napi::CallbackInfo& info) { Check(info.Env(), inbox_->Receive(ReadInt(info[0]))); }

  // (listener, expected)
  void Expect(const Napi::CallbackInfo& info) {
    inbox_->Expect(static_cast<uint8_t>(ReadUint(info[0])), info[1].ToBoolean());
  }

  void Stop(const Napi::CallbackInfo&) { inbox_->Stop(); }

  SharedMemory memory_;
  Napi::AsyncContext context_;
  Kept<Napi::Int32Array, int32_t> descriptors_;
  Kept<Napi::Uint8Array, uint8_t> listeners_;
  Kept<Napi::Uint8Array, uint8_t> peers_;
  Napi::FunctionReference deliver_;
  std::unique_ptr<WorkerInbox> inbox_;
};

}  // namespace

void InitInbox(Napi::Env env, Napi::Object handoff) { handoff["Inbox"] = InboxObject::Define(env); }

}  // namespace limpet
