{
  "targets": [
    {
      "target_name": "limpet",
      "sources": [
        "native/handoff/primary/steering_program.cc",
        "native/head/affinity_chain.cc",
        "native/head/affinity_cookie.cc",
        "native/head/engine_io_sid.cc",
        "native/head/forwarded.cc",
        "native/head/proxy_protocol.cc",
        "native/head/query_string.cc",
        "native/head/refusal.cc",
        "native/head/request_head.cc",
        "native/node_api/head.cc",
        "native/node_api/module.cc",
        "native/node_api/ring.cc",
        "native/ring/client_key.cc",
        "native/ring/digits.cc",
        "native/ring/hash.cc",
        "native/ring/ip_address.cc",
        "native/ring/ring.cc",
        "native/ring/siphash.cc"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags!": ["-fno-omit-frame-pointer"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags": ["-O3", "-fvisibility=hidden", "-Wall", "-Wextra"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"],
      "conditions": [
        ["OS!='win'", { "sources": [
          "native/handoff/fd_channel.cc",
          "native/handoff/listen_socket.cc",
          "native/handoff/peer_address.cc",
          "native/handoff/poller.cc",
          "native/handoff/primary/acceptor.cc",
          "native/handoff/primary/acceptor_calls.cc",
          "native/handoff/primary/acceptor_choice.cc",
          "native/handoff/primary/datagram.cc",
          "native/handoff/primary/lingering_close.cc",
          "native/handoff/primary/pending_heads.cc",
          "native/handoff/primary/reuseport.cc",
          "native/handoff/primary/slot_queue.cc",
          "native/handoff/shared_memory.cc",
          "native/handoff/watched_descriptor.cc",
          "native/handoff/worker/worker_inbox.cc",
          "native/node_api/acceptor.cc",
          "native/node_api/handoff.cc",
          "native/node_api/inbox.cc",
          "native/node_api/listening_sockets.cc",
          "native/node_api/service.cc"
        ] }],
        ["OS=='linux'", { "sources": ["native/linux_runtime.cc"], "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", "-Wl,--version-script=../native/exports.map"] }],
        ["OS=='mac'", { "xcode_settings": { "CLANG_CXX_LANGUAGE_STANDARD": "c++20", "GCC_ENABLE_CPP_EXCEPTIONS": "NO", "GCC_ENABLE_CPP_RTTI": "NO", "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off"], "MACOSX_DEPLOYMENT_TARGET": "12.0" } }],
        ["OS=='win'", { "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/std:c++20"], "ExceptionHandling": 0 } } }]
      ]
    }
  ]
}
