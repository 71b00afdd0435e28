import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import { FakeWebSocket } from "./fake-web-socket.js";
import { notOnBun, onBun, settled, setUp } from "./harness.js";
import { encode, Opcode, RawServer } from "./raw-server.js";

const context = setUp();
const { connect, ready } = context;

beforeEach(() => {
  FakeWebSocket.made = [];
});

afterEach(() => {
  vi.useRealTimers();
});

/** Proves that a client which would have connected again by now has not. */
const nothingMoreThan = async (attempts: number): Promise<void> => {
  context.random.mockReturnValue(0);
  const { client } = await ready();
  client.close();
  expect(context.server.attempts).toBe(attempts + 1);
};

/** A socket with what only that of ws has. */
class NodeLikeWebSocket extends FakeWebSocket {
  readonly terminate = vi.fn();
}

/** Lets the next timer fire, and gives how long it took, in fake time. */
const nextDelay = (): number => {
  const before = performance.now();
  vi.advanceTimersToNextTimer();
  return performance.now() - before;
};

describe("a connection", () => {
  it("is made at once, with the subprotocols and the extra argument", async () => {
    const { EZEZWebSocketClient } = await import("@ezez-ws/client");
    const client = new EZEZWebSocketClient(context.server.url, ["chat", "other"], {
      WSConstructor: NodeWebSocket,
      wsConstructorExtraArg: { headers: { "x-extra": "yes" } },
    });
    const { request } = await context.server.nextPeer();
    expect(request).toMatch(/^sec-websocket-protocol: chat,other\r$/im);
    expect(request).toMatch(/^x-extra: yes\r$/im);
    await vi.waitFor(() => expect(client.client?.protocol).toBe("chat"));
    client.close();
  });

  it("shows in alive and client: open from onConnect to onDisconnect", async () => {
    const seen: [string, boolean, boolean][] = [];
    const see = (name: string): void => void seen.push([name, client.alive, client.client === null]);
    const { client, journal } = connect(
      {},
      { onConnect: () => see("onConnect"), onAuthOk: () => see("onAuthOk"), onDisconnect: () => see("onDisconnect") },
    );
    see("at first");
    const peer = await context.server.nextPeer();
    await peer.accept();
    await journal.call("onAuthOk");
    const raw = client.client;
    expect(raw).toBeInstanceOf(onBun ? WebSocket : NodeWebSocket);
    peer.close(1001);
    await context.server.nextPeer();
    await journal.call("onConnect", 2);
    expect(client.client).not.toBe(raw);
    expect(seen).toEqual([
      // Where it has to be imported, that takes a moment.
      ["at first", false, !onBun],
      ["onConnect", true, false],
      ["onAuthOk", true, false],
      ["onDisconnect", false, true],
      ["onConnect", true, false],
    ]);
  });

  it("ends with one onDisconnect, with the server's code and reason", async () => {
    const { journal, peer } = await ready();
    peer.close(4000, "see you");
    await journal.call("onConnect", 2);
    expect(journal.named("onDisconnect")).toEqual([[4000, "see you"]]);
  });

  it("ends with 1005 where the server gave no code, and comes back", async () => {
    const { journal, peer } = await ready();
    peer.write(Buffer.from([0x88, 0]));
    expect(await journal.call("onDisconnect")).toEqual([1005, ""]);
    await context.server.nextPeer();
  });

  it.each([1001, 1002, 1003, 1008, 1009, 1011, 1013, 4000, 4401])("comes back after close code %i", async (code) => {
    const { journal, peer } = await ready();
    peer.close(code);
    expect(await journal.call("onDisconnect")).toEqual([code, ""]);
    await (await context.server.nextPeer()).accept();
    await journal.call("onAuthOk", 2);
  });

  it("comes back after it broke (1006)", async () => {
    const { journal, peer } = await ready();
    peer.destroy();
    expect(await journal.call("onDisconnect")).toEqual([1006, ""]);
    await context.server.nextPeer();
  });

  it("does not come back after close code 1000, and drops what was queued", async () => {
    const { client, journal, peer } = await ready();
    peer.close(1000, "bye");
    expect(await journal.call("onDisconnect")).toEqual([1000, "bye"]);
    expect(client.send("event", [])).toBeUndefined();
    await nothingMoreThan(1);
  });

  it("does not come back with autoReconnect: false", async () => {
    const { client, journal, peer } = await ready({ autoReconnect: false });
    peer.destroy();
    await journal.call("onDisconnect");
    expect(client.send("event", [])).toBeUndefined();
    await nothingMoreThan(1);
  });
});

