import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHandshake, EZEZServer } from "../src/index.js";
import { errorOf } from "./codec.js";
import { type Closing, handshakeOf, MemoryListener, MemorySocket, start, statusOf } from "./memory.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1);
const end = async (...sockets: MemorySocket[]): Promise<void> => {
  for (const socket of sockets) socket.leave();
  await settle();
};
const rejectionOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
};

describe("the constructor", () => {
  it("names the option or callback that is wrong", () => {
    expect(errorOf(() => start({ maxPayload: 0 })).message).toMatch(/^maxPayload /);
    expect(errorOf(() => start({ serializerArgs: [{ s: () => null }] })).message).toMatch(/^serializerArgs/);
    const onAuthRequest = "x" as unknown as () => boolean;
    expect(errorOf(() => new EZEZServer({}, { onAuthRequest }, () => new MemoryListener())).message).toMatch(
      /^onAuthRequest /,
    );
  });

  it("hands the adapter the options with their defaults, whatever object they came from", () => {
    class Configuration {
      get maxPayload(): number {
        return 5;
      }
      get serializerArgs(): [{ s: () => null }] {
        return [{ s: () => null }];
      }
    }
    const callbacks = { onAuthRequest: () => true };
    let bound: object | undefined;
    const bind = (_acceptor: unknown, options: object): MemoryListener => {
      bound = options;
      return new MemoryListener();
    };
    new EZEZServer({ maxPayload: 5, heartbeatIntervalMs: undefined }, callbacks, bind);
    expect(bound).toMatchObject({ maxPayload: 5, heartbeatIntervalMs: 30_000, maxBackpressure: 4_194_304 });
    expect(errorOf(() => new EZEZServer(new Configuration(), callbacks, bind)).message).toMatch(/^serializerArgs/);
  });
});

describe("start", () => {
  it("listens, once", async () => {
    const { server, listener } = start();
    expect(server.address()).toBeNull();
    await server.start();
    expect(server.address()).toEqual({ address: "memory", port: 1 });
    expect(await rejectionOf(server.start())).toMatchObject({ code: "ALREADY_STARTED" });
    expect(listener.calls).toEqual(["listen"]);
    await server.close();
    expect(await rejectionOf(server.start())).toMatchObject({ code: "SERVER_CLOSED" });
    expect(listener.calls).toEqual(["listen", "stop"]);
    expect(server.address()).toBeNull();
  });

  it("rejects with the cause where it cannot listen, and can be closed", async () => {
    const { server, listener } = start();
    listener.failure = new Error("the port is taken");
    expect(await rejectionOf(server.start())).toBe(listener.failure);
    await server.close();
    expect(listener.calls).toEqual(["listen", "stop"]);
  });
});

describe.each<Closing>(["synchronously", "asynchronously"])("close, with sockets that close %s", (closing) => {
  it("closes every client with 1001, tells each, and resolves when all are gone", async () => {
    const { server, listener, open, connect, log } = start({}, {}, closing);
    await server.start();
    const sockets = [open(), open(), connect()];
    log.length = 0;
    const closed = server.close();
    expect(server.close()).toBe(closed);
    expect(server.close({ timeoutMs: 1 })).toBe(closed);
    expect(server.clients).toEqual([]);
    await settle();
    await closed;
    expect(sockets.map((socket) => socket.log)).toEqual([["close 1001"], ["close 1001"], ["close 1001"]]);
    expect(log).toEqual(["a onDisconnect 1001", "b onDisconnect 1001", "c onDisconnect 1001"]);
    expect(listener.calls).toEqual(["listen", "stop"]);
  });

  it("terminates those who do not answer in time", async () => {
    const { server, open } = start({}, {}, closing);
    await server.start();
    const sockets = [open(), open()];
    for (const socket of sockets) socket.answersClose = false;
    let closed = false;
    void server.close({ timeoutMs: 500 }).then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(2);
    expect(closed).toBe(true);
    expect(sockets.map((socket) => socket.log)).toEqual([
      ["close 1001", "terminate"],
      ["close 1001", "terminate"],
    ]);
  });

  it("waits for those that were closing already, too", async () => {
    const { server, open, log } = start({}, {}, closing);
    await server.start();
    const socket = open();
    socket.answersClose = false;
    server.clients[0]?.disconnect(4000, "x");
    const closed = server.close();
    await vi.advanceTimersByTimeAsync(2001);
    await closed;
    expect(socket.log).toEqual(["close 4000 x", "terminate"]);
    expect(log).toEqual(["a onDisconnect 4000 x"]);
  });

  it("a connection whose upgrade was under way is closed too", async () => {
    const { server, connect, log } = start({}, {}, closing);
    await server.start();
    await server.close();
    const socket = connect();
    await settle();
    expect(socket.log).toEqual(["close 1001"]);
    expect(log).toEqual(["a onDisconnect 1001"]);
  });

  it("a second auth message or a text during it is not dispatched", async () => {
    const { server, open, log } = start({}, {}, closing);
    await server.start();
    const socket = open();
    socket.answersClose = false;
    const closed = server.close();
    await Promise.resolve();
    socket.receive("a", 1, null);
    socket.receiveBytes("text");
    await vi.advanceTimersByTimeAsync(2001);
    await closed;
    expect(log).toEqual(["a onDisconnect 1001"]);
  });
});

