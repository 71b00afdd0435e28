import { beforeEach, describe, expect, it } from "vitest";
import { type AnyReply, Channel, type ChannelOwner } from "../src/channel.js";
import type { Ids } from "../src/contract.js";
import { FrameCodec, type Message } from "../src/frame.js";
import { errorOf } from "./codec.js";
import { referenceDecode } from "./reference.js";

type OnReply = (message: Message) => void;

class Owner implements ChannelOwner<OnReply> {
  alive = true;
  sends = true;
  takes = true;
  failure: Error | undefined;
  sent: unknown[][] = [];
  log: string[] = [];
  reply: AnyReply<OnReply> = () => undefined;
  whileSending: () => void = () => {};
  inOnMessage: () => void = () => {};
  #id = 0;

  nextEventId(): number {
    return ++this.#id;
  }
  ready(): boolean {
    return this.sends;
  }
  transmit(bytes: Uint8Array): boolean {
    if (this.failure !== undefined) throw this.failure;
    this.whileSending();
    if (this.takes) this.sent.push(referenceDecode(bytes));
    return this.takes;
  }
  onMessage(message: Message, reply: AnyReply<OnReply>, ids: Ids): void {
    this.log.push(`onMessage ${message.eventName} ${ids.eventId} ${ids.replyTo}`);
    this.reply = reply;
    this.inOnMessage();
  }
  onReply(onReply: OnReply, message: Message): void {
    this.log.push(`onReply ${message.eventName}`);
    onReply(message);
  }
  emit(message: Message): void {
    this.log.push(`emit ${message.eventName}`);
  }
}

let owner: Owner;
let channel: Channel<OnReply>;
beforeEach(() => {
  owner = new Owner();
  channel = new Channel(new FrameCodec(), owner, { maxAwaitingReplies: 2, clearAwaitingRepliesAfterMs: 1000 });
});

const message = (eventName: string, eventId: number, replyTo: number | null, args: unknown[] = []): Message => ({
  reserved: false,
  eventName,
  eventId,
  replyTo,
  args,
});
const ignore: OnReply = () => {};

describe("send", () => {
  it("numbers, encodes and hands over", () => {
    expect(channel.send("a", ["x"], undefined, null)).toEqual({ eventId: 1, replyTo: null });
    expect(channel.send("b", undefined, undefined, 7)).toEqual({ eventId: 2, replyTo: 7 });
    expect(owner.sent).toEqual([
      ["a", 1, null, "x"],
      ["b", 2, 7],
    ]);
    expect(channel.replies.size).toBe(0);
  });

  it("does nothing where the owner is not ready: not even encode", () => {
    owner.sends = false;
    expect(channel.send("a", [() => 1], ignore, null)).toBeUndefined();
    expect(channel.replies.size).toBe(0);
  });

  it("that is not taken waits for no reply", () => {
    owner.takes = false;
    expect(channel.send("a", [], ignore, null)).toBeUndefined();
    expect(channel.replies.size).toBe(0);
  });

  it("that throws waits for no reply", () => {
    owner.failure = new Error("mine");
    expect(() => channel.send("a", [], ignore, null)).toThrow(owner.failure);
    expect(channel.replies.size).toBe(0);
    owner.failure = undefined;
    expect(() => channel.send("a", [() => 1], ignore, null)).toThrow();
    expect(channel.replies.size).toBe(0);
  });

  it("with one reply too many throws before it sends", () => {
    channel.send("a", [], ignore, null);
    channel.send("a", [], ignore, null);
    expect(errorOf(() => channel.send("a", [], ignore, null)).code).toBe("TOO_MANY_AWAITING_REPLIES");
    expect(owner.sent).toHaveLength(2);
    channel.send("a", [], undefined, null);
    expect(owner.sent).toHaveLength(3);
  });

  it("takes a reply that comes before the transport returns", () => {
    const got: string[] = [];
    owner.whileSending = () => channel.deliver(message("answer", 5, 1));
    channel.send("a", [], ({ eventName }) => got.push(eventName), null);
    expect(got).toEqual(["answer"]);
    expect(channel.replies.size).toBe(0);
  });
});

describe("deliver", () => {
  it("tells onMessage, then the listeners", () => {
    channel.deliver(message("a", 5, null));
    expect(owner.log).toEqual(["onMessage a 5 null", "emit a"]);
  });

  it("tells onMessage, then the callback that waits, once; not the listeners", () => {
    channel.send("q", [], ignore, null);
    channel.deliver(message("answer", 5, 1));
    channel.deliver(message("again", 6, 1));
    channel.deliver(message("unknown", 7, 99));
    expect(owner.log).toEqual([
      "onMessage answer 5 1",
      "onReply answer",
      "onMessage again 6 1",
      "emit again",
      "onMessage unknown 7 99",
      "emit unknown",
    ]);
  });

  it("stops where onMessage has closed the connection, and the reply still waits for nobody", () => {
    channel.send("q", [], ignore, null);
    owner.inOnMessage = () => {
      owner.alive = false;
    };
    channel.deliver(message("answer", 5, 1));
    expect(owner.log).toEqual(["onMessage answer 5 1"]);
  });

  it("gives a reply that answers the message, as often as it is called", () => {
    channel.deliver(message("a", 5, null));
    expect(owner.reply("b", ["x"])).toEqual({ eventId: 1, replyTo: 5 });
    expect(owner.reply("c", undefined, ignore)).toEqual({ eventId: 2, replyTo: 5 });
    expect(owner.sent).toEqual([
      ["b", 1, 5, "x"],
      ["c", 2, 5],
    ]);
    expect(channel.replies.size).toBe(1);
    owner.sends = false;
    expect(owner.reply("d")).toBeUndefined();
  });
});

it("replies expire and are cleared", () => {
  channel.send("a", [], ignore, null);
  channel.replies.expire(performance.now());
  expect(channel.replies.size).toBe(1);
  channel.replies.expire(performance.now() + 2000);
  expect(channel.replies.size).toBe(0);
  channel.send("a", [], ignore, null);
  channel.replies.clear();
  expect(channel.replies.size).toBe(0);
});
