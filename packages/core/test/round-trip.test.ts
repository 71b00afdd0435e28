import fc from "fast-check";
import { it } from "vitest";
import { FrameCodec } from "../src/frame.js";
import { announce, plainArguments, runs, seed } from "./arbitrary.js";
import { same } from "./same.js";

const numRuns = runs(20_000);
const codec = new FrameCodec({ serializerArgs: [null, { sortProps: false }] });
const id = fc.integer({ min: 1, max: 2 ** 53 - 1 });
const message = fc.record({
  eventName: fc.string({ minLength: 1, maxLength: 60 }).filter((name) => !name.startsWith("ezez-ws::")),
  eventId: id,
  replyTo: fc.option(id),
  args: plainArguments,
});

it("a message decodes to what was encoded", () => {
  announce("round trips", numRuns);
  fc.assert(
    fc.property(message, ({ eventName, eventId, replyTo, args }) =>
      same(codec.decode(codec.encode(eventName, eventId, replyTo, args)), {
        reserved: false,
        eventName,
        eventId,
        replyTo,
        args,
      }),
    ),
    { seed, numRuns },
  );
});