describe("close", () => {
  it("of a server that was not started does not stop its listener", async () => {
    const { server, listener } = start();
    await server.close();
    expect(listener.calls).toEqual([]);
  });

  it("while it is about to listen waits for that", async () => {
    const { server, listener } = start();
    const started = server.start();
    const closed = server.close();
    await Promise.all([started, closed]);
    expect(listener.calls).toEqual(["listen", "stop"]);
  });

  it.each([-1, 1.5, Number.NaN, Infinity, "5"])("timeoutMs %o throws at the caller", async (timeoutMs) => {
    const { server } = start();
    expect(errorOf(() => server.close({ timeoutMs: timeoutMs as number })).message).toMatch(/^timeoutMs /);
    await server.close({ timeoutMs: 0 });
  });
});

describe("broadcast", () => {
  it("reaches the authenticated, with one message and an id from 2^48 on", async () => {
    const { server, open, connect } = start();
    const [first, second] = [open(), open()];
    const waiting = connect();
    expect(server.broadcast("news", ["x"])).toBe(2);
    expect(server.broadcast("news")).toBe(2);
    expect(first.received).toEqual([
      ["news", 2 ** 48, null, "x"],
      ["news", 2 ** 48 + 1, null],
    ]);
    expect(first.sent[0]).toEqual(second.sent[0]);
    expect(waiting.sent).toEqual([]);
    await end(first, second, waiting);
  });

  it("leaves out one client or several", async () => {
    const { server, open } = start();
    const sockets = [open(), open(), open()];
    const [first, second] = server.clients;
    if (first === undefined || second === undefined) throw new Error("no clients");
    expect(server.broadcast("news", [], { except: first })).toBe(2);
    expect(server.broadcast("news", [], { except: [first, second] })).toBe(1);
    expect(server.broadcast("news", [], { except: new Set(server.clients) })).toBe(0);
    expect(sockets.map((socket) => socket.sent.length)).toEqual([0, 1, 2]);
    await end(...sockets);
  });

  it("what cannot be sent throws, though there is nobody", () => {
    const { server } = start();
    expect(errorOf(() => server.broadcast("news", [() => 1])).code).toBe("NOT_SERIALIZABLE");
    expect(errorOf(() => server.broadcast("" as "news")).code).toBe("INVALID_EVENT_NAME");
    expect(server.broadcast("news")).toBe(0);
  });

  it("one that fails stops nothing, and is told; one that has gone is only not counted", async () => {
    const { server, open, log } = start({ sendAfterDisconnect: "throw" });
    const sockets = [open(), open(), open()];
    const [first, second] = sockets as [MemorySocket, MemorySocket];
    first.status = "dropped";
    second.send = () => {
      throw new Error("a runtime's");
    };
    expect(server.broadcast("news")).toBe(1);
    expect(log).toEqual(["b onError TRANSPORT_ERROR transport"]);
    await end(...sockets);
  });

  it("one that closes meanwhile stops nothing", async () => {
    const { server, open, log } = start({ maxBackpressure: 10 }, {}, "synchronously");
    const sockets = [open(), open(), open()];
    const [first] = sockets as [MemorySocket];
    first.status = "queued";
    first.bufferedAmount = 11;
    expect(server.broadcast("news")).toBe(3);
    expect(server.broadcast("news")).toBe(2);
    expect(server.clients).toHaveLength(2);
    await settle();
    expect(log).toEqual([
      "a onError SLOW_CONSUMER peer",
      "a onDisconnect 1013 more than 10 bytes wait for the peer to read",
    ]);
    await end(...sockets);
  });
});

