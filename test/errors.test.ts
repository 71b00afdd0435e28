import { expect, test } from "vitest";
import { read } from "./documents.js";

// The codes of a union or of an object in errors.ts, as they are written there.
const codesIn = (source: string): string[] =>
  [...source.matchAll(/^\s+(?:\| )?"?([A-Z][A-Z_]+)"?(?:$|[;:])/gm)].map((m) => m[1] ?? "");

test("every error code is a heading of docs/errors.md, and every heading a code", () => {
  const source = read("packages/core/src/errors.ts");
  const inline = [...source.matchAll(/"([A-Z][A-Z_]+)"/g)].map((match) => match[1] ?? "");
  const codes = new Set([...codesIn(source), ...inline]);
  const headings = [...read("docs/errors.md").matchAll(/^### (\w+)$/gm)].map((match) => match[1]);
  expect(headings.length).toBeGreaterThan(20);
  expect([...headings].sort()).toEqual([...codes].sort());
});
