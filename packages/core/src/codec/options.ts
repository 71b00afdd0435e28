import { integer, invalid, type Rule, resolve } from "../checks.js";
import { WireLimit } from "../protocol.js";

/** `KEY -> (value) => text`, or null where the value is not this serializer's. Written as `"KEY:text"`. */
export type CustomSerializers = Record<string, (value: unknown) => string | null>;
/** `KEY -> (text) => value`, the other side of {@link CustomSerializers}. */
export type CustomDeserializers = Record<string, (text: string) => unknown>;

export type SerializerArgs = [
  custom?: CustomSerializers | null | undefined,
  options?: { sortProps?: boolean | undefined },
];
export type UnserializerArgs = [custom?: CustomDeserializers | null | undefined];

/** How values are written and read; the same names on server and client. */
export interface CodecOptions {
  /**
   * `[customSerializers?, { sortProps? }?]`. The keys of an object argument are sorted unless `sortProps` is false.
   * @defaultValue `[]`
   */
  serializerArgs?: SerializerArgs | undefined;
  /** `[customDeserializers?]`. @defaultValue `[]` */
  unserializerArgs?: UnserializerArgs | undefined;
  /** Most digits of one bigint, in both directions; `Infinity` disables the limit. @defaultValue 10000 */
  maxBigIntLength?: number | undefined;
}

export interface ResolvedCodecOptions {
  readonly serializers: readonly (readonly [key: string, serialize: (value: unknown) => string | null])[];
  readonly deserializers: ReadonlyMap<string, (text: string) => unknown>;
  readonly sortProps: boolean;
  readonly maxBigIntLength: number;
}

const UNUSABLE_KEY = /^[sniubl]?$|:/;

const ARRAY = { text: "an array", valid: Array.isArray };

const rules = {
  serializerArgs: { standard: [] as SerializerArgs, ...ARRAY },
  unserializerArgs: { standard: [] as UnserializerArgs, ...ARRAY },
  maxBigIntLength: integer(WireLimit.bigIntDigits, 1, Infinity),
} satisfies { readonly [K in keyof CodecOptions]: Rule };

const entriesOf = <T>(option: string, custom: Record<string, T> | null | undefined): [string, T][] =>
  Object.entries(custom ?? {}).map(([key, convert]) => {
    const name = `${option}: ${JSON.stringify(key)}`;
    if (UNUSABLE_KEY.test(key)) throw invalid(name, "a key without ':', and none of s n i u b l");
    if (typeof convert !== "function") throw invalid(name, "a function");
    return [key, convert];
  });

/** Fills in the defaults; throws `INVALID_OPTION`, naming the option. */
export const resolveCodecOptions = (options: CodecOptions): ResolvedCodecOptions => {
  const { serializerArgs, unserializerArgs, maxBigIntLength } = resolve(rules, options);
  return {
    serializers: entriesOf("serializerArgs", serializerArgs[0]),
    deserializers: new Map(entriesOf("unserializerArgs", unserializerArgs[0])),
    sortProps: serializerArgs[1]?.sortProps !== false,
    maxBigIntLength,
  };
};