describe("the attempts", () => {
  it("wait longer each time where the server accepts and closes at once", () => {
    vi.useFakeTimers();
    context.random.mockReturnValue(0.5);
    connect({ WSConstructor: FakeWebSocket });
    const delays = Array.from({ length: 9 }, () => {
      FakeWebSocket.last.open();
      FakeWebSocket.last.receive(encode("ezez-ws::auth-ok"));
      FakeWebSocket.last.end(1001);
      return nextDelay();
    });
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  it("begin anew after a connection that was stable for 10 s", () => {
    vi.useFakeTimers();
    context.random.mockReturnValue(0.5);
    connect({ WSConstructor: FakeWebSocket });
    const delays = [0, 9999, 10_000, 0].map((stable) => {
      FakeWebSocket.last.open();
      FakeWebSocket.last.receive(encode("ezez-ws::auth-ok"));
      vi.advanceTimersByTime(stable);
      FakeWebSocket.last.end(1001);
      return nextDelay();
    });
    expect(delays).toEqual([250, 500, 250, 500]);
  });

  it("wait longer also after 10 s over which the server did not accept the client", () => {
    vi.useFakeTimers();
    context.random.mockReturnValue(0.5);
    connect({ WSConstructor: FakeWebSocket });
    const delays = [true, false, false].map((accepts) => {
      FakeWebSocket.last.open();
      if (accepts) FakeWebSocket.last.receive(encode("ezez-ws::auth-ok"));
      else vi.advanceTimersByTime(60_000);
      FakeWebSocket.last.end(1001);
      return nextDelay();
    });
    expect(delays).toEqual([250, 500, 1000]);
  });

  it("wait 5 s or more after close code 4429", () => {
    vi.useFakeTimers();
    connect({ WSConstructor: FakeWebSocket });
    const first = FakeWebSocket.last;
    first.open();
    first.end(4429);
    vi.advanceTimersByTime(4999);
    expect(FakeWebSocket.last).toBe(first);
    vi.advanceTimersByTime(1000);
    expect(FakeWebSocket.last).not.toBe(first);
  });

  it("go on where the WebSocket class throws, each with one CONNECT_FAILED", async () => {
    let failures = 0;
    class Failing extends FakeWebSocket {
      constructor(url: string | URL, protocols: string | string[] | undefined, extra: unknown) {
        super(url, protocols, extra);
        if (FakeWebSocket.made.length > 1 && ++failures < 4) throw new Error("out of sockets");
      }
    }
    const { journal } = connect({ WSConstructor: Failing });
    FakeWebSocket.last.open();
    FakeWebSocket.last.end(1006);
    await vi.waitFor(() => expect(FakeWebSocket.made).toHaveLength(5));
    expect(journal.errors).toEqual(["CONNECT_FAILED", "CONNECT_FAILED", "CONNECT_FAILED"]);
    FakeWebSocket.last.open();
    expect(journal.named("onConnect")).toHaveLength(2);
  });

  it.each<[string, RawServer["handshake"]]>([
    ["closes without a handshake", (socket) => socket.destroy()],
    ["answers 503", (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")],
    ["answers garbage", (socket) => socket.end("\u0000\u0001garbage\r\n\r\n")],
    [
      "answers with a wrong accept key",
      (socket) =>
        socket.end(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
        ),
    ],
  ])("go on where the server %s, each with one CONNECT_FAILED and no onDisconnect", async (_name, misbehave) => {
    context.server.handshake = (socket, request, upgrade) => {
      if (context.server.attempts < 4) misbehave(socket, request, upgrade);
      else upgrade();
    };
    const { client, journal } = connect();
    client.send("event", ["kept"]);
    const peer = await context.server.nextPeer();
    await peer.accept();
    expect((await peer.next())[3]).toBe("kept");
    expect(journal.errors).toEqual(["CONNECT_FAILED", "CONNECT_FAILED", "CONNECT_FAILED"]);
    expect(journal.named("onError")[0]?.[0]).toMatchObject({ stage: "connect", cause: expect.any(Error) });
    expect(journal.named("onDisconnect")).toEqual([]);
    await journal.call("onAuthOk");
  });

  it("go on where nobody listens", async () => {
    const gone = await RawServer.start();
    const { url } = gone;
    await gone.stop();
    const { journal } = connect({}, {}, url);
    await journal.call("onError", 3);
    expect(new Set(journal.errors)).toEqual(new Set(["CONNECT_FAILED"]));
  });

  it("end after the first with autoReconnect: false", async () => {
    context.server.handshake = (socket) => socket.destroy();
    const { client, journal } = connect({ autoReconnect: false });
    await journal.call("onError");
    expect(client.send("event", [])).toBeUndefined();
    context.server.handshake = (_socket, _request, upgrade) => upgrade();
    await nothingMoreThan(1);
  });
});

describe("the heartbeat", () => {
  const silent = notOnBun("Bun's WebSocket does not tell of pings and pongs");

  it.skipIf(onBun)(
    `terminates a connection over which nothing came for two intervals, and connects again${silent}`,
    async () => {
      const { journal, peer } = await ready({ heartbeatIntervalMs: 150 });
      peer.polite = false;
      expect((await journal.call("onError"))[0]).toMatchObject({ code: "HEARTBEAT_LOST" });
      await peer.gone;
      expect(await journal.call("onDisconnect")).toEqual([1006, ""]);
      await context.server.nextPeer();
    },
  );

  it.skipIf(onBun).each<[string, (peer: { sendText(text: string): void; write(bytes: Uint8Array): void }) => void]>([
    ["pongs", () => undefined],
    ["pings", (peer) => peer.write(Buffer.from([0x80 | Opcode.ping, 0]))],
    ["messages", (peer) => peer.sendText("x")],
  ])(`is content with %s${silent}`, async (name, show) => {
    const { client, journal, peer } = await ready({ heartbeatIntervalMs: 150 });
    peer.polite = name === "pongs";
    const raw = client.client as NodeWebSocket;
    const pings = vi.spyOn(raw, "ping");
    const timer = setInterval(() => show(peer), 5);
    await vi.waitFor(() => expect(pings.mock.calls.length).toBeGreaterThan(4), { timeout: 10_000 });
    clearInterval(timer);
    expect(journal.errors).toEqual([]);
    expect(client.client).toBe(raw);
  });

  it("gives up an attempt that the server never answers", async () => {
    context.server.handshake = (_socket, _request, upgrade) => {
      if (context.server.attempts > 1) upgrade();
    };
    const { journal } = connect({ heartbeatIntervalMs: 15 });
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "CONNECT_FAILED" });
    await context.server.nextPeer();
    expect(journal.named("onDisconnect")).toEqual([]);
  });

  it("gives up an attempt after two intervals also where the socket can terminate and not ping", async () => {
    vi.useFakeTimers();
    const { journal } = connect({ WSConstructor: NodeLikeWebSocket, heartbeatIntervalMs: 10 });
    vi.advanceTimersByTime(19);
    expect(journal.errors).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(journal.errors).toEqual(["CONNECT_FAILED"]);
    expect(FakeWebSocket.last.closes).toHaveLength(1);
    vi.advanceTimersByTime(5);
    FakeWebSocket.last.open();
    vi.advanceTimersByTime(60_000);
    expect(journal.errors).toEqual(["CONNECT_FAILED"]);
  });

  it("does not exist with 0, nor on sockets that cannot ping", () => {
    vi.useFakeTimers();
    const { client, journal } = connect({ WSConstructor: FakeWebSocket, heartbeatIntervalMs: 10 });
    FakeWebSocket.last.open();
    vi.advanceTimersByTime(60_000);
    expect(client.alive).toBe(true);
    expect(journal.errors).toEqual([]);
  });
});

describe("close", () => {
  it("closes with 1000, and onDisconnect follows asynchronously, once", async () => {
    const { client, journal, peer } = await ready();
    client.close();
    expect(client.alive).toBe(false);
    expect(client.client).toBeNull();
    expect(journal.named("onDisconnect")).toEqual([]);
    client.close();
    await settled();
    expect(journal.named("onDisconnect")).toEqual([[1000, ""]]);
    await peer.gone;
    expect(peer.closedWith).toEqual({ code: 1000, reason: "" });
    expect(journal.named("onDisconnect")).toHaveLength(1);
  });

  it("terminates after 2 s where the server does not finish the closing handshake", () => {
    vi.useFakeTimers();
    const { client } = connect({ WSConstructor: NodeLikeWebSocket });
    const socket = FakeWebSocket.last as NodeLikeWebSocket;
    socket.open();
    client.close();
    vi.advanceTimersByTime(1999);
    expect(socket.terminate).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(socket.terminate).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer where the server has finished it, nor after a failed attempt", () => {
    vi.useFakeTimers();
    const { client } = connect({ WSConstructor: NodeLikeWebSocket });
    FakeWebSocket.last.end(1006);
    vi.advanceTimersToNextTimer();
    FakeWebSocket.last.open();
    client.close();
    FakeWebSocket.last.end(1000);
    expect(FakeWebSocket.made).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives up pending replies", async () => {
    const { client, journal, peer } = await ready();
    const onReply = vi.fn();
    client.send("ask", [], onReply);
    const [, id] = await peer.next();
    client.close();
    expect(client.awaitingRepliesCount).toBe(0);
    peer.send("answer", 1, id);
    await peer.gone;
    expect(onReply).not.toHaveBeenCalled();
    expect(journal.named("onMessage")).toEqual([]);
  });

  it("may be called in every callback", async () => {
    for (const name of ["onConnect", "onAuthOk", "onDisconnect", "onError"] as const) {
      const { client, journal } = connect({}, { [name]: () => client.close() });
      const peer = await context.server.nextPeer();
      if (name === "onConnect") {
        await peer.gone;
        expect(peer.unread).toBe(0);
      } else {
        await peer.accept();
        if (name === "onError") peer.sendBytes(Buffer.from("broken"));
        else if (name === "onDisconnect") peer.close(1001);
      }
      await journal.call("onDisconnect");
      await peer.gone;
    }
    await nothingMoreThan(4);
  });

  const states: [string, (socket: FakeWebSocket) => void][] = [
    ["connecting", () => undefined],
    ["open and making the key", (socket) => socket.open()],
    ["waiting for auth-ok", (socket) => socket.open()],
    [
      "ready",
      (socket) => {
        socket.open();
        socket.receive(encode("ezez-ws::auth-ok"));
      },
    ],
    ["waiting for the next attempt", (socket) => socket.end(1006)],
    [
      "closing",
      (socket) => {
        socket.open();
        socket.receive(encode("ezez-ws::auth-ok"));
        socket.readyState = 2;
      },
    ],
    [
      "stopped",
      (socket) => {
        socket.open();
        socket.receive(encode("ezez-ws::auth-rejected", "Invalid auth key"));
      },
    ],
  ];

  it.each(states)("opens nothing afterwards and leaves no timer, 100 times while %s", async (name, bring) => {
    vi.useFakeTimers();
    for (let i = 0; i < 100; i++) {
      const auth = name === "open and making the key" ? () => Promise.resolve("key") : "key";
      const { client } = connect({ WSConstructor: FakeWebSocket, auth });
      const socket = FakeWebSocket.last;
      bring(socket);
      if (i % 2 === 1) client.send("event", [], () => undefined);
      client.close();
      expect(vi.getTimerCount()).toBe(0);
      expect(client.awaitingRepliesCount).toBe(0);
      await vi.advanceTimersByTimeAsync(120_000);
      socket.end(1000);
      await vi.advanceTimersByTimeAsync(120_000);
      expect(socket.sent).toHaveLength(
        ["ready", "waiting for auth-ok", "closing", "stopped"].includes(name) ? socket.sent.length : 0,
      );
    }
    expect(FakeWebSocket.made).toHaveLength(100);
    expect(vi.getTimerCount()).toBe(0);
  });
});
