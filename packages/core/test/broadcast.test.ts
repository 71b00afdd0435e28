import { describe, expect, it } from "vitest";
import { broadcastBytes, exceptions } from "../src/broadcast.js";

class Receiver {
  readonly got: Uint8Array[] = [];
  isGrouped = false;
  hasRoom = true;
  readonly log: string[] = [];
  constructor(
    readonly alive = true,
    readonly authenticated = true,
    private readonly answer: () => boolean = () => true,
  ) {}
  takesWithGroup(byteLength: number): boolean {
    this.log.push(`takes ${byteLength}`);
    this.isGrouped = this.hasRoom;
    return this.hasRoom;
  }
  joinGroup(): void {
    this.log.push("joins");
    this.isGrouped = true;
  }
  leaveGroup(): void {
    this.log.push("leaves");
    this.isGrouped = false;
  }
  transmit(bytes: Uint8Array): boolean {
    this.got.push(bytes);
    return this.answer();
  }
}

const bytes = Uint8Array.of(1);

it("hands the same bytes to all who are alive and authenticated, and counts those that took them", () => {
  const all = [new Receiver(), new Receiver(false), new Receiver(true, false), new Receiver(true, true, () => false)];
  expect(broadcastBytes(all, undefined, bytes, new Set(), () => {})).toBe(1);
  expect(all.map(({ got }) => got.length)).toEqual([1, 0, 0, 1]);
  expect(all[0]?.got[0]).toBe(bytes);
});

it("one that fails stops nothing", () => {
  const failing = new Receiver(true, true, () => {
    throw new RangeError("mine");
  });
  const last = new Receiver();
  const failures: unknown[] = [];
  expect(
    broadcastBytes([failing, last], undefined, bytes, new Set(), (session, error) => failures.push([session, error])),
  ).toBe(1);
  expect(failures).toEqual([[failing, new RangeError("mine")]]);
});

it("leaves out one, several or nobody", () => {
  const all = [new Receiver(), new Receiver(), new Receiver()];
  const [first, second] = all as [Receiver, Receiver, Receiver];
  const counts = [undefined, first, [first, second], new Set(all), []].map((except) =>
    broadcastBytes(all, undefined, bytes, exceptions<object>(except), () => {}),
  );
  expect(counts).toEqual([3, 2, 1, 0, 3]);
});

describe("with a group", () => {
  const grouped = (...members: Receiver[]) => {
    for (const member of members) member.isGrouped = true;
    const sent: string[][] = [];
    // Whom it reaches, each time.
    const group = { send: () => sent.push(members.map((member) => (member.isGrouped ? "gets it" : "does not"))) };
    return { group, sent };
  };

  it("hands the bytes to the group once, and counts its members", () => {
    const all = [new Receiver(), new Receiver(), new Receiver(false), new Receiver(true, false)];
    const [first, second] = all as [Receiver, Receiver];
    const { group, sent } = grouped(first, second);
    expect(broadcastBytes(all, group, bytes, new Set(), () => {})).toBe(2);
    expect(sent).toEqual([["gets it", "gets it"]]);
    expect(all.flatMap(({ got }) => got)).toEqual([]);
    expect(first.log).toEqual(["takes 1"]);
  });

  it("takes those it leaves out from the group, and puts them back", () => {
    const all = [new Receiver(), new Receiver()];
    const [first, second] = all as [Receiver, Receiver];
    const { group, sent } = grouped(first, second);
    expect(broadcastBytes(all, group, bytes, new Set([second]), () => {})).toBe(1);
    expect(sent).toEqual([["gets it", "does not"]]);
    expect(second.log).toEqual(["leaves", "joins"]);
    expect(broadcastBytes(all, group, bytes, new Set(all), () => {})).toBe(0);
    expect(sent).toHaveLength(1);
  });

  it("hands them to those outside one by one, behind the group", () => {
    const order: string[] = [];
    const slow = new Receiver(true, true, () => {
      order.push("alone");
      return false;
    });
    slow.hasRoom = false;
    const quick = new Receiver();
    grouped(slow, quick);
    const group = { send: () => order.push(`group of ${[slow, quick].filter(({ isGrouped }) => isGrouped).length}`) };
    expect(broadcastBytes([slow, quick], group, bytes, new Set(), () => {})).toBe(1);
    expect(order).toEqual(["group of 1", "alone"]);
  });

  it("one that ended meanwhile gets nothing", () => {
    const last = { alive: true };
    const ending = new Receiver(true, true, () => {
      last.alive = false;
      return true;
    });
    const receiver = new Receiver();
    Object.defineProperty(receiver, "alive", { get: () => last.alive });
    expect(broadcastBytes([ending, receiver], undefined, bytes, new Set(), () => {})).toBe(1);
    expect(receiver.got).toEqual([]);
  });
});
