import { expect } from "vitest";
import type { Area } from "../area.js";
import { encode } from "../messages.js";
import { gate, until } from "../wait.js";

export const broadcast: Area = ({ it, alone }) => {
  it("broadcast reaches every authenticated client in one and the same frame, with an id from 2^48", async (lab) => {
    const running = await lab.start();
    const wires = [await running.authenticated(), await running.authenticated(), await running.authenticated()];
    expect(running.server.broadcast("a", ["all", { of: "you" }])).toBe(3);
    const frames = await Promise.all(wires.map((wire) => wire.bytes()));
    expect(frames[1]).toEqual(frames[0]);
    expect(frames[2]).toEqual(frames[0]);
    expect(frames[0]).toEqual(encode("a", 2 ** 48, null, "all", { of: "you" }));
    running.server.broadcast("b");
    expect(await wires[0]?.next()).toEqual(["b", 2 ** 48 + 1, null]);
  });

  it("broadcast reaches authenticated clients only: zero bytes to the others", async (lab) => {
    const decision = gate<boolean>();
    const running = await lab.start({}, { onAuthRequest: (_, key) => (key === "slow" ? decision.passed : true) });
    const silent = await running.open();
    const deciding = await running.open();
    deciding.auth("slow");
    await running.called("onAuthRequest");
    const accepted = await running.authenticated();
    expect(running.server.broadcast("a", ["secret"])).toBe(1);
    expect((await accepted.next())[3]).toBe("secret");
    decision.open(true);
    expect(await deciding.next()).toEqual(["ezez-ws::auth-ok"]);
    await silent.authenticate();
    expect([deciding.unread, silent.unread]).toEqual([[], []]);
  });

  it("broadcast before start, without clients and after close reaches nobody", async (lab) => {
    const running = lab.construct();
    expect(running.server.broadcast("a")).toBe(0);
    await running.server.start();
    expect(running.server.broadcast("a")).toBe(0);
    await running.server.close();
    expect(running.server.broadcast("a")).toBe(0);
  });

  it("except leaves out one client, or several of any iterable", async (lab) => {
    const running = await lab.start();
    const pairs = [await running.pair(), await running.pair(), await running.pair()];
    const [a, b, c] = pairs.map(({ client }) => client);
    if (a === undefined || b === undefined || c === undefined) throw new Error("no clients");
    expect(running.server.broadcast("a", [1], { except: a })).toBe(2);
    expect(running.server.broadcast("a", [2], { except: [a, b] })).toBe(1);
    expect(running.server.broadcast("a", [3], { except: new Set([c]) })).toBe(2);
    expect(running.server.broadcast("a", [4], { except: running.server.clients })).toBe(0);
    expect(running.server.broadcast("a", [5], { except: [] })).toBe(3);
    expect(running.server.broadcast("a", [6], {})).toBe(3);
    const heard: unknown[][] = [];
    for (const { wire } of pairs) {
      const own: unknown[] = [];
      while (own.at(-1) !== 6) own.push((await wire.next())[3]);
      heard.push(own);
    }
    expect(heard).toEqual([
      [3, 5, 6],
      [1, 3, 5, 6],
      [1, 2, 5, 6],
    ]);
  });

  it("one client that has left stops nothing, also where send after the close throws", async (lab) => {
    const running = await lab.start({ sendAfterDisconnect: "throw" });
    const [first, second, third] = [await running.pair(), await running.pair(), await running.pair()];
    second.client.disconnect();
    expect(running.server.broadcast("a")).toBe(2);
    for (const { wire } of [first, third]) expect((await wire.next())[0]).toBe("a");
    third.wire.reset();
    expect(running.server.broadcast("b")).toBeGreaterThanOrEqual(1);
    expect((await first.wire.next())[0]).toBe("b");
    expect(running.errors.filter(({ code }) => code === "CALLBACK_FAILED")).toEqual([]);
  });

  it("broadcast serialises once", async (lab) => {
    let times = 0;
    const running = await lab.start({
      serializerArgs: [
        {
          D: (value) => {
            if (!(value instanceof Date)) return null;
            times++;
            return value.toISOString();
          },
        },
      ],
    });
    const wires = [await running.authenticated(), await running.authenticated(), await running.authenticated()];
    running.server.broadcast("a", [new Date(0)]);
    await Promise.all(wires.map((wire) => wire.bytes()));
    expect(times).toBe(1);
  });

  it("clients are the authenticated ones, in connection order, in a snapshot", async (lab) => {
    const running = await lab.start();
    const first = await running.open();
    const second = await running.open();
    await running.open();
    await second.authenticate();
    const alone = running.server.clients;
    expect(alone).toHaveLength(1);
    await first.authenticate();
    const both = running.server.clients;
    expect(both.map(({ connectionId }) => connectionId)).toEqual(
      both.map(({ connectionId }) => connectionId).sort((a, b) => a - b),
    );
    expect(both[1]).toBe(alone[0]);
    expect([alone.length, both.length]).toEqual([1, 2]);
    second.close(1000);
    await running.called("onDisconnect");
    expect(running.server.clients).toEqual([both[0]]);
    expect(both).toHaveLength(2);
    both.length = 0;
    expect(running.server.clients).toHaveLength(1);
  });

  it("a client that disconnects others during a broadcast's callbacks harms no one", async (lab) => {
    const running = await lab.start({}, { onMessage: () => running.server.broadcast("b") });
    const pairs = [await running.pair(), await running.pair(), await running.pair()];
    pairs[1]?.client.on("a", () => pairs[0]?.client.disconnect());
    pairs[1]?.wire.event("a");
    await running.called("onDisconnect");
    expect((await pairs[2]?.wire.next())?.[0]).toBe("b");
    expect(running.server.clients).toHaveLength(2);
  });

  it("two servers in one process do not hear each other's broadcasts", async (lab) => {
    const [first, second] = [await lab.start(), await lab.start()];
    const one = await first.authenticated();
    const two = await second.authenticated();
    first.server.broadcast("a");
    second.server.broadcast("b");
    expect((await one.next())[0]).toBe("a");
    expect((await two.next())[0]).toBe("b");
    expect([one.unread, two.unread]).toEqual([[], []]);
  });

  it("broadcast keeps its place among the messages of one client", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    for (let i = 0; i < 50; i++) {
      client.send("b", [i]);
      running.server.broadcast("a", [i]);
    }
    for (let i = 0; i < 50; i++) {
      expect((await wire.next()).filter((_, at) => at !== 1)).toEqual(["b", null, i]);
      expect((await wire.next()).filter((_, at) => at !== 1)).toEqual(["a", null, i]);
    }
  });

  it("a client may be closed in the middle of a broadcast", async (lab) => {
    const running = await lab.start({ maxBackpressure: 1, slowConsumer: "disconnect" });
    const stalled = await running.pair({ finishesClosing: false });
    stalled.wire.pause();
    const wire = await running.authenticated();
    const chunk = new Uint8Array(256 * 1024);
    await until(() => stalled.client.send("b", [chunk]) === undefined, "the stalled client is refused");
    expect(running.server.broadcast("a", ["news"])).toBe(1);
    expect((await wire.next())[3]).toBe("news");
  });

  it("broadcast keeps its place also for those left out, within a callback and right before a close", async (lab) => {
    const running = await lab.start();
    const [first, second] = [await running.pair(), await running.pair()];
    first.client.on("c", () => {
      for (let i = 0; i < 3; i++) {
        running.server.broadcast("a", [i]);
        second.client.send("b", [i]);
        running.server.broadcast("a", [`not you ${i}`], { except: second.client });
      }
      running.server.broadcast("a", ["last"]);
      second.client.disconnect(4000, "bye");
      running.server.broadcast("a", ["behind the close"]);
    });
    first.wire.event("c");
    const heard = async (wire: typeof first.wire, last: string): Promise<unknown[]> => {
      const values: unknown[] = [];
      while (values.at(-1) !== last) values.push((await wire.next())[3]);
      return values;
    };
    expect(await heard(second.wire, "last")).toEqual([0, 0, 1, 1, 2, 2, "last"]);
    expect(await second.wire.closed()).toEqual({ code: 4000, reason: "bye" });
    expect(await heard(first.wire, "behind the close")).toEqual([
      0,
      "not you 0",
      1,
      "not you 1",
      2,
      "not you 2",
      "last",
      "behind the close",
    ]);
  });

  it("a client that onAuthRequest is still deciding on, or that was rejected, gets no broadcast behind others' sends", async (lab) => {
    const running = await lab.start({}, { onAuthRequest: (_, key) => key === "key" });
    const { client } = await running.pair();
    const rejected = await running.open({ finishesClosing: false });
    rejected.auth("wrong");
    await running.called("onAuthRejected");
    client.send("b");
    expect(running.server.broadcast("a", ["secret"])).toBe(1);
    expect(await rejected.next()).toEqual(["ezez-ws::auth-rejected", "Invalid auth key"]);
    expect((await rejected.closing()).code).toBe(4401);
    expect(rejected.unread).toEqual([]);
  });

  alone(
    "broadcasts alone are refused above maxBackpressure, and go on in order once the peer has read",
    async (lab) => {
      const running = await lab.start({ maxBackpressure: 256 * 1024, slowConsumer: "drop" });
      const slow = await running.pair();
      const quick = await running.pair();
      slow.wire.pause();
      const chunk = new Uint8Array(64 * 1024);
      let taken = 0;
      for (;;) {
        const times = running.server.broadcast("a", [taken, chunk]);
        expect((await quick.wire.next())[3]).toBe(taken);
        if (times === 1) break;
        expect(times).toBe(2);
        taken++;
      }
      expect(running.server.broadcast("a", ["refused again"])).toBe(1);
      expect(slow.client.send("a")).toBeUndefined();
      expect(running.errors.map(({ code }) => code)).toEqual(["SLOW_CONSUMER"]);
      expect(slow.client.bufferedAmount).toBeGreaterThan(256 * 1024);
      expect(slow.client.bufferedAmount).toBeLessThan(512 * 1024);
      // For the quick one, too, something may have waited a moment, and before the kernel's buffers were full.
      const drains = (): number => running.of("onDrain").filter((call) => call.client === slow.client).length;
      const before = drains();
      slow.wire.resume();
      for (let i = 0; i < taken; i++) expect((await slow.wire.next())[3]).toBe(i);
      await until(() => drains() > before, "onDrain was called for the slow one");
      expect(running.server.broadcast("a", ["again"])).toBe(2);
      slow.client.send("b", ["and alone"]);
      expect((await slow.wire.next())[3]).toBe("again");
      expect((await slow.wire.next())[3]).toBe("and alone");
      expect(drains()).toBe(before + 1);
    },
  );

  alone("broadcasts alone end a slow client with 1013, and lose nothing sent before", async (lab) => {
    const running = await lab.start({ maxBackpressure: 256 * 1024 });
    const slow = await running.pair();
    slow.wire.pause();
    const chunk = new Uint8Array(64 * 1024);
    let taken = 0;
    while (running.server.broadcast("a", [taken, chunk]) === 1) taken++;
    await running.called("onDisconnect");
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([1013]);
    slow.wire.resume();
    for (let i = 0; i < taken; i++) expect((await slow.wire.next())[3]).toBe(i);
    expect((await slow.wire.closed()).code).toBe(1013);
  });

  alone("small broadcasts of one turn end a slow client as well, and lose nothing sent before", async (lab) => {
    const running = await lab.start({ maxBackpressure: 64 * 1024 });
    const slow = await running.pair();
    slow.wire.pause();
    const chunk = new Uint8Array(1000);
    let taken = 0;
    while (running.server.broadcast("a", [taken, chunk]) === 1) taken++;
    slow.wire.resume();
    for (let i = 0; i < taken; i++) expect((await slow.wire.next())[3]).toBe(i);
    expect((await slow.wire.closed()).code).toBe(1013);
  });

  alone("onDrain is called where only broadcasts had waited, and not where none had", async (lab) => {
    const running = await lab.start({ maxBackpressure: 2 ** 30 });
    const { wire, client } = await running.pair();
    running.server.broadcast("a", [0]);
    await wire.next();
    await running.answersOthers();
    expect(running.count("onDrain")).toBe(0);
    wire.pause();
    const chunk = new Uint8Array(64 * 1024);
    let sent = 0;
    await until(() => {
      running.server.broadcast("a", [sent++, chunk]);
      return client.bufferedAmount > 0;
    }, "the peer's buffers are full");
    wire.resume();
    for (let i = 0; i < sent; i++) expect((await wire.next())[3]).toBe(i);
    await running.called("onDrain");
    expect(running.count("onDrain")).toBe(1);
  });
};
