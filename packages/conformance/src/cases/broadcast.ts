import { expect } from "vitest";
import type { Area } from "../area.js";
import { encode } from "../messages.js";
import { gate, until } from "../wait.js";

export const broadcast: Area = ({ it }) => {
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
};
