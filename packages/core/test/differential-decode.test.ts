import fc from "fast-check";
import { expect, it } from "vitest";
import { resolveCodecOptions } from "../src/codec/options.js";
import { EZEZError } from "../src/errors.js";
import { announce, runs, seed } from "./arbitrary.js";
import { decodeParts } from "./codec.js";
import { hostile } from "./hostile-bytes.js";
import { referenceDecode } from "./reference.js";
import { hex, same } from "./same.js";
import { optionsOf } from "./vectors/vector.js";

const numRuns = runs(100_000);
const options = optionsOf({ custom: true });
const resolved = resolveCodecOptions(options);

it("what we accept of changed and random bytes the reference accepts, with equal values; the rest is one error", () => {
  announce("differential decoding", numRuns);
  let accepted = 0;
  fc.assert(
    fc.property(hostile, (bytes) => {
      let values: unknown[];
      try {
        values = decodeParts(bytes, resolved);
      } catch (error) {
        return error instanceof EZEZError && error.code === "MALFORMED_MESSAGE" && error.message !== "";
      }
      // The reference refuses an empty message; that one without parts is malformed is for the frame to say.
      if (bytes.length === 0) return values.length === 0;
      accepted++;
      const reference = referenceDecode(bytes, options);
      if (!same(values, reference)) expect(values, hex(bytes)).toEqual(reference);
      return same(values, reference);
    }),
    { seed, numRuns },
  );
  console.log(`differential decoding: ${accepted} accepted`);
  expect(accepted).toBeGreaterThan(numRuns / 100);
});
