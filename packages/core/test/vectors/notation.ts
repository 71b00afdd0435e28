/**
 * Values as JSON. JSON's own values stand for themselves, lone surrogates escaped; an object with a key `$` for something
 * else:
 *
 * | notation                                         | value                                                         |
 * | ------------------------------------------------ | ------------------------------------------------------------- |
 * | `{"$": "undefined"}`                             | `undefined`                                                   |
 * | `{"$": "number", "text": "-0"}`                  | `NaN`, `Infinity`, `-Infinity`, `-0`                          |
 * | `{"$": "bigint", "text": "1"}`                   | `1n`                                                          |
 * | `{"$": "bytes", "hex": "00ff"}`                  | bytes                                                         |
 * | `{"$": "holes", "length": 2, "at": {"1": "x"}}`  | an array with holes                                           |
 * | `{"$": "repeat", "text": "x", "count": 3}`       | `"xxx"`                                                       |
 * | `{"$": "nest", "depth": 2, "value": 1}`          | `[[1]]`                                                       |
 * | `{"$": "date", "text": "2020-01-01T00:00:00Z"}`  | a `Date`; an invalid one for any other text                   |
 * | `{"$": "point", "own": {"x": 1}}`                | an instance of a class, with these properties                 |
 * | `{"$": "json", "is": 1}`                         | an instance of a class whose `toJSON` returns that            |
 * | `{"$": "money", "text": "5 EUR"}`                | an instance of a class that has a custom serializer           |
 * | `{"$": "tag", "text": "a"}`                      | the same, with a `toJSON` besides                             |
 * | `{"$": "bare", "own": {"x": 1}}`                 | an object without a prototype                                 |
 */
export type Notation = string | number | boolean | null | Notation[] | { [key: string]: Notation };

export class Point {
  constructor(own: object) {
    Object.assign(this, own);
  }
  get sum(): number {
    return 0;
  }
}

export class Json {
  readonly #is: unknown;
  constructor(is: unknown) {
    this.#is = is;
  }
  toJSON(): unknown {
    return this.#is;
  }
}

export class Money {
  constructor(readonly text: string) {}
}

export class Tag {
  constructor(readonly text: string) {}
  toJSON(): string {
    return `never ${this.text}`;
  }
}

const own = (notation: Notation): object => parse(notation) as object;

const readers: Record<string, (notation: { [key: string]: Notation }) => unknown> = {
  undefined: () => undefined,
  number: ({ text }) => Number(text),
  bigint: ({ text }) => BigInt(text as string),
  bytes: ({ hex }) => Buffer.from(hex as string, "hex"),
  holes: ({ length, at }) => Object.assign(new Array(length as number), own(at as Notation)),
  repeat: ({ text, count }) => (text as string).repeat(count as number),
  nest: ({ depth, value }) => {
    let nested = parse(value as Notation);
    for (let i = 0; i < (depth as number); i++) nested = [nested];
    return nested;
  },
  date: ({ text }) => new Date(text as string),
  point: (notation) => new Point(own(notation.own as Notation)),
  json: ({ is }) => new Json(parse(is as Notation)),
  money: ({ text }) => new Money(text as string),
  tag: ({ text }) => new Tag(text as string),
  bare: (notation) => Object.assign(Object.create(null) as object, own(notation.own as Notation)),
};

/** The value that a notation stands for. */
export const parse = (notation: Notation): unknown => {
  if (typeof notation !== "object" || notation === null) return notation;
  if (Array.isArray(notation)) return notation.map(parse);
  if (typeof notation.$ === "string") {
    const read = readers[notation.$];
    if (read === undefined) throw new Error(`unknown notation ${notation.$}`);
    return read(notation);
  }
  return Object.fromEntries(Object.entries(notation).map(([key, value]) => [key, parse(value)]));
};
