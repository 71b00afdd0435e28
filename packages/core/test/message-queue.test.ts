import { expect, it } from "vitest";
import { MessageQueue } from "../src/message-queue.js";

const messages = [0, 1, 7, 1000, 0, 5000, 3].map((length, i) => new Uint8Array(length).fill(i + 1));

it("gives what was added, in order, in memory of its own", () => {
  const queue = new MessageQueue();
  const lent = new Uint8Array(8192);
  for (const message of messages) {
    lent.set(message);
    queue.add(lent.subarray(0, message.length));
  }
  expect([...queue].map((bytes) => [...bytes])).toEqual(messages.map((bytes) => [...bytes]));
  expect(queue.size).toBe(6011);
});

it("gives nothing while it is empty", () => {
  expect([...new MessageQueue()]).toEqual([]);
  expect(new MessageQueue().size).toBe(0);
});
