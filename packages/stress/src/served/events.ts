/** What peers send to the applications of this package. */
export type PeerEvents = {
  /** A question to the server. */
  ask: [number: number, text: string];
  /** The answer to one of the server's. */
  answer: [number: number, text: string];
};

/** What the applications send. */
export type ServerEvents = {
  ask: [number: number, text: string];
  answer: [number: number, text: string];
  /** To everybody; `at` is the sender's `Date.now()`, with its fractions. */
  news: [number: number, at: number, text: string];
};
