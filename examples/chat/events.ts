// Everything that crosses the wire, for the server, the page and the scripted session.

export const ROOMS = [
  { name: "lobby", topic: "Come in, say hello" },
  { name: "studio", topic: "Sketches and work in progress" },
  { name: "garden", topic: "Anything but work" },
] as const;

export type RoomName = (typeof ROOMS)[number]["name"];

export const isRoomName = (value: unknown): value is RoomName => ROOMS.some((room) => room.name === value);

export type Member = {
  id: bigint;
  name: string;
};

export type Room = {
  name: RoomName;
  members: Member[];
};

export type PictureInfo = {
  fileName: string;
  type: PictureType;
  width: number;
  height: number;
};

export type Message = {
  /** Holds the time too, see {@link sentAt}. */
  id: bigint;
  author: Member;
  text: string;
  /** The message that this one answers. */
  quotes: bigint | undefined;
  /** Its bytes are an argument of their own. */
  picture: PictureInfo | undefined;
};

export type Question = {
  id: bigint;
  askedBy: string;
  text: string;
  options: string[];
  secondsToAnswer: number;
};

export type Tally = {
  id: bigint;
  askedBy: string;
  text: string;
  options: { text: string; votes: number }[];
  abstained: number;
  /** How many have not answered yet. */
  waitingFor: number;
  open: boolean;
};

/** What clients send. */
export type ClientEvents = {
  /** Replied to with `said` or `refused`. */
  say: [text: string, quotes: bigint | undefined];
  /** Replied to with `said` or `refused`. */
  show: [picture: PictureInfo, bytes: Uint8Array];
  /** Replied to with `welcome` or `refused`. */
  move: [room: RoomName];
  /** Has the server ask everybody in the room. Replied to with `asked` or `refused`. */
  ask: [question: string, options: string[]];
  /** The reply to `question`: the option's index, or undefined to abstain. */
  choose: [option: number | undefined];
};

/** What the server sends. */
export type ServerEvents = {
  welcome: [you: Member, room: RoomName];
  /** To everybody, whenever somebody comes, moves or goes. */
  rooms: [rooms: Room[]];
  notice: [text: string];
  message: [message: Message];
  picture: [message: Message, bytes: Uint8Array];
  /** Waits for `choose`. */
  question: [question: Question];
  tally: [tally: Tally];
  said: [message: Message];
  asked: [question: bigint];
  refused: [reason: string];
};

// ---- What a client authenticates with

/** Travels as the auth key, so that a client that comes back is in its room before any message of it is read. */
export type Login = {
  key: string;
  name: string;
  room: RoomName;
};

export const DEMO_KEY = "open sesame";

export const encodeLogin = (login: Login): string => JSON.stringify(login);

/** @returns undefined for anything that {@link encodeLogin} did not write */
export const decodeLogin = (text: string): Login | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { key, name, room } = value as { [K in keyof Login]?: unknown };
  if (typeof key !== "string" || typeof name !== "string" || !isRoomName(room)) return undefined;
  return { key, name, room };
};

// ---- Ids

/** Milliseconds since 1970 above, a counter below: more than a number can hold, so a bigint. */
const TIME_SHIFT = 22n;

export const firstIdAt = (time: number): bigint => BigInt(time) << TIME_SHIFT;

export const sentAt = (id: bigint): number => Number(id >> TIME_SHIFT);

// ---- Limits

export const PICTURE_TYPES = ["image/webp", "image/png", "image/jpeg"] as const;

export type PictureType = (typeof PICTURE_TYPES)[number];

export const isPictureType = (value: unknown): value is PictureType => PICTURE_TYPES.some((type) => type === value);

export const Limit = {
  nameLength: 24,
  textLength: 2000,
  fileNameLength: 100,
  pictureBytes: 128 * 1024,
  pictureSide: 480,
  questionLength: 140,
  optionLength: 60,
  options: 4,
} as const;
