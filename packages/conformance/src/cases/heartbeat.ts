import { expect } from "vitest";
import type { Area } from "../area.js";
import { Opcode } from "../frames.js";
import { until } from "../wait.js";

// For as many beats as a case waits for, where a runtime may take half a second for each.
const BEATS_MS = 15_000;

export const heartbeat: Area = ({ it, row: { capabilities } }) => {
  const byCore = capabilities.heartbeat === "core";
  // A runtime that beats by itself gives a peer up whose pong is late because the process was busy; the core does not.
  const beat = { heartbeatIntervalMs: byCore ? 60 : 500 };
  const lost = byCore
    ? { seen: { code: 1006, reason: "" }, error: "HEARTBEAT_LOST" }
    : { seen: expect.objectContaining({ code: 1001 }), error: "TRANSPORT_ERROR" };

  it("every client is pinged, authenticated or not", async (lab) => {
    const running = await lab.start(beat);
    const wires = [await running.open(), await running.authenticated()];
    for (const wire of wires) await until(() => wire.pings >= 2, "two pings came", BEATS_MS);
  });

  it("a client that answers pings stays", async (lab) => {
    const running = await lab.start(beat);
    const wire = await running.authenticated();
    await until(() => wire.pings >= 8, "eight pings came", BEATS_MS);
    expect(wire.isOpen).toBe(true);
    expect(running.count("onDisconnect")).toBe(0);
  });

  it("a client that sends messages and answers no ping stays", async (lab) => {
    const running = await lab.start(beat);
    const other = await running.authenticated();
    const wire = await running.authenticated({ answerPings: false });
    const talk = setInterval(() => wire.event("a"), 15);
    try {
      await until(() => (byCore ? wire : other).pings >= 8, "eight pings came", BEATS_MS);
      expect(wire.isOpen).toBe(true);
    } finally {
      clearInterval(talk);
    }
  });

  if (byCore) {
    it("a client that only pings, and answers none, stays", async (lab) => {
      const running = await lab.start(beat);
      const wire = await running.authenticated({ answerPings: false });
      const talk = setInterval(() => wire.frame(Opcode.ping), 15);
      try {
        await until(() => wire.pings >= 8, "eight pings came", BEATS_MS);
        expect(wire.isOpen).toBe(true);
      } finally {
        clearInterval(talk);
      }
    });
  }

  it("a silent client is ended: 1006 in onDisconnect, and one onError", async (lab) => {
    const running = await lab.start(beat);
    const { wire, client } = await running.pair({ answerPings: false });
    expect(await wire.closed()).toEqual(lost.seen);
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
    expect(running.errors.map((error) => error.code)).toEqual([lost.error]);
    expect(client.alive).toBe(false);
    expect(running.server.clients).toEqual([]);
  });

  it("a silent client that is not authenticated is ended as well", async (lab) => {
    const running = await lab.start(beat);
    const wire = await running.open({ answerPings: false });
    expect(await wire.closed()).toEqual(lost.seen);
  });

  it("0 disables: no ping comes, and a silent client stays", async (lab) => {
    const beating = await lab.start(beat);
    const running = await lab.start({ heartbeatIntervalMs: 0 });
    const quiet = await running.authenticated({ answerPings: false });
    const other = await beating.authenticated();
    // As long as another server takes for ten of its own.
    await until(() => other.pings >= 10, "ten pings came", BEATS_MS);
    expect(quiet.pings).toBe(0);
    expect(quiet.isOpen).toBe(true);
  });
};
