import { stripVTControlCharacters } from "node:util";

const NAME = 8;
const EVENT = 10;

type Colour = "dim" | "bold" | "green" | "red" | "cyan";

const CODES: Record<Colour, number> = { dim: 2, bold: 1, green: 32, red: 31, cyan: 36 };

/** Prints who sent what to whom, and what was checked. */
export class Transcript {
  /** What was printed, without colours. */
  readonly lines: string[] = [];
  readonly #print: (line: string) => void;
  readonly #coloured: boolean;
  #steps = 0;
  /** The step that is played. */
  title = "";
  checks = 0;

  constructor(print: (line: string) => void, coloured = false) {
    this.#print = (text) => {
      this.lines.push(...stripVTControlCharacters(text).split("\n"));
      print(text);
    };
    this.#coloured = coloured;
  }

  heading(text: string): void {
    this.#print(this.#paint("bold", text));
  }

  step(title: string): void {
    this.title = title;
    this.#print("");
    this.#print(this.#paint("bold", `${String(++this.#steps).padStart(2)}  ${title}`));
  }

  /** One message, or one thing that happened to a connection. */
  line(from: string, to: string, event: string, details = ""): void {
    const people = `${from.padEnd(NAME)} ${this.#paint("dim", "→")} ${to.padEnd(NAME)}`;
    this.#print(`    ${people} ${this.#paint("cyan", event.padEnd(EVENT))} ${details}`.trimEnd());
  }

  /** @throws Error that names the step and the claim, where the claim does not hold */
  check(claim: string, holds: boolean, found?: unknown): void {
    if (!holds) {
      this.#print(`    ${this.#paint("red", "✗")} ${claim}`);
      const but = found === undefined ? "" : `, but found ${show(found)}`;
      throw new Error(`"${this.title}": not true that ${claim}${but}`);
    }
    this.checks++;
    this.#print(`    ${this.#paint("green", "✓")} ${claim}`);
  }

  #paint(colour: Colour, text: string): string {
    return this.#coloured ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  }
}

/** Ids and ports, which are never the same twice, by the order in which they come. */
export const normalise = (lines: readonly string[]): string[] => {
  const numbered = (pattern: RegExp, name: string): ((line: string) => string) => {
    const seen: string[] = [];
    return (line) =>
      line.replace(pattern, (text) => {
        if (!seen.includes(text)) seen.push(text);
        return `<${name} ${seen.indexOf(text) + 1}>`;
      });
  };
  const ids = numbered(/\b\d{19}n\b/gu, "id");
  const ports = numbered(/(?<=127\.0\.0\.1:)\d+\b/gu, "port");
  return lines.map((line) => ports(ids(line)));
};

/** A value as one would write it in a program. */
export const show = (value: unknown): string => {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).map(([key, property]) => `${key}: ${show(property)}`);
  return `{ ${entries.join(", ")} }`;
};