describe("clients", () => {
  it("is a snapshot of the authenticated in the order in which they connected", async () => {
    const { server, connect, open } = start();
    const late = connect();
    const early = open();
    const before = server.clients;
    expect(before).toHaveLength(1);
    late.auth();
    const ids = server.clients.map((client) => client.connectionId);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(before).toHaveLength(1);
    await end(early, late);
    expect(server.clients).toEqual([]);
  });
});

describe("admission", () => {
  const started = async (...parameters: Parameters<typeof start>) => {
    const memory = start(...parameters);
    await memory.server.start();
    const admit = async (url?: string, headers?: [string, string][]) =>
      memory.acceptor.admit(handshakeOf(url, headers));
    return { ...memory, admit };
  };

  it("before start and after close is refused with 503", async () => {
    const { server, acceptor } = start();
    expect(statusOf(await acceptor.admit(handshakeOf()))).toBe(503);
    await server.start();
    expect(acceptor.admit(handshakeOf())).toEqual({ accepted: true, protocol: undefined });
    await server.close();
    expect(statusOf(await acceptor.admit(handshakeOf()))).toBe(503);
  });

  it("path, origin and subprotocol are looked at", async () => {
    const { admit, acceptor } = await started({ path: "/ws", allowedOrigins: ["https://a.example"] });
    expect(statusOf(await admit("/other"))).toBe(404);
    expect(statusOf(await admit("/ws", [["Origin", "https://b.example"]]))).toBe(403);
    expect(
      await admit("/ws?x", [
        ["Origin", "https://a.example"],
        ["Sec-WebSocket-Protocol", "p, q"],
      ]),
    ).toEqual({
      accepted: true,
      protocol: "p",
    });
    expect([acceptor.serves("/ws?x"), acceptor.serves("/other")]).toEqual([true, false]);
    expect([acceptor.refuse("/ws").status, acceptor.refuse("/other").status]).toEqual([426, 404]);
  });

  it("onUpgrade sees the request, and refuses or upgrades, at once or later", async () => {
    const request = createHandshake("/ws?room=1", [["X", "y"]], "::1");
    const seen: unknown[] = [];
    for (const answer of [true as const, { status: 401, headers: { "x-why": "no" }, body: "no" }]) {
      for (const given of [answer, Promise.resolve(answer)]) {
        const onUpgrade = (handshake: unknown) => {
          seen.push(handshake);
          return given;
        };
        const { acceptor } = await started({}, { onUpgrade });
        const admission = await acceptor.admit(request);
        expect(admission).toMatchObject(answer === true ? { accepted: true, protocol: undefined } : answer);
      }
    }
    expect(seen).toEqual([request, request, request, request]);
  });

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    ["rejects", () => Promise.reject(new Error("mine"))],
    ["gives nothing", () => undefined],
    ["resolves to nothing", () => Promise.resolve(undefined)],
    ["gives no status", () => ({ body: "x" })],
  ])("onUpgrade that %s is answered with 500 and told", async (_, onUpgrade) => {
    const { admit, log } = await started({}, { onUpgrade: onUpgrade as () => true });
    expect(statusOf(await admit())).toBe(500);
    expect(log).toEqual(["server onError CALLBACK_FAILED onUpgrade"]);
  });

  it("an origin predicate or handleProtocols that fails is answered with 500", async () => {
    const fail = (): never => {
      throw new Error("mine");
    };
    const first = await started({ allowedOrigins: fail });
    expect(statusOf(await first.admit())).toBe(500);
    const second = await started({ handleProtocols: fail });
    expect(statusOf(await second.admit("/", [["sec-websocket-protocol", "a"]]))).toBe(500);
    expect([...first.log, ...second.log]).toHaveLength(2);
  });

  it("above maxConnections is refused with 503, authenticated or not, and has room again after", async () => {
    const { admit, open, connect } = await started({ maxConnections: 2 });
    expect(statusOf(await admit())).toBe(101);
    const first = open();
    expect(statusOf(await admit())).toBe(101);
    const second = connect();
    expect(statusOf(await admit())).toBe(503);
    await end(first);
    expect(statusOf(await admit())).toBe(101);
    await end(second);
  });

  it("those admitted in one turn of the loop count; those whose peers are gone by then do not", async () => {
    const { admit } = await started({ maxConnections: 2 }, { onUpgrade: () => Promise.resolve(true) });
    const statuses = (await Promise.all([admit(), admit(), admit()])).map(statusOf);
    expect(statuses).toEqual([101, 101, 503]);
    await settle();
    expect(statusOf(await admit())).toBe(101);
    await settle();
  });

  it.each(["resolves", "rejects"])(
    "onUpgrade that takes longer than upgradeDecisionTimeoutMs is answered with 500 and told, and %s in vain",
    async (how) => {
      let decide = (): void => {};
      const decision = new Promise<true>((resolve, reject) => {
        decide = () => (how === "resolves" ? resolve(true) : reject(new Error("mine")));
      });
      const asked = vi.fn(() => false as const);
      const { admit, log } = await started(
        { upgradeDecisionTimeoutMs: 1000, handleProtocols: asked },
        { onUpgrade: () => decision },
      );
      const admission = admit("/", [["sec-websocket-protocol", "a"]]);
      await vi.advanceTimersByTimeAsync(999);
      expect(log).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(statusOf(await admission)).toBe(500);
      expect(log).toEqual(["server onError CALLBACK_FAILED onUpgrade"]);
      decide();
      await vi.advanceTimersByTimeAsync(0);
      expect(asked).not.toHaveBeenCalled();
      expect(log).toHaveLength(1);
    },
  );

  it("no timer is left of onUpgrade, once it has settled or the server is closed", async () => {
    const decisions = [Promise.resolve(true as const), Promise.reject(new Error("mine")), new Promise<true>(() => {})];
    const { admit, server } = await started({}, { onUpgrade: () => decisions.shift() ?? true });
    await admit();
    await admit();
    expect(vi.getTimerCount()).toBe(0);
    const pending = admit();
    expect(vi.getTimerCount()).toBe(1);
    await server.close();
    expect(statusOf(await pending)).toBe(503);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("onUpgrade that closes the server and never settles is answered with 503, and leaves no timer", async () => {
    const { admit, log, server } = await started(
      {},
      { onUpgrade: () => server.close().then(() => new Promise(() => {})) },
    );
    expect(statusOf(await admit())).toBe(503);
    expect(vi.getTimerCount()).toBe(0);
    expect(log).toEqual([]);
  });

  it("a decision after the close is 503", async () => {
    let decide: (answer: true) => void = () => {};
    const { admit, server } = await started(
      {},
      {
        onUpgrade: () =>
          new Promise<true>((resolve) => {
            decide = resolve;
          }),
      },
    );
    const admission = admit();
    await server.close();
    decide(true);
    expect(statusOf(await admission)).toBe(503);
  });
});

