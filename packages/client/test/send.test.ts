import { EZEZError } from "@ezez-ws/client";
import { describe, expect, it, vi } from "vitest";
import { FakeWebSocket } from "./fake-web-socket.js";
import { setUp } from "./harness.js";
import { decode, encode, Opcode } from "./raw-server.js";

const context = setUp();
const { connect, ready } = context;

const withCode = (code: string) => expect.objectContaining({ name: "EZEZError", code });

/** The arguments of the next messages. */
const nextArgs = async (peer: { next(): Promise<unknown[]> }, count: number): Promise<unknown[]> => {
  const all: unknown[] = [];
  for (let i = 0; i < count; i++) all.push(...(await peer.next()).slice(3));
  return all;
};

const argument = (bytes: string | Uint8Array): unknown => decode(bytes as Uint8Array)[3];

describe("send", () => {
  it("sends name, id, null and the arguments, which the reference decoder reads", async () => {
    const { client, peer } = await ready();
    const bytes = new Uint8Array([1, 2, 3]);
    const ids = client.send("event", ["text", 1n, { b: undefined, a: [true, null] }, bytes]);
    expect(await peer.next()).toEqual([
      "event",
      ids?.eventId,
      null,
      "text",
      1n,
      { b: undefined, a: [true, null] },
      Buffer.from(bytes),
    ]);
    expect(ids?.replyTo).toBeNull();
  });

  it("takes missing arguments for none", async () => {
    const { client, peer } = await ready();
    client.send("event", undefined as unknown as []);
    expect((await peer.next()).slice(2)).toEqual([null]);
  });

  it("uses custom serializers in both directions", async () => {
    const day = new Date(0);
    const { peer, journal, client } = await ready({
      serializerArgs: [{ date: (value) => (value instanceof Date ? value.toISOString() : null) }, { sortProps: false }],
      unserializerArgs: [{ date: (text) => new Date(text) }],
    });
    client.send("event", [{ b: 1, a: day }]);
    const { data } = await peer.nextFrame();
    expect(data.toString()).toContain('{"b":"n:1","a":"date:1970-01-01T00:00:00.000Z"}');
    peer.sendBytes(data);
    expect((await journal.call("onMessage"))[1]).toEqual([{ b: 1, a: day }]);
  });

  it("numbers from a random start below 2^31, and never repeats a number over connections", async () => {
    context.random.mockReturnValue(0.5);
    const { client, peer } = await ready();
    context.random.mockReturnValue(0.001);
    const first = client.send("event", []);
    expect(first?.eventId).toBe(2 ** 30);
    await peer.next();
    peer.destroy();
    const second = await context.server.nextPeer();
    await second.accept();
    client.send("event", []);
    expect((await second.next())[1]).toBe(2 ** 30 + 1);
  });

  it.each([
    ["a function", [() => 1]],
    ["a circular object", [Object.assign([], { 0: null }) as unknown[]]],
    ["an argument that is not a list", "args" as unknown as unknown[]],
  ])("throws at the caller for %s, in every state, and harms no neighbour", async (_name, poison) => {
    if (Array.isArray(poison[0])) poison[0].push(poison[0]);
    const { client } = connect();
    client.send("event", ["before"]);
    expect(() => client.send("event", poison)).toThrow(withCode("NOT_SERIALIZABLE"));
    client.send("event", ["after"]);
    const peer = await context.server.nextPeer();
    await peer.accept();
    expect(await nextArgs(peer, 2)).toEqual(["before", "after"]);
    expect(() => client.send("event", poison)).toThrow(withCode("NOT_SERIALIZABLE"));
    client.send("event", ["last"]);
    expect(await nextArgs(peer, 1)).toEqual(["last"]);
  });

  it.each([
    ["empty", ""],
    ["reserved", "ezez-ws::auth"],
    ["of 257 bytes", "x".repeat(257)],
  ])("throws for an event name that is %s", (_name, name) => {
    const { client } = connect();
    expect(() => client.send(name, [])).toThrow(withCode("INVALID_EVENT_NAME"));
  });

  it("does not see what becomes of arguments after it", async () => {
    const { client } = connect();
    const value = { v: 1 };
    const bytes = new Uint8Array([1]);
    client.send("event", [value, bytes]);
    value.v = 2;
    bytes[0] = 2;
    const peer = await context.server.nextPeer();
    await peer.accept();
    expect(await nextArgs(peer, 1)).toEqual([{ v: 1 }, Buffer.from([1])]);
  });
});

