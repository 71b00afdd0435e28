import type { Case } from "../case.js";
import { isClient, type Row } from "../row.js";
import { auth } from "./auth.js";
import { client } from "./client.js";
import { clock } from "./clock.js";
import { exhaustion } from "./exhaustion.js";
import { failures } from "./failures.js";
import { framing } from "./framing.js";
import { handshake } from "./handshake.js";
import { loss } from "./loss.js";
import { messages } from "./messages.js";
import { replies } from "./replies.js";
import { shutdown } from "./shutdown.js";
import { slowConsumer } from "./slow-consumer.js";
import { values } from "./values.js";

const SERVER_GROUPS = {
  "The upgrade": handshake,
  "Frames of WebSocket": framing,
  "Frames of ezez": messages,
  "Typed JSON": values,
  Authentication: auth,
  Replies: replies,
  Exhaustion: exhaustion,
  "Slow readers": slowConsumer,
  "Half-open connections and sudden ends": loss,
  Shutdown: shutdown,
  "Clock and loop": clock,
  "Failures of the application": failures,
};

const SERVER_CASES: readonly Case[] = Object.values(SERVER_GROUPS).flat();

/** What is played on a row. */
export const casesOf = (row: Row): readonly Case[] => (isClient(row) ? client : SERVER_CASES);

/** The cases by what they attack. */
export const GROUPS: Readonly<Record<string, readonly Case[]>> = { ...SERVER_GROUPS, "The client": client };
