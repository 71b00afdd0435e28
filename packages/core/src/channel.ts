import type { Ids } from "./contract.js";
import type { FrameCodec, Message } from "./frame.js";
import { Replies } from "./replies.js";

/** `reply` as it is before the user's event types are known. */
export type AnyReply<TOnReply> = (
  eventName: string,
  args?: unknown[] | undefined,
  onReply?: TOnReply | undefined,
) => Ids | undefined;

/** A message encoded and numbered, ready to be handed over. */
export interface Outgoing<TOnReply> {
  readonly bytes: Uint8Array;
  readonly ids: Ids;
  readonly onReply: TOnReply | undefined;
}

/** What a channel asks of the connection that it belongs to. */
export interface ChannelOwner<TOnReply> {
  readonly alive: boolean;
  nextEventId(): number;
  /** Whether to go on sending on this connection; may throw where the user wants that. */
  ready(): boolean;
  /** Hands bytes to the transport; false where it did not take them. */
  transmit(bytes: Uint8Array): boolean;
  onMessage(message: Message, reply: AnyReply<TOnReply>, ids: Ids): void;
  onReply(onReply: TOnReply, message: Message, reply: AnyReply<TOnReply>, ids: Ids): void;
  emit(message: Message, reply: AnyReply<TOnReply>, ids: Ids): void;
}

/** Events and replies over one open connection, the same for the server's side and the client's. */
export class Channel<TOnReply> {
  readonly #codec: FrameCodec;
  readonly #owner: ChannelOwner<TOnReply>;
  /** The messages of this connection that wait for a reply. */
  readonly replies: Replies<TOnReply>;

  constructor(codec: FrameCodec, owner: ChannelOwner<TOnReply>, limits: ConstructorParameters<typeof Replies>[0]) {
    this.#codec = codec;
    this.#owner = owner;
    this.replies = new Replies(limits);
  }

  /** Encodes, numbers and hands over one message; `undefined` where it was not sent. */
  send(
    eventName: string,
    args: unknown[] | undefined,
    onReply: TOnReply | undefined,
    replyTo: number | null,
  ): Ids | undefined {
    if (!this.#owner.ready()) return undefined;
    const eventId = this.#owner.nextEventId();
    const bytes = this.#codec.encode(eventName, eventId, replyTo, args ?? []);
    const ids = { eventId, replyTo };
    return this.hand({ bytes, ids, onReply }) ? ids : undefined;
  }

  /** Hands over a message that is encoded already. */
  hand({ bytes, ids, onReply }: Outgoing<TOnReply>): boolean {
    // Before sending: a transport may deliver the answer before it returns.
    if (onReply !== undefined) this.replies.add(ids.eventId, onReply);
    let taken = false;
    try {
      taken = this.#owner.transmit(bytes);
    } finally {
      if (!taken && onReply !== undefined) this.replies.delete(ids.eventId);
    }
    return taken;
  }

  /** Dispatches one message: first `onMessage`, then the callback that waits for it, or else the listeners. */
  deliver(message: Message): void {
    const { eventId, replyTo } = message;
    const ids = { eventId, replyTo };
    const reply: AnyReply<TOnReply> = (eventName, args, onReply) => this.send(eventName, args, onReply, eventId);
    this.#owner.onMessage(message, reply, ids);
    // onMessage may have closed the connection, after which nothing more is dispatched.
    if (!this.#owner.alive) return;
    const onReply = replyTo === null ? undefined : this.replies.take(replyTo);
    if (onReply === undefined) this.#owner.emit(message, reply, ids);
    else this.#owner.onReply(onReply, message, reply, ids);
  }
}
