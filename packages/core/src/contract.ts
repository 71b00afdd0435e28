/** Event names and their arguments, as tuples. Names that start with `ezez-ws::` are the protocol's and do not compile. */
export type TEvents = Record<string, unknown[]> & { [K in `ezez-ws::${string}`]?: never };

export type EventName<TMap extends TEvents> = Extract<keyof TMap, string>;

/** The numbers of one message. */
export type Ids = {
  /** The sender's number for this message, unique on the connection. */
  eventId: number;
  /** The `eventId` that this message answers, or null. */
  replyTo: number | null;
};

/** A callback may return anything; a promise is watched, and its rejection becomes one `onError`. */
export type CallbackResult = unknown;

/** Arguments of `send` after the event's name. `args` may be left out where the event's tuple may be empty. */
export type SendArguments<TArgs extends unknown[], TOnReply> = [] extends TArgs
  ? [args?: TArgs | undefined, onReply?: TOnReply | undefined]
  : [args: TArgs, onReply?: TOnReply | undefined];

/** Sends one event; `undefined` where it was not sent. */
export type Send<Out extends TEvents, TOnReply> = <K extends EventName<Out>>(
  eventName: K,
  ...rest: SendArguments<Out[K], TOnReply>
) => Ids | undefined;

/**
 * The parameters of a callback for any event: one tuple for each event behind `TLeading`, so that testing `eventName`
 * narrows `args`.
 */
export type MessageParameters<TLeading extends unknown[], In extends TEvents, TReply> = {
  [K in EventName<In>]: [...TLeading, eventName: K, args: In[K], reply: TReply, ids: Ids];
}[EventName<In>];

/**
 * A callback with these parameters, or with fewer. A function of fewer parameters fits a tuple, but not a union of tuples,
 * so each number of them is a member of its own. Only the first has a signature that TypeScript infers parameters from,
 * since those of the others are overloaded: that is what narrows.
 */
export type MessageCallback<TParameters extends unknown[]> =
  | ((...parameters: TParameters) => CallbackResult)
  | WithFewer<TParameters>;

type WithFewer<TParameters extends unknown[]> = [TParameters] extends [[...infer TRest, unknown]]
  ? Overloaded<TRest> | WithFewer<TRest>
  : never;

interface Overloaded<TParameters extends unknown[]> {
  (...parameters: TParameters): CallbackResult;
  <_>(...parameters: TParameters): CallbackResult;
}

/** Called with the reply to one message. */
export type OnReply<In extends TEvents, Out extends TEvents, TContext extends object, TSocket> = MessageCallback<
  MessageParameters<[client: EZEZServerClient<In, Out, TContext, TSocket>], In, Reply<In, Out, TContext, TSocket>>
>;

/** Answers one message; may be called more than once. Has the result of `send`. */
export interface Reply<In extends TEvents, Out extends TEvents, TContext extends object, TSocket>
  extends Send<Out, OnReply<In, Out, TContext, TSocket>> {}

/** A listener of one event; `this` is the context given to `on`. */
export type Listen<TArgs extends unknown[], TReply, TThis> = (
  this: TThis,
  args: TArgs,
  reply: TReply,
  ids: Ids,
) => CallbackResult;

/** One connected client, as the server sees it. */
export interface EZEZServerClient<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
  TSocket = unknown,
> {
  /** The application's own data for this client: its copy of `defaultContext`. */
  context: TContext;
  /** Adds a listener, called as often as it was added. Takes effect from the next message. */
  on<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
  ): this;
  /** Like {@link on}, for the next message only. */
  once<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
  ): this;
  /** Removes all listeners of the event, or all that match the function, the context and `once` where given. */
  off<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener?: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
    once?: boolean,
  ): this;
  /**
   * Sends an event; `onReply` gets its reply.
   * @returns the message's ids, or `undefined` where it was not sent
   * @throws EZEZError `INVALID_EVENT_NAME`, `NOT_SERIALIZABLE`, `TOO_MANY_AWAITING_REPLIES`, or `DISCONNECTED` with
   * `sendAfterDisconnect: "throw"`
   */
  send<K extends EventName<Out>>(
    eventName: K,
    ...rest: SendArguments<Out[K], OnReply<In, Out, TContext, TSocket>>
  ): Ids | undefined;
  /** Open: can send and receive. */
  readonly alive: boolean;
  readonly authenticated: boolean;
  /** Messages sent with an `onReply` that was neither called nor given up. */
  readonly awaitingRepliesCount: number;
  /** Bytes not yet handed to the kernel. */
  readonly bufferedAmount: number;
  /** The runtime's own socket. */
  readonly client: TSocket;
  /** Counts from 0, one counter for the process. */
  readonly connectionId: number;
  /** The upgrade request; stays readable after the close. */
  readonly request: {
    readonly url: string;
    readonly headers: ReadonlyMap<string, string>;
    readonly remoteAddress: string;
  };
  /**
   * Closes the connection. `onDisconnect` follows asynchronously, without waiting for the peer.
   * @param code 1000-1003, 1007-1014 or 3000-4999; 1000 by default
   * @param reason at most 123 bytes of UTF-8
   * @throws EZEZError `INVALID_CLOSE_CODE` or `INVALID_CLOSE_REASON`
   */
  disconnect(code?: number, reason?: string): void;
}

/** The listener type of one event of one server: `OnCallback<typeof server, "chat">`. */
export type OnCallback<TServer, TEvent extends string> = TServer extends {
  readonly clients: EZEZServerClient<infer In, infer Out, infer TContext, infer TSocket>[];
}
  ? TEvent extends EventName<In>
    ? (args: In[TEvent], reply: Reply<In, Out, TContext, TSocket>, ids: Ids) => CallbackResult
    : never
  : never;
