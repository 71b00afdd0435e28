import type { Case } from "../case.js";
import { auth } from "./auth.js";
import { exhaustion } from "./exhaustion.js";
import { framing } from "./framing.js";
import { handshake } from "./handshake.js";
import { messages } from "./messages.js";
import { replies } from "./replies.js";
import { slowConsumer } from "./slow-consumer.js";

/** The cases by what they attack. */
export const GROUPS: Readonly<Record<string, readonly Case[]>> = {
  "A. The upgrade": handshake,
  "B. Frames": framing,
  "C. Messages": messages,
  "E. Authentication": auth,
  "F. Replies": replies,
  "G. Exhaustion": exhaustion,
  "H. Slow peers": slowConsumer,
};

export const CASES: readonly Case[] = Object.values(GROUPS).flat();
