// The chat itself: no runtime and no transport in it, so that it runs on every adapter's server.
import type { Callbacks, EZEZError, EZEZServer, EZEZServerClient, Options } from "@ezez-ws/core";
import {
  type ClientEvents,
  decodeLogin,
  firstIdAt,
  isPictureType,
  isRoomName,
  Limit,
  type Member,
  type Message,
  type PictureInfo,
  ROOMS,
  type RoomName,
  type ServerEvents,
  type Tally,
} from "./events.js";

// ---- Types

/** What the server knows of each client. */
export type Context = Member & { room: RoomName };

export type Client = EZEZServerClient<ClientEvents, ServerEvents, Context>;

/** The part of an adapter's server that the chat needs. */
export type ChatServer = Pick<
  EZEZServer<ClientEvents, ServerEvents, Context>,
  "start" | "close" | "broadcast" | "clients" | "address"
>;

/** Any adapter's `EZEZWebsocketServer`; `TTransport` is where that one listens. */
export type ChatServerClass<TTransport> = new (
  options: TTransport & Options<Context>,
  callbacks: Callbacks<ClientEvents, ServerEvents, Context>,
) => ChatServer;

export interface ChatOptions<TTransport> {
  transport: TTransport;
  /** What members have to know to be let in. */
  key: string;
  /** How long a question stays open. @defaultValue 30 s */
  secondsToAnswer?: number | undefined;
  onError?: ((error: EZEZError) => void) | undefined;
}

