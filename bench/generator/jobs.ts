import { Opcode } from "../../packages/conformance/src/frames.js";
import type { DialectName, Outcome } from "./commands.js";
import type { Dialect, MakeChecker, OrderName } from "./dialects.js";
import { Link } from "./link.js";
import type { Ring } from "./ring.js";
import { Stopwatch } from "./stopwatch.js";

export interface Pool {
  readonly name: DialectName;
  readonly dialect: Dialect;
  readonly links: readonly Link[];
}

// Every job begins and ends with nothing under way, so that what the server used between belongs to what was counted.

/** Each connection keeps a window of requests under way. */
export const echo = (
  { links }: Pool,
  requests: Ring,
  makeChecker: MakeChecker,
  window: number,
  milliseconds: number,
): Promise<Outcome> =>
  new Promise((resolve) => {
    const stopwatch = new Stopwatch();
    const end = performance.now() + milliseconds;
    let busy = links.length;
    for (const link of links) {
      const checker = makeChecker(() => link.pong());
      const sentAt = new Float64Array(window);
      let sent = 0;
      let answered = 0;
      const send = (count: number, now: number): void => {
        for (let i = 0; i < count; i++) sentAt[(sent + i) % window] = now;
        link.write(requests.slice(sent, count));
        sent += count;
      };
      link.onBytes = (chunk) => {
        const done = checker.push(chunk);
        if (done === 0) return;
        const now = performance.now();
        for (let i = 0; i < done; i++) stopwatch.record(now - (sentAt[(answered + i) % window] ?? 0));
        answered += done;
        if (answered > sent) throw new Error("more answers than requests");
        stopwatch.count(done);
        if (now < end) send(done, now);
        else if (answered === sent) {
          busy--;
          if (busy === 0) resolve(stopwatch.outcome());
        }
      };
      send(window, performance.now());
    }
  });

let lastOrderId = 1;

/** Orders one burst of broadcasts after another; each is over when every connection has them. */
export const broadcast = ({ dialect, links }: Pool, burst: number, milliseconds: number): Promise<Outcome> =>
  new Promise((resolve) => {
    const stopwatch = new Stopwatch();
    const end = performance.now() + milliseconds;
    let missing = 0;
    let start = 0;
    const order = (): void => {
      missing = links.length * burst;
      start = performance.now();
      links[0]?.write(Buffer.concat(Array.from({ length: burst }, () => dialect.order("broadcast", ++lastOrderId))));
    };
    for (const link of links) {
      const checker = dialect.news(() => link.pong());
      link.onBytes = (chunk) => {
        const done = checker.push(chunk);
        missing -= done;
        if (missing < 0) throw new Error("more frames than clients");
        if (done === 0 || missing > 0) return;
        const now = performance.now();
        stopwatch.record(now - start);
        stopwatch.count(links.length * burst);
        if (now < end) order();
        else resolve(stopwatch.outcome());
      };
    }
    order();
  });

/** Answers every question on these connections; `done` for every answered order. */
const answerQuestions = ({ dialect, links }: Pool, name: OrderName, done: (link: Link) => void): void => {
  for (const link of links) {
    let eventId = 1_000_000;
    link.onFrames(({ payload }) => {
      const text = payload.toString("latin1");
      const answer = dialect.answer(text, ++eventId);
      if (answer !== undefined) link.write(answer);
      else if (dialect.isDone(text, name)) done(link);
      else throw new Error(`neither a question nor an answer: ${text.slice(0, 100)}`);
    });
  }
};

/** One connection orders that the server ask all of them, again and again. */
export const ask = (pool: Pool, milliseconds: number): Promise<Outcome> =>
  new Promise((resolve) => {
    const stopwatch = new Stopwatch();
    const end = performance.now() + milliseconds;
    let start = 0;
    const order = (link: Link): void => {
      start = performance.now();
      link.write(pool.dialect.order("ask", ++lastOrderId));
    };
    answerQuestions(pool, "ask", (asker) => {
      const now = performance.now();
      stopwatch.record(now - start);
      stopwatch.count(pool.links.length);
      if (now < end) order(asker);
      else resolve(stopwatch.outcome());
    });
    if (pool.links[0] !== undefined) order(pool.links[0]);
  });

/** Each connection keeps so many orders under way for which the server asks it back. */
export const askMe = (pool: Pool, window: number, milliseconds: number): Promise<Outcome> =>
  new Promise((resolve) => {
    const stopwatch = new Stopwatch();
    const end = performance.now() + milliseconds;
    let underWay = 0;
    const order = (link: Link): void => {
      underWay++;
      link.write(pool.dialect.order("askMe", ++lastOrderId));
    };
    answerQuestions(pool, "askMe", (link) => {
      underWay--;
      stopwatch.count(1);
      if (performance.now() < end) order(link);
      else if (underWay === 0) resolve(stopwatch.outcome());
    });
    for (const link of pool.links) for (let i = 0; i < window; i++) order(link);
  });

/** Has the server wait in vain for this many replies, of the first connection. */
export const hold = ({ dialect, links }: Pool, count: number): Promise<Outcome> =>
  new Promise((resolve) => {
    const stopwatch = new Stopwatch();
    let missing = count;
    links[0]?.onFrames(({ opcode }) => {
      if (opcode !== Opcode.binary) throw new Error("not a question");
      missing--;
      if (missing === 0) resolve(stopwatch.outcome());
    });
    links[0]?.write(dialect.order("hold", ++lastOrderId, count));
  });

/** So many at a time connect, are greeted and leave. */
export const connect = async (
  port: number,
  dialect: Dialect,
  concurrency: number,
  milliseconds: number,
): Promise<Outcome> => {
  const stopwatch = new Stopwatch();
  const end = performance.now() + milliseconds;
  const visit = async (): Promise<void> => {
    while (performance.now() < end) {
      const start = performance.now();
      const link = await Link.open(port, dialect);
      await link.leave();
      stopwatch.record(performance.now() - start);
      stopwatch.count(1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, visit));
  return stopwatch.outcome();
};
