import type { Case } from "../case.js";
import { messages } from "./messages.js";

/** The cases by what they attack. */
export const GROUPS: Readonly<Record<string, readonly Case[]>> = {
  "C. Messages": messages,
};

export const CASES: readonly Case[] = Object.values(GROUPS).flat();
