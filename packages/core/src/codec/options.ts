import { EZEZError } from "../errors.js";
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

const BUILT_IN = ["s", "n", "i", "u", "b", "l"];

const entriesOf = <T>(option: string, custom: Record<string, T> | null | undefined): [string, T][] =>
  Object.entries(custom ?? {}).map(([key, convert]) => {
    if (key === "" || key.includes(":") || BUILT_IN.includes(key)) {
      const rule = "must not be empty, hold ':' or be one of s n i u b l";
      throw new EZEZError("INVALID_OPTION", `${option}: the key ${JSON.stringify(key)} ${rule}`);
    }
    if (typeof convert !== "function") {
      throw new EZEZError("INVALID_OPTION", `${option}: ${JSON.stringify(key)} must be a function`);
    }
    return [key, convert];
  });

/** Fills in the defaults; throws `INVALID_OPTION`, naming the option. */
export const resolveCodecOptions = (options: CodecOptions): ResolvedCodecOptions => {
  const { serializerArgs = [], unserializerArgs = [], maxBigIntLength = WireLimit.bigIntDigits } = options;
  if (!(maxBigIntLength === Infinity || (Number.isSafeInteger(maxBigIntLength) && maxBigIntLength > 0))) {
    throw new EZEZError("INVALID_OPTION", "maxBigIntLength must be a positive integer or Infinity");
  }
  for (const [option, value] of Object.entries({ serializerArgs, unserializerArgs })) {
    if (!Array.isArray(value)) throw new EZEZError("INVALID_OPTION", `${option} must be an array`);
  }
  return {
    serializers: entriesOf("serializerArgs", serializerArgs[0]),
    deserializers: new Map(entriesOf("unserializerArgs", unserializerArgs[0])),
    sortProps: serializerArgs[1]?.sortProps !== false,
    maxBigIntLength,
  };
};
