import { expect, test } from "vitest";
import { Inbox } from "../src/wait.js";

test("who gave up waiting takes nothing from who asks next", async () => {
  const inbox = new Inbox<string>();
  await expect(inbox.next("nothing", 1)).rejects.toThrow("waited 1 ms for nothing");
  inbox.push("first");
  expect(await inbox.next("first", 1)).toBe("first");
});

test("what waits comes in order, and then the end", async () => {
  const inbox = new Inbox<number>();
  inbox.push(1);
  const [first, second, third] = [inbox.next("1"), inbox.next("2"), inbox.next("3")];
  inbox.push(2);
  inbox.end(new Error("closed"));
  expect([await first, await second]).toEqual([1, 2]);
  await expect(third).rejects.toThrow("closed");
  await expect(inbox.next("4")).rejects.toThrow("4: closed");
});
