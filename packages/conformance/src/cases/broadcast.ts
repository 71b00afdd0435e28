import { expect } from "vitest";
import type { Area } from "../area.js";
import { until } from "../wait.js";

const FIRST_BROADCAST_ID = 2 ** 48;

export const broadcast: Area = ({ it }) => {
  it("reaches every authenticated client, and says how many", async (lab) => {
    const running = await lab.start();
    const wires = [await running.authenticated(), await running.authenticated()];
    expect(running.server.broadcast("a", ["news", 1n])).toBe(2);
    for (const wire of wires) expect(await wire.next()).toEqual(["a", expect.any(Number), null, "news", 1n]);
  });

  it("never reaches a client that is not authenticated", async (lab) => {
    const running = await lab.start({}, { onAuthRequest: (_client, key) => key === "key" });
    const stranger = await running.open();
    expect(running.server.broadcast("a", ["secret"])).toBe(0);
    await running.authenticated();
    expect(running.server.broadcast("a", ["secret"])).toBe(1);
    stranger.auth("wrong");
    expect(await stranger.next()).toEqual(["ezez-ws::auth-rejected", "Invalid auth key"]);
    await stranger.closed();
    expect(stranger.unread).toEqual([]);
  });

  it("never reaches a client whose key is being decided on", async (lab) => {
    let decide: (accepted: boolean) => void = () => undefined;
    const running = await lab.start({}, { onAuthRequest: () => new Promise((resolve) => (decide = resolve)) });
    const wire = await running.open();
    wire.auth();
    await running.called("onAuthRequest");
    expect(running.server.broadcast("a", ["secret"])).toBe(0);
    decide(true);
    expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
  });

  it("is one frame for all: the same id from 2^48 upwards, counted up by one", async (lab) => {
    const running = await lab.start();
    const wires = [await running.authenticated(), await running.authenticated()];
    running.server.broadcast("a", []);
    running.server.broadcast("a", []);
    for (const wire of wires) {
      expect((await wire.next())[1]).toBe(FIRST_BROADCAST_ID);
      expect((await wire.next())[1]).toBe(FIRST_BROADCAST_ID + 1);
    }
  });

  it("except leaves out one client, or several", async (lab) => {
    const running = await lab.start();
    const [one, two, three] = [await running.pair(), await running.pair(), await running.pair()];
    expect(running.server.broadcast("a", [1], { except: one.client })).toBe(2);
    expect(running.server.broadcast("a", [2], { except: [one.client, two.client] })).toBe(1);
    expect(running.server.broadcast("a", [3], { except: new Set([three.client]) })).toBe(2);
    expect(running.server.broadcast("a", [4], { except: [] })).toBe(3);
    const args = async (wire: typeof one.wire, count: number): Promise<unknown[]> => {
      const got: unknown[] = [];
      for (let i = 0; i < count; i++) got.push((await wire.next())[3]);
      return got;
    };
    expect(await args(one.wire, 2)).toEqual([3, 4]);
    expect(await args(two.wire, 3)).toEqual([1, 3, 4]);
    expect(await args(three.wire, 3)).toEqual([1, 2, 4]);
  });

  it("keeps its place among the messages of one client", async (lab) => {
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

  it("one client that has gone stops nothing, in either mode of sendAfterDisconnect", async (lab) => {
    for (const sendAfterDisconnect of ["ignore", "throw"] as const) {
      const running = await lab.start({ sendAfterDisconnect });
      const gone = await running.pair();
      const wire = await running.authenticated();
      gone.client.disconnect();
      expect(running.server.broadcast("a", ["news"])).toBe(1);
      expect((await wire.next())[3]).toBe("news");
    }
  });

  it("a client may leave in the middle of one", async (lab) => {
    const running = await lab.start({ maxBackpressure: 1, slowConsumer: "disconnect" });
    const stalled = await running.pair({ finishesClosing: false });
    stalled.wire.pause();
    const wire = await running.authenticated();
    const chunk = new Uint8Array(256 * 1024);
    await until(() => stalled.client.send("b", [chunk]) === undefined, "the stalled client is refused");
    expect(running.server.broadcast("a", ["news"])).toBe(1);
    expect((await wire.next())[3]).toBe("news");
  });

  it("what cannot be encoded throws at the caller and reaches nobody", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    expect(() => running.server.broadcast("a", [() => undefined])).toThrow(
      expect.objectContaining({ code: "NOT_SERIALIZABLE" }),
    );
    expect(running.server.broadcast("a", ["after it"])).toBe(1);
    expect((await wire.next())[3]).toBe("after it");
  });

  it("args may be undefined or left out", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    running.server.broadcast("a");
    running.server.broadcast("a", undefined);
    expect((await wire.next()).slice(2)).toEqual([null]);
    expect((await wire.next()).slice(2)).toEqual([null]);
  });

  it("clients are the authenticated ones in the order in which they connected, a snapshot", async (lab) => {
    const running = await lab.start();
    await running.open();
    const [one, two] = [await running.pair(), await running.pair()];
    const before = running.server.clients;
    expect(before).toEqual([one.client, two.client]);
    one.client.disconnect();
    expect(running.server.clients).toEqual([two.client]);
    expect(before).toEqual([one.client, two.client]);
  });
};
