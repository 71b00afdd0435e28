import fc from "fast-check";
import type { CodecOptions } from "../src/codec/options.js";
import { Json, Money, Point, Tag } from "./vectors/notation.js";
import { optionsOf } from "./vectors/vector.js";

/** The seed and the number of runs of every generated test; `EZEZ_SEED` and `EZEZ_RUNS` set others. Printed by each. */
export const seed = Number(process.env.EZEZ_SEED ?? 20_260_101);
export const runs = (usual: number): number => Number(process.env.EZEZ_RUNS ?? usual);

export const announce = (name: string, numRuns: number): void =>
  console.log(`${name}: seed ${seed}, ${numRuns} runs (EZEZ_SEED, EZEZ_RUNS)`);

const units = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xd800, max: 0xdfff }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0x22, 0x5c, 0x2f, 0x7f, 0x80, 0x7ff, 0x800, 0x2028, 0xfeff, 0xfffd) },
  ),
  { maxLength: 40 },
);
export const text = units.map((codes) => String.fromCharCode(...codes));

const numeric = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e21, 1e-7, 5e-324),
);
const scalar = fc.oneof(
  numeric,
  text,
  fc.bigInt(),
  fc.constantFrom(undefined, null, true, false),
  fc.constantFrom(2n ** 64n, -(2n ** 64n), 10n ** 200n),
);

const key = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom("a", "b", "c", "id", "name", "then", "length", "constructor", "toString") },
    { weight: 2, arbitrary: text },
    { weight: 2, arbitrary: fc.nat({ max: 12 }).map(String) },
    { weight: 1, arbitrary: fc.constantFrom("4294967294", "4294967295", "4294967296", "01", "-1", "1.5", "") },
  )
  .filter((name) => name !== "__proto__" && name !== "toJSON");

const record = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
  fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries));

const withHoles = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown[]> =>
  fc
    .array(fc.tuple(fc.nat({ max: 8 }), value), { maxLength: 4 })
    .map((entries) => Object.assign([], Object.fromEntries(entries)) as unknown[]);

// An own property named constructor makes the reference take an instance for a plain object.
const instance = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Point> =>
  record(value).map(({ constructor: _, ...own }) => new Point(own));

const date = fc.date({ noInvalidDate: false });

/** What the reference can write inside an array or object. */
const nested: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    { weight: 6, arbitrary: scalar },
    { weight: 1, arbitrary: date },
    { weight: 1, arbitrary: text.map((own) => new Money(own)) },
    { weight: 1, arbitrary: text.map((own) => new Tag(own)) },
    { weight: 2, arbitrary: fc.array(tie("value"), { maxLength: 5 }) },
    { weight: 3, arbitrary: record(tie("value")) },
    { weight: 1, arbitrary: withHoles(tie("value")) },
    { weight: 1, arbitrary: instance(tie("value")) },
    { weight: 1, arbitrary: tie("value").map((is) => new Json(is)) },
    { weight: 1, arbitrary: record(tie("value")).map((own) => Object.assign(Object.create(null) as object, own)) },
  ),
})).value;

/** What the reference can write as an argument and we write alike: not what docs/protocol.md lists as a departure. */
const argument = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: fc.array(nested, { maxLength: 5 }) },
  { weight: 3, arbitrary: record(nested) },
  { weight: 1, arbitrary: withHoles(nested) },
  { weight: 1, arbitrary: instance(nested) },
);

/** A custom value as an argument: the reference does not escape its text there. */
const customArgument = fc.string().map((own) => new Money(own.replace(/["\\]/g, "'")));

export interface Case {
  readonly values: unknown[];
  readonly options: CodecOptions;
}

const custom = optionsOf({ custom: true });
const options = [{}, optionsOf({ sortProps: false }), custom, optionsOf({ custom: true, sortProps: false })];

export const cases: fc.Arbitrary<Case> = fc.oneof(
  fc.record({
    values: fc.array(argument, { minLength: 1, maxLength: 3 }),
    options: fc.constantFrom(...options),
  }),
  fc.record({
    values: fc.array(fc.oneof(argument, customArgument), { minLength: 1, maxLength: 2 }),
    options: fc.constantFrom(...options.slice(2)),
  }),
);

/** Arguments that are the same again once they were sent: what a test can compare without the reference. */
const plain: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    { weight: 3, arbitrary: scalar.filter((value) => !Object.is(value, -0)) },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 5 }) },
    { weight: 2, arbitrary: record(tie("value")) },
  ),
})).value;

export const plainArguments = fc.array(
  fc.oneof(
    plain.filter((value) => typeof value !== "string" || Buffer.from(value).toString() === value),
    fc.uint8Array({ maxLength: 40 }),
  ),
  { maxLength: 4 },
);
