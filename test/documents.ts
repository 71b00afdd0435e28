import { readFileSync } from "node:fs";

/** A document of the repository. */
export const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

/** The contents of a document's fenced blocks of one language. */
export const blocks = (document: string, language: string): string[] =>
  [...document.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((match) => match[1] ?? "");
