import { describe, expect, it } from "vitest";
import { Queue } from "../src/queue.js";

const message = (byteLength: number, onReply?: unknown) => ({ bytes: new Uint8Array(byteLength), onReply });
const QUEUE_FULL = expect.objectContaining({ name: "EZEZError", code: "QUEUE_FULL" });

describe("the queue", () => {
  it("gives its messages in order, and takes one back at the front", () => {
    const queue = new Queue();
    const [first, second] = [message(1), message(2)];
    queue.push(first);
    queue.push(second);
    expect(queue.shift()).toEqual(first);
    queue.unshift(first);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([first, second, undefined]);
    expect(queue.size).toBe(0);
  });

  it("keeps bytes of its own", () => {
    const queue = new Queue();
    const bytes = Uint8Array.of(1, 2);
    queue.push({ bytes, onReply: undefined });
    bytes.fill(3);
    expect(queue.shift()?.bytes).toEqual(Uint8Array.of(1, 2));
  });

  it("takes 1,000 messages and throws at the next", () => {
    const queue = new Queue();
    for (let i = 0; i < 1000; i++) queue.push(message(1));
    expect(() => queue.push(message(1))).toThrow(QUEUE_FULL);
    expect(queue.size).toBe(1000);
    queue.shift();
    queue.push(message(1));
  });

  it("takes 1 MiB and throws at one byte more", () => {
    const queue = new Queue();
    queue.push(message(1024 * 1024 - 1));
    queue.push(message(1));
    expect(() => queue.push(message(1))).toThrow(QUEUE_FULL);
    queue.shift();
    queue.push(message(1024 * 1024 - 1));
    expect(() => queue.push(message(1))).toThrow(QUEUE_FULL);
  });

  it("counts bytes right after giving back, taking back and dropping", () => {
    const queue = new Queue();
    queue.push(message(1024 * 1024));
    queue.unshift(queue.shift() ?? message(0));
    expect(() => queue.push(message(1))).toThrow(QUEUE_FULL);
    queue.retain(() => false);
    expect(queue.size).toBe(0);
    queue.push(message(1024 * 1024));
  });

  it("counts those that will wait for a reply", () => {
    const queue = new Queue();
    queue.push(message(1));
    queue.push(message(1, () => undefined));
    expect(queue.awaitingRepliesCount).toBe(1);
    queue.retain(({ onReply }) => onReply === undefined);
    expect(queue.awaitingRepliesCount).toBe(0);
    expect(queue.size).toBe(1);
  });
});
