// The chat on each adapter; only the adapter's class differs.
import * as bun from "@ezez-ws/adapter-bun";
import * as deno from "@ezez-ws/adapter-deno";
import * as uws from "@ezez-ws/adapter-uws";
import * as ws from "@ezez-ws/adapter-ws";
import { type Chat, type ChatOptions, createChat } from "./server.js";

export const WS_PATH = "/ws";

export const ADAPTERS = ["ws", "uws", "bun", "deno"] as const;

export type AdapterName = (typeof ADAPTERS)[number];

/** The options that are the same for every adapter. */
export interface Where {
  port: number;
  host?: string | undefined;
}

export const createChatOn = (
  adapter: AdapterName,
  where: Where,
  options: Omit<ChatOptions<Where>, "transport">,
): Chat => {
  const all = { ...options, transport: { ...where, path: WS_PATH } };
  if (adapter === "ws") return createChat(ws.EZEZWebsocketServer, all);
  if (adapter === "uws") return createChat(uws.EZEZWebsocketServer, all);
  if (adapter === "deno") return createChat(deno.EZEZWebsocketServer, all);
  return createChat(bun.EZEZWebsocketServer, all);
};

/** Why uWebSockets.js cannot be loaded here; undefined where it can. */
export const whyNoUws = (): string | undefined => {
  try {
    const { app } = new uws.EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => false });
    return app === undefined ? "it gives no app" : undefined;
  } catch (error) {
    const { message } = error instanceof Error && error.cause instanceof Error ? error.cause : new Error(String(error));
    // It begins with the versions of Node that there are builds for, whatever the error was.
    const [line = ""] = message.replace(/^.*?\n\nError: /su, "").split("\n");
    return `uWebSockets.js cannot be loaded: ${line}`;
  }
};