describe("the queue", () => {
  it("delivers each message once and in order, whatever the state it was sent in", async () => {
    const { client, journal } = connect(
      {},
      {
        onConnect: () => void client.send("event", [2]),
        onAuthOk: () => void client.send("event", [4]),
      },
    );
    client.send("event", [1]);
    const peer = await context.server.nextPeer();
    await peer.next();
    client.send("event", [3]);
    expect(peer.unread).toBe(0);
    peer.send("ezez-ws::auth-ok");
    await journal.call("onAuthOk");
    client.send("event", [5]);
    expect(await nextArgs(peer, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(peer.unread).toBe(0);
  });

  it("holds what is sent while disconnected, and in onDisconnect, for the next connection", async () => {
    const { client, journal, peer } = await ready({}, { onDisconnect: () => void client.send("event", ["offline"]) });
    peer.destroy();
    await journal.call("onDisconnect");
    client.send("event", ["waiting"]);
    const second = await context.server.nextPeer();
    await second.accept();
    expect(await nextArgs(second, 2)).toEqual(["offline", "waiting"]);
  });

  it("has gone out before onAuthOk", () => {
    let sent = 0;
    const { client } = connect(
      { WSConstructor: FakeWebSocket },
      {
        onAuthOk: () => {
          sent = FakeWebSocket.last.sent.length;
        },
      },
    );
    for (let i = 0; i < 100; i++) client.send("event", [i]);
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(encode("ezez-ws::auth-ok"));
    expect(sent).toBe(101);
  });

  it("neither loses nor repeats a message where the connection drops during the flush", async () => {
    const { client } = connect({ WSConstructor: FakeWebSocket });
    const onReply = vi.fn();
    for (let i = 0; i < 10; i++) client.send("event", [i], onReply);
    const first = FakeWebSocket.last;
    first.open();
    const send = vi.spyOn(first, "send").mockImplementation((data) => {
      first.sent.push(data);
      // The peer is gone, and the close event will come later.
      if (first.sent.length === 6) first.readyState = 2;
    });
    first.receive(encode("ezez-ws::auth-ok"));
    expect(send).toHaveBeenCalledTimes(5);
    expect(client.awaitingRepliesCount).toBe(10);
    client.send("event", [10]);
    first.end(1006);
    expect(client.awaitingRepliesCount).toBe(5);
    await vi.waitFor(() => expect(FakeWebSocket.last).not.toBe(first));
    const second = FakeWebSocket.last;
    second.open();
    second.receive(encode("ezez-ws::auth-ok"));
    expect([...first.sent.slice(1), ...second.sent.slice(1)].map(argument)).toEqual([...Array(11).keys()]);
  });

  it("stays before what is sent during its flush, by a listener of a socket that delivers at once", () => {
    const { client } = connect({ WSConstructor: FakeWebSocket }, { onMessage: () => void client.send("event", [3]) });
    for (const n of [0, 1, 2]) client.send("event", [n]);
    const socket = FakeWebSocket.last;
    socket.open();
    vi.spyOn(socket, "send").mockImplementation((data) => {
      socket.sent.push(data);
      if (argument(data) === 0) socket.receive(encode("event", 1, null));
    });
    socket.receive(encode("ezez-ws::auth-ok"));
    expect(socket.sent.slice(1).map(argument)).toEqual([0, 1, 2, 3]);
  });

  it("throws QUEUE_FULL over 1,000 messages, and delivers those it took", async () => {
    const { client } = connect();
    for (let i = 0; i < 1000; i++) client.send("event", [i]);
    expect(() => client.send("event", ["one more"])).toThrow(withCode("QUEUE_FULL"));
    const peer = await context.server.nextPeer();
    await peer.accept();
    expect(await nextArgs(peer, 1000)).toEqual([...Array(1000).keys()]);
    client.send("event", ["there is room again"]);
    expect(await nextArgs(peer, 1)).toEqual(["there is room again"]);
  });

  it("throws QUEUE_FULL over 1 MiB, before open and before auth-ok", async () => {
    const { client } = connect();
    client.send("event", ["x".repeat(1024 * 1024 - 200)]);
    expect(() => client.send("event", ["x".repeat(200)])).toThrow(EZEZError);
    const peer = await context.server.nextPeer();
    await peer.next();
    expect(() => client.send("event", ["x".repeat(200)])).toThrow(withCode("QUEUE_FULL"));
  });

  it("counts queued messages with onReply among those that wait, and answers them later", async () => {
    const onReply = vi.fn();
    const { client } = connect({ maxAwaitingReplies: 2 });
    client.send("ask", [1], onReply);
    client.send("ask", [2], onReply);
    expect(client.awaitingRepliesCount).toBe(2);
    expect(() => client.send("ask", [3], onReply)).toThrow(withCode("TOO_MANY_AWAITING_REPLIES"));
    const peer = await context.server.nextPeer();
    await peer.accept();
    const [, id] = await peer.next();
    expect(client.awaitingRepliesCount).toBe(2);
    peer.send("answer", 1, id, "yes");
    await vi.waitFor(() =>
      expect(onReply).toHaveBeenCalledWith("answer", ["yes"], expect.any(Function), { eventId: 1, replyTo: id }),
    );
    expect(client.awaitingRepliesCount).toBe(1);
  });
});

describe("sendWhenNotConnected", () => {
  it("ignore: gives undefined while not connected, and queues between open and auth-ok", async () => {
    const { client } = connect({ sendWhenNotConnected: "ignore" });
    expect(client.send("event", ["lost"])).toBeUndefined();
    const peer = await context.server.nextPeer();
    await peer.next();
    expect(client.send("event", ["kept"])).toEqual({ eventId: expect.any(Number), replyTo: null });
    peer.send("ezez-ws::auth-ok");
    expect(await nextArgs(peer, 1)).toEqual(["kept"]);
  });

  it("throw: throws DISCONNECTED while not connected, and after close", async () => {
    const { client, journal } = connect({ sendWhenNotConnected: "throw" });
    expect(() => client.send("event", [])).toThrow(withCode("DISCONNECTED"));
    expect(() => client.sendJson({})).toThrow(withCode("DISCONNECTED"));
    const peer = await context.server.nextPeer();
    await peer.next();
    client.send("event", ["kept"]);
    peer.send("ezez-ws::auth-ok");
    expect(await nextArgs(peer, 1)).toEqual(["kept"]);
    await journal.call("onAuthOk");
    client.close();
    expect(() => client.send("event", [])).toThrow(withCode("DISCONNECTED"));
    expect(() => client.sendJson({})).toThrow(withCode("DISCONNECTED"));
  });

  it("queueAfterAuth: does not queue after close, since it would never be sent", async () => {
    const { client } = connect();
    client.send("event", [], () => undefined);
    client.close();
    expect(client.awaitingRepliesCount).toBe(0);
    expect(client.send("event", [], () => undefined)).toBeUndefined();
    expect(client.awaitingRepliesCount).toBe(0);
    expect(client.sendJson({})).toBe(false);
  });
});

describe("sendJson", () => {
  it("sends JSON as a text message once open, also before auth-ok, and never queues", async () => {
    const { client, journal } = connect();
    expect(client.sendJson({ a: 1 })).toBe(false);
    const peer = await context.server.nextPeer();
    await peer.next();
    await journal.call("onConnect");
    expect(client.sendJson({ a: [1, "ü"] })).toBe(true);
    expect(await peer.nextFrame()).toEqual({ opcode: Opcode.text, data: Buffer.from('{"a":[1,"ü"]}') });
  });

  it.each([[undefined], [() => 1], [1n]])("throws for %s, which has no JSON", async (value) => {
    const { client } = connect();
    expect(() => client.sendJson(value)).toThrow(withCode("NOT_SERIALIZABLE"));
  });
});
