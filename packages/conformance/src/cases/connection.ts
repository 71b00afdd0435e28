import { EZEZError } from "@ezez-ws/core";
import { expect } from "vitest";
import type { Area } from "../area.js";
import { until } from "../wait.js";

const USUAL_MS = 5000;
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const NO_CLOSE_CODES = [
  -1,
  0,
  999,
  1004,
  1005,
  1006,
  1015,
  1016,
  2000,
  2999,
  5000,
  65_536,
  1000.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];

export const connection: Area = ({ it, row: { capabilities } }) => {
  const { freesClosedSocketMs: givenUpMs } = capabilities;

  it("disconnect() closes with 1000 and without a reason", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.disconnect();
    expect(await wire.closed()).toEqual({ code: 1000, reason: "" });
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1000, ""]]);
    expect(running.errors).toEqual([]);
  });

  it("disconnect accepts 1000-1003, 1007-1014 and 3000-4999, which the peer sees as they are", async (lab) => {
    const running = await lab.start();
    for (const code of CLOSE_CODES) {
      const { wire, client } = await running.pair();
      client.disconnect(code, `reason ${code}`);
      expect(await wire.closed()).toEqual({ code, reason: `reason ${code}` });
    }
    await running.called("onDisconnect", CLOSE_CODES.length);
    expect(running.given("onDisconnect")).toEqual(CLOSE_CODES.map((code) => [code, `reason ${code}`]));
  });

  it("disconnect throws at the caller for another code, and the connection goes on", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const codes: unknown[] = [...NO_CLOSE_CODES, "1000", null, {}];
    for (const code of codes) {
      const error = thrownBy(() => client.disconnect(code as number));
      expect(error, String(code)).toBeInstanceOf(EZEZError);
      expect(error).toMatchObject({ code: "INVALID_CLOSE_CODE" });
    }
    expect(client.alive).toBe(true);
    client.send("a", ["still here"]);
    expect((await wire.next())[3]).toBe("still here");
  });

  it("disconnect takes a reason of 123 bytes of UTF-8, whole", async (lab) => {
    const running = await lab.start();
    for (const reason of ["x".repeat(123), `${"ż".repeat(61)}x`, `${"🦀".repeat(30)}xyz`]) {
      const { wire, client } = await running.pair();
      client.disconnect(4000, reason);
      expect(await wire.closed()).toEqual({ code: 4000, reason });
    }
  });

  it("a lone surrogate in a reason is sent as U+FFFD", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.disconnect(4000, "half of \ud83d");
    expect(await wire.closed()).toEqual({ code: 4000, reason: "half of \ufffd" });
  });

  it("disconnect throws at the caller for a reason over 123 bytes, and the connection goes on", async (lab) => {
    const running = await lab.start();
    const { client } = await running.pair();
    const reasons: unknown[] = ["x".repeat(124), "ż".repeat(62), "🦀".repeat(31), 5, null];
    for (const reason of reasons) {
      const error = thrownBy(() => client.disconnect(4000, reason as string));
      expect(error).toBeInstanceOf(EZEZError);
      expect(error).toMatchObject({ code: "INVALID_CLOSE_REASON" });
    }
    expect(client.alive).toBe(true);
  });

  it("a second disconnect changes nothing, but is still checked", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.disconnect(4000, "first");
    client.disconnect(4001, "second");
    expect(thrownBy(() => client.disconnect(1))).toMatchObject({ code: "INVALID_CLOSE_CODE" });
    expect(await wire.closed()).toEqual({ code: 4000, reason: "first" });
    client.disconnect();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[4000, "first"]]);
  });

  it("after disconnect alive is false at once, the client is out of clients, and onDisconnect follows asynchronously", async (lab) => {
    const running = await lab.start();
    const { client } = await running.pair();
    expect([client.alive, running.server.clients]).toEqual([true, [client]]);
    client.disconnect();
    expect([client.alive, running.server.clients, running.count("onDisconnect")]).toEqual([false, [], 0]);
    await running.called("onDisconnect");
  });

  it("onDisconnect does not wait for the peer to finish the closing handshake", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair({ finishesClosing: false });
    client.disconnect(4000, "ours");
    await running.called("onDisconnect", 1, 1000);
    await wire.closing();
    wire.close(4999, "theirs");
    await wire.gone(givenUpMs);
    expect(running.given("onDisconnect")).toEqual([[4000, "ours"]]);
  });

  it("nothing more from the peer is dispatched after disconnect", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair({ finishesClosing: false });
    client.on("a", () => client.context);
    client.disconnect();
    for (let i = 0; i < 100; i++) wire.event("a", i);
    wire.text("text");
    wire.binary(Buffer.from("-5f\0"));
    wire.auth();
    await wire.gone(givenUpMs);
    expect(running.messages).toEqual([]);
    expect(running.errors).toEqual([]);
    expect(running.given("onDisconnect")).toEqual([[1000, ""]]);
  });

  it("messages that are in the same segment as the one that closes are not dispatched", async (lab) => {
    const running = await lab.start({}, { onMessage: (client) => client.disconnect() });
    const wire = await running.authenticated();
    for (let i = 0; i < 10; i++) wire.event("a", i);
    await wire.closed();
    await running.called("onDisconnect");
    expect(running.messages).toEqual([["a", 0]]);
  });

  for (const [what, goesOn] of Object.entries({ "finishes nothing": false, "goes on sending": true })) {
    it(`a peer that ${what} after our close frame is terminated`, async (lab) => {
      const running = await lab.start();
      const { wire, client } = await running.pair({ finishesClosing: false });
      const closedAt = performance.now();
      client.disconnect();
      expect(await wire.closing()).toEqual({ code: 1000, reason: "" });
      const sending = goesOn ? setInterval(() => wire.event("a"), 5) : undefined;
      try {
        await wire.gone(givenUpMs);
      } finally {
        clearInterval(sending);
      }
      if (givenUpMs > USUAL_MS) expect(performance.now() - closedAt).toBeGreaterThan(givenUpMs / 2);
    });
  }

  it("a peer that sends its close frame and keeps its TCP connection is gone for the application", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair({ finishesClosing: false });
    wire.close(4001, "bye");
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[4001, "bye"]]);
    expect([client.alive, running.server.clients]).toEqual([false, []]);
    await wire.gone(givenUpMs);
  });

  it("whether a connection counts until the peer has finished the closing handshake is as the row says", async (lab) => {
    const running = await lab.start({ maxConnections: 1 });
    const { wire, client } = await running.pair({ finishesClosing: false });
    client.disconnect();
    await wire.closing();
    expect((await running.upgradeAnswer()).status).toBe(capabilities.closesSynchronously ? 101 : 503);
  });

  it("onDisconnect has the peer's code and reason", async (lab) => {
    const running = await lab.start();
    for (const [code, reason] of [
      [1000, ""],
      [1001, "going away"],
      [4000, "ż🦀"],
      [4999, "x".repeat(123)],
    ] as const) {
      const wire = await running.authenticated();
      wire.close(code, reason);
      expect((await wire.closed()).code).toBe(code);
    }
    await running.called("onDisconnect", 4);
    expect(running.given("onDisconnect")).toEqual([
      [1000, ""],
      [1001, "going away"],
      [4000, "ż🦀"],
      [4999, "x".repeat(123)],
    ]);
  });

  it("onDisconnect has the peer's code from 1012 to 3999, where the runtime reads it", async (lab) => {
    const running = await lab.start();
    const codes = [1012, 1013, 1014, 3000, 3999];
    for (const code of codes) {
      const wire = await running.authenticated();
      wire.close(code, "bye");
      await wire.closed();
    }
    await running.called("onDisconnect", codes.length);
    expect(running.given("onDisconnect")).toEqual(
      codes.map((code) => {
        const { readsRegisteredCloseCodes, readsCloseCode1014 } = capabilities;
        return (code === 1014 ? readsCloseCode1014 : readsRegisteredCloseCodes) ? [code, "bye"] : [1006, ""];
      }),
    );
  });

  it("onDisconnect has 1005 where the peer gave no code", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.close();
    await wire.closed();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1005, ""]]);
  });

  it("onDisconnect has 1006 where the peer vanished with a reset", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.reset();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
    await running.answersOthers();
  });

  it("onDisconnect has 1006 where the peer ended TCP without a close frame", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.endTcp();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
    await wire.closed();
  });

  it("onDisconnect has 1006 where the peer vanished in the middle of a frame", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.frame(2, Buffer.from("part"), { declaredLength: 1000n });
    wire.frame(2, Buffer.from("part"));
    wire.destroy();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
    expect(running.messages).toEqual([]);
  });

  it("onDisconnect is called exactly once for each connection, authenticated or not", async (lab) => {
    const running = await lab.start();
    const wires = [await running.open(), await running.authenticated(), await running.open()];
    wires[0]?.close(1000);
    wires[1]?.close(1000);
    wires[1]?.close(1000);
    wires[2]?.reset();
    await running.called("onDisconnect", 3);
    await running.answersOthers();
    await running.called("onDisconnect", 4);
    expect(running.count("onDisconnect")).toBe(4);
  });

  it("onDisconnect is called once where both sides close at the same time", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    wire.close(3001, "theirs");
    client.disconnect(4000, "ours");
    await wire.closed();
    await running.called("onDisconnect");
    await running.answersOthers();
    expect(running.given("onDisconnect")[0]).toEqual([4000, "ours"]);
  });

  it("the callbacks of one connection come in order", async (lab) => {
    const running = await lab.start();
    const { wire } = await running.pair();
    wire.event("a");
    wire.event("b");
    wire.close(1000);
    await running.called("onDisconnect");
    expect(running.calls.map(({ name }) => name)).toEqual([
      "onUpgrade",
      "onAuthRequest",
      "onAuthOk",
      "onMessage",
      "onMessage",
      "onDisconnect",
    ]);
  });

  it("alive is false, and the client is out of clients, in onDisconnect", async (lab) => {
    const seen: unknown[] = [];
    const running = await lab.start(
      {},
      { onDisconnect: (client) => seen.push(client.alive, client.authenticated, running.server.clients.length) },
    );
    const { wire } = await running.pair();
    wire.close(1000);
    await running.called("onDisconnect");
    expect(seen).toEqual([false, true, 0]);
  });

  it('send after the close gives undefined with sendAfterDisconnect "ignore", the default', async (lab) => {
    const running = await lab.start();
    const ours = await running.pair();
    ours.client.disconnect();
    expect(ours.client.send("a")).toBeUndefined();
    expect(ours.client.send("a", [], () => 0)).toBeUndefined();
    const theirs = await running.pair();
    theirs.wire.close(1000);
    await until(() => !theirs.client.alive, "the client is closed");
    expect(theirs.client.send("a")).toBeUndefined();
    expect([ours.client, theirs.client].map((client) => client.awaitingRepliesCount)).toEqual([0, 0]);
  });

  it('send after the close throws with sendAfterDisconnect "throw"', async (lab) => {
    const running = await lab.start({ sendAfterDisconnect: "throw" });
    const ours = await running.pair();
    ours.client.disconnect();
    const theirs = await running.pair();
    theirs.wire.reset();
    await until(() => !theirs.client.alive, "the client is closed");
    for (const { client } of [ours, theirs]) {
      const error = thrownBy(() => client.send("a", [], () => 0));
      expect(error).toBeInstanceOf(EZEZError);
      expect(error).toMatchObject({ code: "DISCONNECTED" });
      expect(client.awaitingRepliesCount).toBe(0);
    }
  });

  it("listeners may still be added and removed after the close", async (lab) => {
    const running = await lab.start();
    const { client } = await running.pair();
    client.disconnect();
    client.on("a", () => 0).off("a");
    await running.called("onDisconnect");
    client.once("a", () => 0).off("a");
  });
};

const thrownBy = (call: () => unknown): unknown => {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("it threw nothing");
};
