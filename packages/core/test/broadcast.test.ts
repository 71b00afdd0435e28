import { expect, it } from "vitest";
import { broadcastBytes, exceptions } from "../src/broadcast.js";

class Receiver {
  readonly got: Uint8Array[] = [];
  constructor(
    readonly alive = true,
    readonly authenticated = true,
    private readonly answer: () => boolean = () => true,
  ) {}
  transmit(bytes: Uint8Array): boolean {
    this.got.push(bytes);
    return this.answer();
  }
}

const bytes = Uint8Array.of(1);

it("hands the same bytes to all who are alive and authenticated, and counts those that took them", () => {
  const all = [new Receiver(), new Receiver(false), new Receiver(true, false), new Receiver(true, true, () => false)];
  expect(broadcastBytes(all, bytes, new Set(), () => {})).toBe(1);
  expect(all.map(({ got }) => got.length)).toEqual([1, 0, 0, 1]);
  expect(all[0]?.got[0]).toBe(bytes);
});

it("one that fails stops nothing", () => {
  const failing = new Receiver(true, true, () => {
    throw new RangeError("mine");
  });
  const last = new Receiver();
  const failures: unknown[] = [];
  expect(broadcastBytes([failing, last], bytes, new Set(), (session, error) => failures.push([session, error]))).toBe(
    1,
  );
  expect(failures).toEqual([[failing, new RangeError("mine")]]);
});

it("leaves out one, several or nobody", () => {
  const all = [new Receiver(), new Receiver(), new Receiver()];
  const [first, second] = all as [Receiver, Receiver, Receiver];
  const counts = [undefined, first, [first, second], new Set(all), []].map((except) =>
    broadcastBytes(all, bytes, exceptions<object>(except), () => {}),
  );
  expect(counts).toEqual([3, 2, 1, 0, 3]);
});
