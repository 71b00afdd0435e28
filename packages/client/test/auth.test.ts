import { describe, expect, it, vi } from "vitest";
import { FakeWebSocket } from "./fake-web-socket.js";
import { settled, setUp } from "./harness.js";
import { encode } from "./raw-server.js";

const context = setUp();
const { connect, ready } = context;

/** Proves that a client which would have connected again by now has not. */
const nothingMoreThan = async (attempts: number): Promise<void> => {
  context.random.mockReturnValue(0);
  const { client } = await ready();
  client.close();
  expect(context.server.attempts).toBe(attempts + 1);
};

describe("the auth message", () => {
  it("is the first message, byte for byte", async () => {
    const { client } = connect({ auth: "key" }, { onConnect: () => client.send("early", []) });
    const peer = await context.server.nextPeer();
    const { data } = await peer.nextFrame();
    expect(data.toString("hex")).toBe("31336600657a657a2d77733a3a6175746800336600" + "6b65790035" + "6a00226e3a312200");
    expect(peer.unread).toBe(0);
  });

  it("holds an empty key by default", async () => {
    connect();
    expect(await (await context.server.nextPeer()).next()).toEqual(["ezez-ws::auth", "", 1]);
  });

  it.each([
    ["a function", () => "key"],
    ["an async function", async () => "key"],
  ])("asks %s for the key at each attempt", async (_name, give) => {
    const auth = vi.fn(give);
    connect({ auth });
    for (let attempt = 1; attempt <= 3; attempt++) {
      const peer = await context.server.nextPeer();
      expect(await peer.next()).toEqual(["ezez-ws::auth", "key", 1]);
      expect(auth).toHaveBeenCalledTimes(attempt);
      peer.close(1001);
    }
  });

  it("sees a function's newest key after a rejection that may pass", async () => {
    let key = "old";
    connect(
      { auth: () => key },
      {
        onAuthRejected: () => {
          key = "new";
        },
      },
    );
    const first = await context.server.nextPeer();
    await first.next();
    first.send("ezez-ws::auth-rejected", "Auth verification failed");
    expect(await (await context.server.nextPeer()).next()).toEqual(["ezez-ws::auth", "new", 1]);
  });

  it.each<[string, () => string | Promise<string>]>([
    [
      "throws",
      () => {
        throw new Error("no token");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no token"))],
    ["gives no string", () => 5 as unknown as string],
  ])("is retried where the function %s, which is reported", async (_name, fail) => {
    const auth = vi.fn(fail);
    const { journal } = connect({ auth: () => (auth.mock.calls.length < 2 ? auth() : "key") });
    await context.server.nextPeer();
    const [error] = await journal.call("onError");
    expect(error).toMatchObject({ code: "CALLBACK_FAILED", stage: "auth", cause: expect.any(Error) });
    await journal.call("onDisconnect");
    await context.server.nextPeer();
    const third = await context.server.nextPeer();
    expect(await third.next()).toEqual(["ezez-ws::auth", "key", 1]);
  });

  it("is not sent where the key comes after the connection has ended", async () => {
    let give: (key: string) => void = () => undefined;
    const old = new Promise<string>((resolve) => {
      give = resolve;
    });
    const auth = vi.fn(async () => "new").mockReturnValueOnce(old);
    const { journal } = connect({ auth });
    const first = await context.server.nextPeer();
    await journal.call("onConnect");
    first.close(1001);
    const second = await context.server.nextPeer();
    expect(await second.next()).toEqual(["ezez-ws::auth", "new", 1]);
    give("old");
    second.send("ezez-ws::auth-ok");
    await journal.call("onAuthOk");
    expect(second.unread).toBe(0);
    expect(journal.errors).toEqual([]);
  });

  it("is not sent, and opens nothing anew, where the key comes after close", async () => {
    let give: (key: string) => void = () => undefined;
    const key = new Promise<string>((resolve) => {
      give = resolve;
    });
    const { client, journal } = connect({ auth: () => key, WSConstructor: FakeWebSocket });
    const socket = FakeWebSocket.last;
    socket.open();
    client.close();
    give("late");
    await settled();
    socket.open();
    socket.receive(encode("event", 1, null));
    expect(socket.sent).toEqual([]);
    expect(client.client).toBeNull();
    expect(journal.named("onMessage")).toEqual([]);
  });

  it("is not sent with auth: null, and the queue goes out on open, without onAuthOk", async () => {
    const { client, journal } = connect({ auth: null }, { onConnect: () => client.send("second", [2]) });
    client.send("first", [1]);
    const peer = await context.server.nextPeer();
    expect((await peer.next()).slice(3)).toEqual([1]);
    expect((await peer.next()).slice(3)).toEqual([2]);
    client.send("third", [3]);
    expect((await peer.next()).slice(3)).toEqual([3]);
    expect(journal.named("onAuthOk")).toEqual([]);
  });
});

describe("auth-ok", () => {
  it("may have further arguments, which are ignored", async () => {
    const { journal } = connect();
    const peer = await context.server.nextPeer();
    await peer.next();
    peer.send("ezez-ws::auth-ok", { capabilities: 1 }, "more");
    await journal.call("onAuthOk");
    expect(journal.entries).toEqual([["onConnect"], ["onAuthOk"]]);
  });

  it("is followed by onAuthOk at each connection", async () => {
    const { journal, peer } = await ready();
    peer.destroy();
    await (await context.server.nextPeer()).accept();
    await journal.call("onAuthOk", 2);
    expect(journal.entries).toEqual([
      ["onConnect"],
      ["onAuthOk"],
      ["onDisconnect", 1006, ""],
      ["onConnect"],
      ["onAuthOk"],
    ]);
  });
});

describe("auth-rejected", () => {
  it.each([
    ["an invalid key", "Invalid auth key", "Invalid auth key"],
    ["another version", "Protocol version mismatch, wanted 1, got 2", "Protocol version mismatch, wanted 1, got 2"],
    ["a reason that is not known", "Nobody knows", "Nobody knows"],
    ["a reason that is no text", 5, ""],
    ["a reason longer than a close frame takes", "x".repeat(1000), "x".repeat(1000)],
  ])("for %s stops for good and clears the queue", async (_name, given, reason) => {
    const onReply = vi.fn();
    let sentInCallback: unknown = "not called";
    const { client, journal } = connect(
      {},
      {
        onAuthRejected: () => {
          sentInCallback = client.send("late", []);
        },
      },
    );
    client.send("queued", [], onReply);
    expect(client.awaitingRepliesCount).toBe(1);
    const peer = await context.server.nextPeer();
    await peer.next();
    peer.send("ezez-ws::auth-rejected", given);
    await journal.call("onDisconnect");
    await peer.gone;
    expect(journal.entries).toEqual([["onConnect"], ["onAuthRejected", reason], ["onDisconnect", 4401, reason]]);
    expect(sentInCallback).toBeUndefined();
    expect(client.send("late", [])).toBeUndefined();
    expect(client.awaitingRepliesCount).toBe(0);
    expect(client.alive).toBe(false);
    expect(client.client).toBeNull();
    expect(peer.unread).toBe(0);
    expect(onReply).not.toHaveBeenCalled();
    await nothingMoreThan(1);
  });

  it.each([
    ["Auth verification failed", 4401],
    ["Auth timeout", 4408],
  ])("with %s connects again and keeps the queue", async (reason, code) => {
    const { client, journal } = connect();
    client.send("queued", ["kept"]);
    const peer = await context.server.nextPeer();
    await peer.next();
    peer.send("ezez-ws::auth-rejected", reason);
    const second = await context.server.nextPeer();
    await second.accept();
    expect((await second.next()).slice(2)).toEqual([null, "kept"]);
    expect(journal.entries.slice(0, 3)).toEqual([
      ["onConnect"],
      ["onAuthRejected", reason],
      ["onDisconnect", code, reason],
    ]);
  });

  it("ends a connection whose key is still being made", async () => {
    const { journal } = connect({ auth: () => new Promise<string>(() => undefined) });
    const peer = await context.server.nextPeer();
    peer.send("ezez-ws::auth-rejected", "Auth timeout");
    await journal.call("onAuthRejected");
    await context.server.nextPeer();
  });

  it("lets nothing through that comes behind it", async () => {
    const { journal } = connect();
    const peer = await context.server.nextPeer();
    await peer.next();
    peer.send("ezez-ws::auth-rejected", "Invalid auth key");
    peer.send("ezez-ws::auth-ok");
    peer.send("event", 1, null);
    peer.sendBytes(encode("broken").subarray(3));
    peer.sendText("text");
    await journal.call("onDisconnect");
    await peer.gone;
    await settled();
    expect(journal.entries.map(([name]) => name)).toEqual(["onConnect", "onAuthRejected", "onDisconnect"]);
  });
});
