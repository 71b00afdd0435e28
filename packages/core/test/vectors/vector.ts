import type { CodecOptions } from "../../src/codec/options.js";
import { Money, type Notation, Tag } from "./notation.js";

export interface Vector {
  readonly name: string;
  /** Custom serializers and deserializers for `money` and `tag`. */
  readonly custom?: true;
  readonly sortProps?: false;
  /** What is encoded. */
  readonly values: Notation[];
  /** What it decodes to, where that differs. */
  readonly decoded?: Notation[];
  /** The bytes that the reference encoder writes. */
  readonly hex: string;
}

export const optionsOf = ({ custom, sortProps }: Pick<Vector, "custom" | "sortProps">): CodecOptions => ({
  serializerArgs: [
    custom && {
      money: (value) => (value instanceof Money ? value.text : null),
      tag: (value) => (value instanceof Tag ? value.text : null),
    },
    { sortProps },
  ],
  unserializerArgs: [custom && { money: (text) => new Money(text), tag: (text) => new Tag(text) }],
});
