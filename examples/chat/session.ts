// A scripted session: a real server, real clients, every step checked. It throws at the first thing that is not as it
// should be, and leaves nothing running.
import { createHash } from "node:crypto";
import { type ClientCallbacks, EZEZWebSocketClient } from "@ezez-ws/client";
import { WebSocket } from "ws";
import { type AdapterName, createChatOn, WS_PATH } from "./adapters.js";
import {
  type ClientEvents,
  DEMO_KEY,
  encodeLogin,
  type Login,
  type PictureInfo,
  type Question,
  type RoomName,
  type ServerEvents,
  sentAt,
  type Tally,
} from "./events.js";
import { drawPng } from "./png.js";
import type { Chat } from "./server.js";
import { show, type Transcript } from "./transcript.js";

// A second or two on a machine of its own.
const DEADLINE_MS = 20_000;

/** @returns when all of it has happened as it should */
export const playSession = async (transcript: Transcript, adapter: AdapterName = "ws"): Promise<void> => {
  const visitors: Visitor[] = [];
  let deadline: ReturnType<typeof setTimeout> | undefined;
  let fail: (error: Error) => void = () => undefined;
  // Whatever goes wrong where no step looks, or keeps a step waiting.
  const failure = new Promise<never>((_, reject) => {
    fail = (error) => reject(new Error(`"${transcript.title}": ${error.message}`, { cause: error }));
    deadline = setTimeout(() => fail(new Error(`it was not over within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  const chat = createChatOn(adapter, { port: 0, host: "127.0.0.1" }, { key: DEMO_KEY, onError: fail });
  try {
    await chat.start();
    const url = `ws://127.0.0.1:${chat.server.address()?.port}${WS_PATH}`;
    const visit = (name: string, key: string, room: RoomName): Visitor => {
      const visitor = new Visitor(url, { name, key, room }, fail);
      visitors.push(visitor);
      return visitor;
    };
    transcript.heading(`A chat over ezez-ws: one server at ${url}, every step checked`);
    await Promise.race([play(chat, visit, transcript), failure]);
    transcript.heading(`\nAll ${transcript.checks} checks passed.`);
  } finally {
    clearTimeout(deadline);
    for (const { client } of visitors) client.close();
    await chat.close();
  }
};

// ---- The script

const play = async (
  chat: Chat,
  visit: (name: string, key: string, room: RoomName) => Visitor,
  transcript: Transcript,
): Promise<void> => {
  transcript.step("A wrong key is refused");
  const mallory = visit("Mallory", "let me in", "lobby");
  transcript.line("Mallory", "server", "auth", `key ${show("let me in")}`);
  const reason = await mallory.rejected;
  const refusal = await mallory.disconnected;
  transcript.line("server", "Mallory", "rejected", `${show(reason)}, closed with ${refusal.code}`);
  transcript.check("the reason says that the key is invalid", reason === "Invalid auth key", reason);
  transcript.check("the close code is 4401", refusal.code === 4401, refusal.code);
  transcript.check("the server counts no member", chat.server.clients.length === 0, chat.server.clients.length);

  transcript.step("The right key is accepted, and the room is kept in the client's context");
  const anna = visit("Anna", DEMO_KEY, "lobby");
  transcript.line("Anna", "server", "auth", `key ${show(DEMO_KEY)}, room "lobby"`);
  const [annaIs, annaRoom] = await anna.hears("welcome");
  transcript.line("server", "Anna", "welcome", `you are ${show(annaIs)}, in the ${annaRoom}`);
  const [context] = chat.server.clients.map((client) => client.context);
  transcript.check("the server keeps Anna in the lobby", context?.room === "lobby" && context.name === "Anna", context);

  transcript.step("A message; its id is a bigint, what it does not quote is undefined");
  transcript.line("Anna", "server", "say", `${show("Is anybody here?")}, quotes undefined`);
  const first = await anna.asks("say", ["Is anybody here?", undefined], "said");
  transcript.line("server", "Anna", "said", `id ${show(first[0].id)}, quotes ${show(first[0].quotes)}`);
  const { id } = first[0];
  transcript.check("the id is a bigint that no number could hold", id > BigInt(Number.MAX_SAFE_INTEGER), id);
  const age = Date.now() - sentAt(id);
  transcript.check("the time inside of the id is now", age >= 0 && age < DEADLINE_MS, age);

  transcript.step("Somebody else comes in and catches up");
  const annaNotices = anna.hears("notice");
  const ben = visit("Ben", DEMO_KEY, "lobby");
  transcript.line("Ben", "server", "auth", `key ${show(DEMO_KEY)}, room "lobby"`);
  const [[earlier], [notice]] = await Promise.all([ben.hears("message"), annaNotices]);
  transcript.line(
    "server",
    "Ben",
    "message",
    `${show(earlier.text)} from ${earlier.author.name}, id ${show(earlier.id)}`,
  );
  transcript.line("server", "Anna", "notice", show(notice));
  transcript.check("Ben got the same id", earlier.id === id, earlier.id);
  transcript.check(
    "the undefined came as a property that is undefined",
    "quotes" in earlier && earlier.quotes === undefined,
    earlier,
  );

  transcript.step("An answer quotes the message by its id");
  const annaHears = anna.hears("message");
  transcript.line("Ben", "server", "say", `${show("I am!")}, quotes ${show(earlier.id)}`);
  await ben.asks("say", ["I am!", earlier.id], "said");
  const [answer] = await annaHears;
  transcript.line(
    "server",
    "Anna",
    "message",
    `${show(answer.text)} from ${answer.author.name}, quotes ${show(answer.quotes)}`,
  );
  transcript.check("Anna got her own id back", answer.quotes === id, answer.quotes);

  transcript.step("Rooms are apart");
  const annaSeesHimGo = anna.hears("notice");
  transcript.line("Ben", "server", "move", show("studio"));
  const [, benRoom] = await ben.asks("move", ["studio"], "welcome");
  transcript.line("server", "Ben", "welcome", `you are in the ${benRoom}`);
  const [gone] = await annaSeesHimGo;
  transcript.line("server", "Anna", "notice", show(gone));
  const heardBefore = ben.messagesHeard;
  transcript.line("Anna", "server", "say", show("Only for the lobby"));
  const [unheard] = await anna.asks("say", ["Only for the lobby", undefined], "said");
  // Whatever the server sent to Ben before this reply has come by then.
  await ben.asks("say", ["Only for the studio", undefined], "said");
  transcript.check("Ben hears nothing of the lobby", ben.messagesHeard === heardBefore, ben.messagesHeard);
  const benCatchesUp = ben.hears("message", (message) => message.id === unheard.id);
  transcript.line("Ben", "server", "move", show("lobby"));
  await ben.asks("move", ["lobby"], "welcome");
  const [caughtUp] = await benCatchesUp;
  transcript.line("server", "Ben", "message", `${show(caughtUp.text)} from ${caughtUp.author.name}`);
  transcript.check("back in the lobby he catches up", caughtUp.text === "Only for the lobby", caughtUp.text);

  transcript.step("The server asks everybody in the room, and uses what they reply");
  const options = ["Tea", "Coffee"];
  const answers: Record<string, number | undefined> = { Anna: 1, Ben: undefined };
  const asked = [anna, ben].map(
    (visitor) =>
      new Promise<Question>((resolve) => {
        visitor.client.once("question", ([question], reply) => {
          reply("choose", [answers[visitor.name]]);
          resolve(question);
        });
      }),
  );
  const isFinal = (tally: Tally): boolean => !tally.open;
  const results = Promise.all([anna.hears("tally", isFinal), ben.hears("tally", isFinal)]);
  transcript.line("Anna", "server", "ask", `${show("Tea or coffee?")} ${show(options)}`);
  await anna.asks("ask", ["Tea or coffee?", options], "asked");
  // Over two connections, so either may be asked first; told in the order in which they came in.
  for (const [index, question] of (await Promise.all(asked)).entries()) {
    const visitor = index === 0 ? anna : ben;
    const choice = answers[visitor.name];
    transcript.line("server", visitor.name, "question", `${show(question.text)} ${show(question.options)}`);
    transcript.line(visitor.name, "server", "choose", `${show(choice)}${choice === undefined ? ", to abstain" : ""}`);
  }
  const [[annasResult], [bensResult]] = await results;
  const votes = annasResult.options.map((option) => `${option.text} ${option.votes}`).join(", ");
  transcript.line("server", "all", "tally", `${votes}, abstained ${annasResult.abstained}`);
  transcript.check("one vote for coffee, none for tea", votes === "Tea 0, Coffee 1", votes);
  transcript.check("undefined was counted as abstaining", annasResult.abstained === 1, annasResult.abstained);
  transcript.check("both got the same result", show(annasResult) === show(bensResult), bensResult);

  transcript.step("A picture crosses as bytes");
  const bytes = drawPng(96);
  const info: PictureInfo = { fileName: "sunset.png", type: "image/png", width: 96, height: 96 };
  const benSees = ben.hears("picture");
  transcript.line("Anna", "server", "show", `${info.fileName}, ${bytes.byteLength} bytes, sha256 ${digest(bytes)}`);
  const [shown] = await anna.asks("show", [info, bytes], "said");
  const [pictured, received] = await benSees;
  transcript.line(
    "server",
    "Ben",
    "picture",
    `${pictured.picture?.fileName}, ${received.byteLength} bytes, sha256 ${digest(received)}`,
  );
  transcript.check("it is the picture that Anna showed", pictured.id === shown.id, pictured.id);
  transcript.check("every byte is as it was", digest(received) === digest(bytes), digest(received));

  transcript.step("A broadcast reaches everybody");
  const everybody = [anna.hears("notice"), ben.hears("notice")];
  const reached = chat.server.broadcast("notice", ["The server goes down for a moment"]);
  const heard = (await Promise.all(everybody)).map(([text]) => text);
  transcript.line("server", "all", "notice", show(heard[0]));
  transcript.check("it was handed to two clients, and two heard it", reached === 2 && heard[0] === heard[1], reached);

  transcript.step("They leave");
  const annaSeesHimLeave = anna.hears("notice");
  ben.client.close();
  const [left] = await annaSeesHimLeave;
  transcript.line("Ben", "server", "close");
  transcript.line("server", "Anna", "notice", show(left));
  transcript.check("Anna is the only one left", chat.server.clients.length === 1, chat.server.clients.length);
  await chat.close();
  const { code } = await anna.disconnected;
  transcript.line("server", "Anna", "close", `code ${code}`);
  transcript.check("the server goes away with 1001", code === 1001, code);
};

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 12);

// ---- A client and what it waits for

class Visitor {
  readonly name: string;
  readonly client: EZEZWebSocketClient<ServerEvents, ClientEvents>;
  readonly rejected: Promise<string>;
  readonly disconnected: Promise<{ code: number; reason: string }>;
  /** How many messages of others came. */
  messagesHeard = 0;

  constructor(url: string, login: Login, onError: (error: Error) => void) {
    this.name = login.name;
    const callbacks: ClientCallbacks<ServerEvents, ClientEvents> = { onError };
    this.rejected = new Promise((resolve) => {
      callbacks.onAuthRejected = resolve;
    });
    this.disconnected = new Promise((resolve) => {
      callbacks.onDisconnect = (code, reason) => resolve({ code, reason });
    });
    const options = { auth: encodeLogin(login), autoReconnect: false, WSConstructor: WebSocket };
    this.client = new EZEZWebSocketClient(url, undefined, options, callbacks);
    this.client.on("message", () => {
      this.messagesHeard++;
    });
  }

  /** The next event of this name that matches. */
  hears<K extends keyof ServerEvents>(
    eventName: K,
    matches: (...args: ServerEvents[K]) => boolean = () => true,
  ): Promise<ServerEvents[K]> {
    return new Promise((resolve) => {
      const listener = (args: ServerEvents[K]): void => {
        if (!matches(...args)) return;
        this.client.off(eventName, listener);
        resolve(args);
      };
      this.client.on(eventName, listener);
    });
  }

  /** Sends an event, which the server has to reply to with the expected one. */
  asks<K extends keyof ClientEvents, R extends keyof ServerEvents>(
    sent: K,
    args: ClientEvents[K],
    expected: R,
  ): Promise<ServerEvents[R]> {
    return new Promise((resolve, reject) => {
      this.client.send(sent, args, (eventName, reply) => {
        // The comparison with a generic name does not narrow what came with it.
        if (eventName === expected) resolve(reply as ServerEvents[R]);
        else reject(new Error(`${this.name} was replied to with ${eventName}(${show(reply)}) in place of ${expected}`));
      });
    });
  }
}
