import fc from "fast-check";
import { expect, it } from "vitest";
import { resolveCodecOptions } from "../src/codec/options.js";
import { encodeParts } from "../src/codec/parts.js";
import { announce, cases, runs, seed } from "./arbitrary.js";
import { decodeParts } from "./codec.js";
import { referenceDecode, referenceEncode } from "./reference.js";
import { hex, same } from "./same.js";

const numRuns = runs(100_000);

it("what the reference encodes we encode to the same bytes, and decode to what it decodes", () => {
  announce("differential encoding", numRuns);
  fc.assert(
    fc.property(cases, ({ values, options }) => {
      const resolved = resolveCodecOptions(options);
      const expected = referenceEncode(values, options);
      const bytes = encodeParts(values, 0, resolved);
      if (Buffer.compare(bytes, expected) !== 0) expect(hex(bytes)).toBe(hex(expected));
      const decoded = decodeParts(bytes, resolved);
      const reference = referenceDecode(expected, options);
      if (!same(decoded, reference)) expect(decoded).toEqual(reference);
      return same(decoded, reference);
    }),
    { seed, numRuns },
  );
});