export interface Chat {
  readonly server: ChatServer;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** One thing that was said, and the picture that came with it. */
interface Entry {
  message: Message;
  bytes: Uint8Array | undefined;
}

interface Poll {
  tally: Tally;
  /** Who was asked and has not answered. */
  waiting: Set<Client>;
  timer: ReturnType<typeof setTimeout>;
}

const NOBODY: Context = { id: 0n, name: "", room: "lobby" };
const REMEMBERED = 20;

// ---- The chat

export const createChat = <TTransport>(
  Server: ChatServerClass<TTransport>,
  { transport, key, secondsToAnswer = 30, onError }: ChatOptions<TTransport>,
): Chat => {
  const history = new Map<RoomName, Entry[]>(ROOMS.map(({ name }) => [name, []]));
  const polls = new Map<RoomName, Poll>();
  let lastId = 0n;

  const nextId = (): bigint => {
    const now = firstIdAt(Date.now());
    lastId = now > lastId ? now : lastId + 1n;
    return lastId;
  };

  // ---- Rooms

  const inRoom = (room: RoomName): Client[] => server.clients.filter((client) => client.context.room === room);

  const outside = (room: RoomName): Client[] => server.clients.filter((client) => client.context.room !== room);

  const notice = (room: RoomName, text: string, about?: Client): void => {
    const except = outside(room);
    if (about !== undefined) except.push(about);
    server.broadcast("notice", [text], { except });
  };

  const announceRooms = (): void => {
    const rooms = ROOMS.map(({ name }) => ({ name, members: inRoom(name).map(memberOf) }));
    server.broadcast("rooms", [rooms]);
  };

  /** What was said before somebody came, oldest first. */
  const catchUp = (client: Client): void => {
    for (const { message, bytes } of history.get(client.context.room) ?? []) {
      if (bytes === undefined) client.send("message", [message]);
      else client.send("picture", [message, bytes]);
    }
    const poll = polls.get(client.context.room);
    if (poll !== undefined) client.send("tally", [poll.tally]);
  };

  // ---- Messages

  const publish = (from: Client, text: string, more: Partial<Message>, bytes?: Uint8Array): Message => {
    const { room } = from.context;
    const message: Message = {
      id: nextId(),
      author: memberOf(from),
      text,
      quotes: undefined,
      picture: undefined,
      ...more,
    };
    const said = history.get(room) ?? [];
    said.push({ message, bytes });
    if (said.length > REMEMBERED) said.shift();
    // Its author gets it as the reply.
    const except = [...outside(room), from];
    if (bytes === undefined) server.broadcast("message", [message], { except });
    else server.broadcast("picture", [message, bytes], { except });
    return message;
  };

  // ---- Questions

  const tellTally = (room: RoomName, { tally }: Poll): void => {
    server.broadcast("tally", [tally], { except: outside(room) });
  };

  /** Somebody has answered or is gone, or the time is up. */
  const settle = (room: RoomName, poll: Poll, timeIsUp = false): void => {
    poll.tally.waitingFor = poll.waiting.size;
    if (timeIsUp || poll.waiting.size === 0) {
      clearTimeout(poll.timer);
      poll.waiting.clear();
      poll.tally.open = false;
      polls.delete(room);
    }
    tellTally(room, poll);
  };

  /** Asks everybody in the room, and counts what they reply. */
  const askRoom = (askedBy: Client, text: string, options: string[]): bigint => {
    const { room, name } = askedBy.context;
    const asked = inRoom(room);
    const id = nextId();
    const poll: Poll = {
      tally: {
        id,
        askedBy: name,
        text,
        options: options.map((option) => ({ text: option, votes: 0 })),
        abstained: 0,
        waitingFor: asked.length,
        open: true,
      },
      waiting: new Set(asked),
      timer: setTimeout(() => settle(room, poll, true), secondsToAnswer * 1000),
    };
    polls.set(room, poll);
    for (const member of asked) {
      member.send("question", [{ id, askedBy: name, text, options, secondsToAnswer }], (_, eventName, args, reply) => {
        if (eventName !== "choose") return;
        const [chosen] = args;
        const option = chosen === undefined ? undefined : poll.tally.options[chosen];
        if (chosen !== undefined && option === undefined) {
          reply("refused", ["There is no such option"]);
          return;
        }
        if (!poll.waiting.delete(member)) {
          reply("refused", ["This question is closed"]);
          return;
        }
        if (option === undefined) poll.tally.abstained++;
        else option.votes++;
        settle(room, poll);
      });
    }
    return id;
  };

  /** No longer in the room: no answer will come. */
  const stopWaitingFor = (client: Client): void => {
    for (const [room, poll] of polls) {
      if (poll.waiting.delete(client)) settle(room, poll);
    }
  };

  // ---- One client

  const letIn = (client: Client, text: string): boolean => {
    const login = decodeLogin(text);
    const name = login?.name.trim().slice(0, Limit.nameLength);
    if (login?.key !== key || !name) return false;
    client.context = { id: nextId(), name, room: login.room };
    return true;
  };

  const welcome = (client: Client): void => {
    client.send("welcome", [memberOf(client), client.context.room]);
    catchUp(client);
    announceRooms();
    notice(client.context.room, `${client.context.name} came in`, client);

    client.on("say", ([text, quotes], reply) => {
      const trimmed = typeof text === "string" ? text.trim() : "";
      if (trimmed === "" || trimmed.length > Limit.textLength) {
        return reply("refused", [`A message has 1 to ${Limit.textLength} characters`]);
      }
      return reply("said", [publish(client, trimmed, { quotes: typeof quotes === "bigint" ? quotes : undefined })]);
    });

    client.on("show", ([info, bytes], reply) => {
      const picture = checkPicture(info, bytes);
      if (picture === undefined) {
        return reply("refused", [`A picture is WebP, PNG or JPEG of at most ${Limit.pictureBytes / 1024} KiB`]);
      }
      return reply("said", [publish(client, "", { picture }, bytes)]);
    });

    client.on("move", ([room], reply) => {
      if (!isRoomName(room)) return reply("refused", ["There is no such room"]);
      const before = client.context.room;
      stopWaitingFor(client);
      client.context.room = room;
      reply("welcome", [memberOf(client), room]);
      catchUp(client);
      announceRooms();
      notice(before, `${client.context.name} went to the ${room}`);
      return notice(room, `${client.context.name} came in`, client);
    });

    client.on("ask", ([question, options], reply) => {
      if (!isQuestion(question, options)) {
        return reply("refused", [`A question has text and 2 to ${Limit.options} options`]);
      }
      if (polls.has(client.context.room)) return reply("refused", ["Another question is still open here"]);
      return reply("asked", [askRoom(client, question.trim(), options)]);
    });
  };

  const goodbye = (client: Client): void => {
    // Also called for those who were never let in.
    if (client.context.id === NOBODY.id) return;
    stopWaitingFor(client);
    announceRooms();
    notice(client.context.room, `${client.context.name} left`);
  };

  const server = new Server(
    { ...transport, defaultContext: NOBODY, maxMessagesPerSecond: 25 },
    {
      onAuthRequest: letIn,
      onAuthOk: welcome,
      onDisconnect: goodbye,
      onError: (_, error) => (onError ?? console.error)(error),
    },
  );

  return {
    server,
    start: () => server.start(),
    close: () => {
      for (const { timer } of polls.values()) clearTimeout(timer);
      polls.clear();
      return server.close();
    },
  };
};

const memberOf = ({ context: { id, name } }: Client): Member => ({ id, name });

// ---- What peers send is only declared to be of its type

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === "string" && value.trim() !== "" && value.length <= maxLength;

const isQuestion = (question: unknown, options: unknown): boolean =>
  isText(question, Limit.questionLength) &&
  Array.isArray(options) &&
  options.length >= 2 &&
  options.length <= Limit.options &&
  options.every((option) => isText(option, Limit.optionLength));

const isSide = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value <= Limit.pictureSide;

const checkPicture = (info: Partial<PictureInfo> | undefined, bytes: unknown): PictureInfo | undefined => {
  if (!(bytes instanceof Uint8Array) || bytes.byteLength === 0 || bytes.byteLength > Limit.pictureBytes) {
    return undefined;
  }
  const { fileName, type, width, height } = info ?? {};
  if (!isText(fileName, Limit.fileNameLength) || !isPictureType(type) || !isSide(width) || !isSide(height)) {
    return undefined;
  }
  return { fileName, type, width, height };
};
