import { expect } from "vitest";
import type { Area } from "../area.js";
import { encodeFrame, Opcode } from "../frames.js";
import type { Client } from "../row.js";
import { until } from "../wait.js";

const KiB = 1024;
const chunk = new Uint8Array(64 * KiB);
// Far more than the kernel's buffers take.
const MANY = 1000;

/**
 * Sends until a message was refused, in one turn of the loop in which the peer cannot read; returns how many were taken.
 */
const fill = (client: Client): number => {
  for (let sent = 0; sent < MANY; sent++) {
    if (client.send("a", [sent, chunk]) === undefined) return sent;
  }
  throw new Error("no message was refused");
};

export const backpressure: Area = ({ it, alone, row: { capabilities } }) => {
  it("bufferedAmount is 0 at first, and grows while the peer does not read", async (lab) => {
    const running = await lab.start({ maxBackpressure: 2 ** 30 });
    const { wire, client } = await running.pair();
    expect(client.bufferedAmount).toBe(0);
    wire.pause();
    for (let i = 0; i < MANY && client.bufferedAmount === 0; i++) client.send("a", [i, chunk]);
    expect(client.bufferedAmount).toBeGreaterThan(0);
  });

  alone("what waits for a slow peer comes in order once it reads, and onDrain is called once", async (lab) => {
    const running = await lab.start({ maxBackpressure: 2 ** 30 });
    const { wire, client } = await running.pair();
    wire.pause();
    const count = 300;
    for (let i = 0; i < count; i++) client.send("a", [i, chunk]);
    expect(client.bufferedAmount).toBeGreaterThan(0);
    wire.resume();
    for (let i = 0; i < count; i++) expect((await wire.next())[3]).toBe(i);
    await running.called("onDrain");
    await until(() => client.bufferedAmount === 0, "the buffer is empty");
    await running.answersOthers();
    expect(running.count("onDrain")).toBe(1);
    expect(running.errors).toEqual([]);
  });

  it("onDrain is not called where nothing ever waited", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    for (let i = 0; i < 20; i++) client.send("a", [i]);
    for (let i = 0; i < 20; i++) await wire.next();
    await running.answersOthers();
    expect(running.count("onDrain")).toBe(0);
  });

  alone('slowConsumer "disconnect", the default, closes with 1013 once maxBackpressure is passed', async (lab) => {
    const running = await lab.start({ maxBackpressure: 256 * KiB });
    const { wire, client } = await running.pair();
    wire.pause();
    const sent = fill(client);
    expect(client.alive).toBe(false);
    expect(client.awaitingRepliesCount).toBe(0);
    await running.called("onDisconnect");
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([1013]);
    expect(running.errors.map(({ code }) => code)).toEqual(["SLOW_CONSUMER"]);
    wire.resume();
    for (let i = 0; i < sent; i++) expect((await wire.next())[3]).toBe(i);
    expect((await wire.closed()).code).toBe(1013);
  });

  alone('slowConsumer "drop" refuses the message, with one onError per episode', async (lab) => {
    const running = await lab.start({ maxBackpressure: 256 * KiB, slowConsumer: "drop" });
    const { wire, client } = await running.pair();
    for (let episode = 1; episode <= 2; episode++) {
      wire.pause();
      const sent = fill(client);
      for (let i = 0; i < 5; i++) expect(client.send("b", [], () => 0)).toBeUndefined();
      expect(client.awaitingRepliesCount).toBe(0);
      expect(client.alive).toBe(true);
      expect(running.errors.map(({ code }) => code)).toEqual(Array(episode).fill("SLOW_CONSUMER"));
      wire.resume();
      for (let i = 0; i < sent; i++) expect((await wire.next())[3]).toBe(i);
      await running.called("onDrain", episode);
      client.send("c", [episode]);
      const [eventName, , , value] = await wire.next();
      expect([eventName, value]).toEqual(["c", episode]);
    }
    expect(running.count("onDisconnect")).toBe(0);
  });

  for (const slowConsumer of ["disconnect", "drop"] as const) {
    alone(`onError may broadcast about slow consumers, with slowConsumer "${slowConsumer}"`, async (lab) => {
      const running = await lab.start(
        { maxBackpressure: 256 * KiB, slowConsumer },
        { onError: () => void running.server.broadcast("c", ["somebody is slow"]) },
      );
      const slow = [await running.pair({ finishesClosing: false }), await running.pair({ finishesClosing: false })];
      for (const { wire, client } of slow) {
        wire.pause();
        fill(client);
      }
      running.server.broadcast("a", []);
      // One for each, however often it is refused while that is told.
      expect(running.errors.map(({ code }) => code)).toEqual(["SLOW_CONSUMER", "SLOW_CONSUMER"]);
    });
  }

  alone("slowConsumer as a function may broadcast", async (lab) => {
    let told = 0;
    const running = await lab.start({
      maxBackpressure: 256 * KiB,
      slowConsumer: () => {
        told++;
        running.server.broadcast("c", ["somebody is slow"]);
      },
    });
    const { wire, client } = await running.pair();
    wire.pause();
    fill(client);
    expect(told).toBe(1);
  });

  alone("slowConsumer as a function is told the client and its buffer at each message over the limit", async (lab) => {
    const told: [unknown, number][] = [];
    const maxBackpressure = 256 * KiB;
    const running = await lab.start({
      maxBackpressure,
      slowConsumer: (slow, bufferedAmount) => told.push([slow, bufferedAmount]),
    });
    const { wire, client } = await running.pair();
    wire.pause();
    fill(client);
    expect(client.send("b")).toBeUndefined();
    expect(told.map(([slow]) => slow)).toEqual([client, client]);
    for (const [, bufferedAmount] of told) expect(bufferedAmount).toBeGreaterThan(maxBackpressure);
    expect(client.alive).toBe(true);
    expect(running.errors).toEqual([]);
    wire.resume();
    await running.called("onDrain");
    expect(client.send("c")).toBeDefined();
  });

  alone("slowConsumer as a function may disconnect, and may throw", async (lab) => {
    const leaving = await lab.start({
      maxBackpressure: 64 * KiB,
      slowConsumer: (slow) => slow.disconnect(4000, "too slow"),
    });
    const gone = await leaving.pair();
    gone.wire.pause();
    fill(gone.client);
    await leaving.called("onDisconnect");
    expect(leaving.given("onDisconnect")).toEqual([[4000, "too slow"]]);

    const throwing = await lab.start({
      maxBackpressure: 64 * KiB,
      slowConsumer: () => {
        throw new Error("failed");
      },
    });
    const { wire, client } = await throwing.pair();
    wire.pause();
    fill(client);
    expect(throwing.errors.map(({ code, stage }) => [code, stage])).toEqual([["CALLBACK_FAILED", "slowConsumer"]]);
    expect(client.alive).toBe(true);
  });

  alone("a message is accepted while the buffer is at or below maxBackpressure, however large it is", async (lab) => {
    const running = await lab.start({ maxBackpressure: 1, slowConsumer: "drop" });
    const { wire, client } = await running.pair();
    const large = new Uint8Array(32 * 1024 * KiB);
    expect(client.send("a", [large])).toBeDefined();
    expect(client.send("a", [1])).toBeUndefined();
    const [, , , bytes] = await wire.next();
    expect((bytes as Uint8Array).length).toBe(large.length);
    await running.called("onDrain");
    expect(client.send("a", [2])).toBeDefined();
    expect((await wire.next())[3]).toBe(2);
  });

  alone("a slow client neither keeps a broadcast from the others nor is counted", async (lab) => {
    const running = await lab.start({ maxBackpressure: 64 * KiB, slowConsumer: "drop" });
    const slow = await running.pair();
    const quick = await running.pair();
    slow.wire.pause();
    fill(slow.client);
    expect(running.server.broadcast("b", ["news"])).toBe(1);
    expect((await quick.wire.next())[3]).toBe("news");
  });

  alone(
    "a peer that only pings, and never reads, is ended once more than maxBackpressure waits for it",
    async (lab) => {
      const running = await lab.start({ maxBackpressure: 64 * KiB });
      const { wire } = await running.pair();
      wire.pause();
      const pings = Buffer.concat(Array.from({ length: 500 }, () => encodeFrame(Opcode.ping, Buffer.alloc(125))));
      // 26 MB, where the kernel's buffers take most of it.
      for (let i = 0; i < 400 && running.count("onDisconnect") === 0; i++) {
        wire.write(pings);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (capabilities.pacesPongs) {
        await running.answersOthers();
        wire.resume();
        for (let i = 0; i < 1000; i++) expect((await wire.nextFrame()).opcode).toBe(Opcode.pong);
        return;
      }
      await running.called("onDisconnect");
      expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
      expect(running.errors.map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
      await running.answersOthers();
    },
  );

  alone("a peer that is slow, and pings now and then, is not ended for it", async (lab) => {
    const running = await lab.start({ maxBackpressure: 64 * KiB, slowConsumer: "drop" });
    const { wire, client } = await running.pair();
    wire.pause();
    const sent = fill(client);
    for (let i = 0; i < 20; i++) wire.frame(Opcode.ping, Buffer.from(`${i}`));
    await running.answersOthers();
    wire.resume();
    for (let i = 0; i < sent; i++) expect((await wire.next())[3]).toBe(i);
    for (let i = 0; i < 20; i++) expect((await wire.nextFrame()).payload.toString()).toBe(`${i}`);
    wire.event("b");
    await running.called("onMessage");
    expect(running.errors.map(({ code }) => code)).toEqual(["SLOW_CONSUMER"]);
  });

  alone("such a peer is not ended however low maxBackpressure is", async (lab) => {
    const running = await lab.start({ maxBackpressure: 1, slowConsumer: "drop" });
    const { wire, client } = await running.pair();
    wire.pause();
    expect(client.send("a", [new Uint8Array(12 * 1024 * KiB)])).toBeDefined();
    for (let i = 0; i < 20; i++) wire.frame(Opcode.ping, Buffer.from(`${i}`));
    await running.answersOthers();
    wire.resume();
    await wire.next();
    for (let i = 0; i < 20; i++) expect((await wire.nextFrame()).payload.toString()).toBe(`${i}`);
    expect(running.errors).toEqual([]);
  });
};
