/** The codec beside the reference, `@ezez/utils`: `node --import tsx bench/codec.ts`. */
import { serializeToBuffer, unserializeFromBuffer } from "@ezez/utils";
import { bench, do_not_optimize, group, run, summary } from "mitata";
import { FrameCodec } from "../packages/core/src/frame.js";
import { USER } from "./values.js";

const messages: Record<string, readonly [eventName: string, args: unknown[]]> = {
  small: ["ping", ["hello"]],
  object: ["user", [USER]],
  "object, not ASCII": ["user", [{ ...USER, name: "J\u00e4ne D\u00f6e", address: { city: "\u0141\u00f3d\u017a" } }]],
  "list of 100 objects": ["users", [Array.from({ length: 100 }, (_, id) => ({ ...USER, id }))]],
  "1 KiB of bytes": ["picture", [Buffer.alloc(1024, 1)]],
  "64 KiB of text": ["text", ["x".repeat(65_536)]],
};

/** Microseconds on Node 20. */
const TARGETS = [
  { direction: "encode", name: "small", target: 0.6 },
  { direction: "decode", name: "small", target: 0.4 },
  { direction: "encode", name: "object", target: 3 },
  { direction: "decode", name: "object", target: 2.5 },
] as const;

const codec = new FrameCodec();
const benchmarkName = (who: string, direction: string, name: string): string => `${who}: ${direction} ${name}`;

for (const [name, [eventName, args]] of Object.entries(messages)) {
  // A copy: what encode() gives is lent until it is called again.
  const bytes = codec.encode(eventName, 7, null, args).slice();
  for (const direction of ["encode", "decode"] as const) {
    group(`${direction}: ${name}, ${bytes.length} bytes`, () => {
      summary(() => {
        const [ours, reference] =
          direction === "encode"
            ? [
                () => codec.encode(eventName, 7, null, args),
                () => serializeToBuffer(Buffer, [], eventName, 7, null, ...args),
              ]
            : [() => codec.decode(bytes), () => unserializeFromBuffer(Buffer, [], bytes)];
        bench(benchmarkName("ours", direction, name), () => do_not_optimize(ours()));
        bench(benchmarkName("reference", direction, name), () => do_not_optimize(reference()));
      });
    });
  }
}

const { benchmarks } = await run();

/** Nanoseconds on average, garbage collection among it. */
const averageOf = (alias: string): number =>
  benchmarks.find((one) => one.alias === alias)?.runs[0]?.stats?.avg ?? Number.NaN;

console.log("\nmicroseconds      ours  target  reference");
for (const { direction, name, target } of TARGETS) {
  const [ours = "", reference = ""] = ["ours", "reference"].map((who) =>
    (averageOf(benchmarkName(who, direction, name)) / 1000).toFixed(2),
  );
  const met = Number(ours) <= target ? "" : "  missed";
  console.log(
    `${direction} ${name}`.padEnd(16) + ours.padStart(6) + String(target).padStart(8) + reference.padStart(11) + met,
  );
}