describe("errors", () => {
  it("of the runtime that belong to no connection are told", () => {
    const { acceptor, log } = start();
    acceptor.error(new Error("too many open files"));
    acceptor.error("no error");
    expect(log).toEqual(["server onError TRANSPORT_ERROR transport", "server onError TRANSPORT_ERROR transport"]);
  });

  const without = async (callbacks: object): Promise<MemorySocket> => {
    const socket = new MemorySocket("raw", "asynchronously");
    new EZEZServer({}, { onAuthRequest: () => true, ...callbacks }, (acceptor) => {
      socket.connect({ message() {}, queued() {}, drain() {}, pong() {}, pinged() {}, error() {}, close() {} });
      queueMicrotask(() => socket.connect(acceptor.accept(socket, handshakeOf())));
      return new MemoryListener();
    });
    await Promise.resolve();
    return socket;
  };

  it("without onError go to the console where they are a callback's, and nowhere otherwise", async () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    const cause = new Error("mine");
    const socket = await without({
      onMessage: () => {
        throw cause;
      },
    });
    socket.auth();
    socket.receive("a", 1, null);
    expect(printed.mock.calls).toEqual([
      [expect.objectContaining({ code: "CALLBACK_FAILED", stage: "onMessage", cause })],
    ]);
    socket.receiveBytes("text");
    await settle();
    expect(printed).toHaveBeenCalledTimes(1);
  });

  it.each(["throws", "rejects"])("onError that %s goes to the console", async (how) => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    const cause = new Error("mine");
    const socket = await without({
      onError: () => {
        if (how === "throws") throw cause;
        return Promise.reject(cause);
      },
    });
    socket.receiveBytes("text");
    await settle();
    expect(printed.mock.calls).toEqual([[cause]]);
  });

  it.each(["onAuthRequest", "onAuthOk", "onAuthRejected", "onMessage", "onDisconnect", "onDrain"])(
    "%s that throws is one error of that stage",
    async (stage) => {
      const failing = {
        [stage]: () => {
          throw new Error("mine");
        },
      };
      const { server, connect, log } = start({}, failing);
      const socket = connect();
      socket.auth(stage === "onAuthRejected" ? "wrong" : "key");
      socket.receive("a", 1, null);
      socket.status = "queued";
      server.clients[0]?.send("a");
      socket.handler.drain();
      await end(socket);
      expect(log.filter((line) => line.includes("onError"))).toEqual([`a onError CALLBACK_FAILED ${stage}`]);
      expect(log.filter((line) => line.startsWith("a onDisconnect"))).toHaveLength(1);
    },
  );

  it("a callback that never settles holds nothing up", async () => {
    const { open, log } = start({}, { onMessage: () => new Promise(() => {}) });
    const socket = open();
    socket.receive("a", 1, null);
    socket.receive("b", 2, null);
    expect(log).toEqual(["a onMessage a", "a onMessage b"]);
    await end(socket);
  });

  it("a callback that returns a thenable is watched; arguments that look like one are data", async () => {
    const { server, open, log } = start(
      {},
      // biome-ignore lint/suspicious/noThenProperty: what is tested
      { onMessage: () => ({ then: (_: unknown, reject: (cause: unknown) => void) => reject(new Error("mine")) }) },
    );
    const socket = open();
    const got: unknown[] = [];
    server.clients[0]?.on("a", (args) => args[0]);
    server.clients[0]?.on("a", (args) => got.push(args[0]));
    // biome-ignore lint/suspicious/noThenProperty: what is tested
    socket.receive("a", 1, null, { then: "data" });
    await settle();
    expect(log.slice(1)).toEqual(["a onError CALLBACK_FAILED onMessage"]);
    // biome-ignore lint/suspicious/noThenProperty: what is tested
    expect(got).toEqual([{ then: "data" }]);
    await end(socket);
  });
});

describe("timers", () => {
  it("are a few for a server, however many connections it has, and none without any", async () => {
    const { connect, open } = start({ heartbeatIntervalMs: 1000 });
    expect(vi.getTimerCount()).toBe(0);
    const sockets = [...Array.from({ length: 100 }, connect), ...Array.from({ length: 100 }, open)];
    // The heartbeat, the sweep, and the time for auth.
    expect(vi.getTimerCount()).toBe(3);
    await end(...sockets);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("the wall clock does not matter", async () => {
    const { connect, open, log } = start();
    const sockets = [open(), connect()];
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(4000);
    vi.setSystemTime(Date.now() - 7_200_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(log).toEqual([]);
    await end(...sockets);
  });
});
