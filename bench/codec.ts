/** The codec beside the reference, `@ezez/utils`: `node --import tsx bench/codec.ts`. */
import { serializeToBuffer, unserializeFromBuffer } from "@ezez/utils";
import { bench, do_not_optimize, group, run, summary } from "mitata";
import { FrameCodec } from "../packages/core/src/frame.js";

const user = {
  id: 123_456,
  name: "Jane Doe",
  email: "jane.doe@example.com",
  active: true,
  score: 98.6,
  tags: ["admin", "editor", "owner"],
  address: { street: "12 High Street", city: "London", zip: "N1 9GU" },
  note: null,
};
const messages: Record<string, readonly [eventName: string, args: unknown[]]> = {
  small: ["ping", ["hello"]],
  "object of 230 bytes": ["user", [user]],
  "object of 230 bytes, not ASCII": [
    "user",
    [{ ...user, name: "J\u00e4ne D\u00f6e", address: { city: "\u0141\u00f3d\u017a" } }],
  ],
  "list of 100 objects": ["users", [Array.from({ length: 100 }, (_, id) => ({ ...user, id }))]],
  "1 KiB of bytes": ["picture", [Buffer.alloc(1024, 1)]],
  "64 KiB of text": ["text", ["x".repeat(65_536)]],
};

const codec = new FrameCodec();

for (const [name, [eventName, args]] of Object.entries(messages)) {
  const bytes = codec.encode(eventName, 7, null, args);
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
        bench("ours", () => do_not_optimize(ours()));
        bench("reference", () => do_not_optimize(reference()));
      });
    });
  }
}

await run();
