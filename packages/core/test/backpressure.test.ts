import { describe, expect, it } from "vitest";
import { Backpressure } from "../src/backpressure.js";

const begin = () => {
  const socket = { asked: 0, waits: 0 };
  const asking = {
    get bufferedAmount() {
      socket.asked++;
      return socket.waits;
    },
  };
  return { socket, backpressure: new Backpressure(asking, 1000) };
};

describe("room", () => {
  it("is there up to the limit, and from one byte above it not", () => {
    const { socket, backpressure } = begin();
    backpressure.sent("queued");
    socket.waits = 1000;
    expect(backpressure.hasRoom()).toBe(true);
    backpressure.sent("queued");
    socket.waits = 1001;
    expect(backpressure.hasRoom()).toBe(false);
  });

  it("is not asked for while nothing can wait", () => {
    const { socket, backpressure } = begin();
    for (let i = 0; i < 10; i++) {
      expect(backpressure.hasRoom()).toBe(true);
      backpressure.sent("sent");
    }
    expect(socket.asked).toBe(0);
  });

  it("is asked for once a group's messages can have come to more than the limit, headers among them", () => {
    const { socket, backpressure } = begin();
    backpressure.sentWithGroup(480);
    backpressure.sentWithGroup(500);
    expect(backpressure.hasRoom()).toBe(true);
    expect(socket.asked).toBe(0);
    backpressure.sentWithGroup(0);
    socket.waits = 1001;
    expect(backpressure.hasRoom()).toBe(false);
    expect(socket.asked).toBe(1);
  });

  it("is there again once a message alone has gone, which went behind all others", () => {
    const { socket, backpressure } = begin();
    backpressure.sentWithGroup(990);
    backpressure.sent("sent");
    backpressure.sentWithGroup(990);
    expect(backpressure.hasRoom()).toBe(true);
    expect(socket.asked).toBe(0);
  });
});

describe("that none waits", () => {
  it("is news where some did, once", () => {
    const { socket, backpressure } = begin();
    expect(backpressure.drained()).toBe(false);
    for (const wait of [
      () => backpressure.sent("queued"),
      () => backpressure.queued(),
      () => backpressure.sentWithGroup(1),
    ]) {
      wait();
      socket.waits = 1;
      expect(backpressure.drained()).toBe(false);
      socket.waits = 0;
      expect(backpressure.drained()).toBe(true);
      expect(backpressure.drained()).toBe(false);
    }
  });

  it("is news also where a later message went at once, behind what had waited", () => {
    const { socket, backpressure } = begin();
    backpressure.sent("queued");
    socket.waits = 1001;
    expect(backpressure.hasRoom()).toBe(false);
    backpressure.hasRefused = true;
    socket.waits = 0;
    expect(backpressure.hasRoom()).toBe(true);
    backpressure.sent("sent");
    expect(backpressure.drained()).toBe(true);
    expect(backpressure.hasRefused).toBe(false);
  });
});

describe("pings of a peer that reads nothing", () => {
  const KiB = 1024;

  it("come to too much above the limit, and above 64 KiB where that is lower", () => {
    for (const [limit, most] of [
      [1, 64 * KiB],
      [256 * KiB, 256 * KiB],
    ] as const) {
      const backpressure = new Backpressure({ bufferedAmount: 2 ** 30 }, limit);
      const isTooMuch = Array.from({ length: most / KiB + 1 }, () => backpressure.pinged(KiB - 10));
      expect(isTooMuch.indexOf(true)).toBe(most / KiB);
    }
  });

  it("count for nothing once no more waits than may", () => {
    const socket = { bufferedAmount: 2 ** 30 };
    const backpressure = new Backpressure(socket, 64 * KiB);
    expect(backpressure.pinged(60 * KiB)).toBe(false);
    socket.bufferedAmount = 0;
    expect(backpressure.pinged(60 * KiB)).toBe(false);
    socket.bufferedAmount = 2 ** 30;
    expect(backpressure.pinged(60 * KiB)).toBe(false);
    expect(backpressure.pinged(60 * KiB)).toBe(true);
  });

  it("come to too much where their answers hold more memory than the limit, however few bytes they are", () => {
    const backpressure = new Backpressure({ bufferedAmount: 100 }, 256 * KiB);
    expect(backpressure.pinged(0, 256 * KiB)).toBe(false);
    expect(backpressure.pinged(0, 256 * KiB + 1)).toBe(true);
  });
});
