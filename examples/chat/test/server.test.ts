// What the page never does, but others may.
import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { type ClientOnReply, EZEZWebSocketClient } from "@ezez-ws/client";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ClientEvents,
  DEMO_KEY,
  decodeLogin,
  encodeLogin,
  firstIdAt,
  type PictureInfo,
  type ServerEvents,
  sentAt,
  type Tally,
} from "../events.js";
import { type Chat, createChat } from "../server.js";

type ChatClient = EZEZWebSocketClient<ServerEvents, ClientEvents>;

const running: { chat: Chat; clients: ChatClient[] }[] = [];

afterEach(async () => {
  for (const { chat, clients } of running.splice(0)) {
    for (const client of clients) client.close();
    await chat.close();
  }
});

const startChat = async (secondsToAnswer = 30) => {
  const chat = createChat(EZEZWebsocketServer, {
    transport: { port: 0, host: "127.0.0.1" },
    key: DEMO_KEY,
    secondsToAnswer,
  });
  await chat.start();
  const clients: ChatClient[] = [];
  running.push({ chat, clients });
  const join = async (name: string): Promise<ChatClient> => {
    const auth = encodeLogin({ key: DEMO_KEY, name, room: "lobby" });
    const client: ChatClient = new EZEZWebSocketClient<ServerEvents, ClientEvents>(
      `ws://127.0.0.1:${chat.server.address()?.port}`,
      undefined,
      { auth },
    );
    clients.push(client);
    await new Promise((resolve) => client.once("welcome", resolve));
    return client;
  };
  return { chat, join };
};

const replyTo = (send: (onReply: ClientOnReply<ServerEvents, ClientEvents>) => void): Promise<string> =>
  new Promise((resolve) => {
    send((eventName) => resolve(eventName));
  });

const finalTally = (client: ChatClient): Promise<Tally> =>
  new Promise((resolve) => {
    client.on("tally", ([tally]) => {
      if (!tally.open) resolve(tally);
    });
  });

const INFO: PictureInfo = { fileName: "a.png", type: "image/png", width: 4, height: 4 };

describe("the chat's server", () => {
  it("refuses what is out of bounds, and stays", async () => {
    const { join } = await startChat();
    const anna = await join("Anna");
    const refused: ((onReply: ClientOnReply<ServerEvents, ClientEvents>) => void)[] = [
      (onReply) => anna.send("say", ["   ", undefined], onReply),
      (onReply) => anna.send("say", ["x".repeat(2001), undefined], onReply),
      (onReply) => anna.send("say", [{ not: "text" } as unknown as string, undefined], onReply),
      (onReply) => anna.send("show", [INFO, new Uint8Array(200 * 1024)], onReply),
      (onReply) => anna.send("show", [INFO, new Uint8Array()], onReply),
      (onReply) => anna.send("show", [INFO, "no bytes" as unknown as Uint8Array], onReply),
      (onReply) => anna.send("show", [{ ...INFO, width: 1e6 }, new Uint8Array(4)], onReply),
      (onReply) => anna.send("show", [{ ...INFO, type: "image/svg+xml" as "image/png" }, new Uint8Array(4)], onReply),
      (onReply) => anna.send("move", ["attic" as "lobby"], onReply),
      (onReply) => anna.send("ask", ["Alone?", ["yes"]], onReply),
      (onReply) => anna.send("ask", ["", ["yes", "no"]], onReply),
    ];
    for (const send of refused) expect(await replyTo(send)).toBe("refused");
    expect(await replyTo((onReply) => anna.send("say", ["still here", undefined], onReply))).toBe("said");
  });

  it("ends a question when its time is up, without those who did not answer", async () => {
    const { join } = await startChat(0.5);
    const anna = await join("Anna");
    const ended = finalTally(anna);
    const replies = ["Anybody?", "Again?"].map((question) =>
      replyTo((onReply) => anna.send("ask", [question, ["yes", "no"]], onReply)),
    );
    expect(await Promise.all(replies)).toEqual(["asked", "refused"]);
    expect(await ended).toMatchObject({ waitingFor: 1, open: false, abstained: 0 });
  });

  it("refuses an option that there is not, and an answer that comes too late", async () => {
    const { join } = await startChat(0.1);
    const [anna, ben] = [await join("Anna"), await join("Ben")];
    const ended = finalTally(ben);
    const wrong = new Promise<string>((resolve) => {
      anna.on("question", (_, reply) => reply("choose", [2], (eventName) => resolve(eventName)));
    });
    const late = new Promise<string>((resolve) => {
      ben.on("question", async (_, reply) => {
        await ended;
        reply("choose", [0], (eventName) => resolve(eventName));
      });
    });
    anna.send("ask", ["Anybody?", ["yes", "no"]]);
    expect(await wrong).toBe("refused");
    expect(await late).toBe("refused");
    expect((await ended).options.map((option) => option.votes)).toEqual([0, 0]);
  });

  it("does not wait for the answer of somebody who left", async () => {
    const { join } = await startChat();
    const [anna, ben] = [await join("Anna"), await join("Ben")];
    const ended = finalTally(anna);
    anna.on("question", (_, reply) => reply("choose", [0]));
    ben.on("question", () => ben.close());
    anna.send("ask", ["Who stays?", ["I", "not I"]]);
    expect((await ended).options.map((option) => option.votes)).toEqual([1, 0]);
  });

  it("lets nobody in without a name, a room, or a login at all", () => {
    const login = { key: "k", name: "Anna", room: "lobby" } as const;
    expect(decodeLogin(encodeLogin(login))).toEqual(login);
    for (const text of ["", "null", "[]", '"k"', '{"key":"k"}', JSON.stringify({ ...login, room: "attic" })]) {
      expect(decodeLogin(text)).toBeUndefined();
    }
  });

  it("keeps the time in an id", () => {
    const time = Date.UTC(2026, 4, 1);
    expect(sentAt(firstIdAt(time))).toBe(time);
    expect(sentAt(firstIdAt(time) + 1000n)).toBe(time);
  });
});
