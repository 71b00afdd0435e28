import { setTimeout as sleep } from "node:timers/promises";
import { Random, until } from "@ezez-ws/conformance";
import type { AdapterName } from "../adapters.js";
import { type Check, check } from "../check.js";
import { FaultProxy } from "../fault-proxy.js";
import { ServerProcess } from "../server-process.js";
import { Account } from "./account.js";
import { Receipts } from "./receipts.js";

export interface AccountingOptions {
  readonly adapter: AdapterName;
  readonly messages: number;
  readonly seed: number;
}

const CLIENTS = 24;
const PER_SECOND = 4000;
const LEAST_S = 10;
const TICK_MS = 5;
const MOST_PER_TICK = 4;
// Far more than a round trip takes, and far less than the queue holds; one client overfills the queue instead.
const MOST_WAITING = 100;
const BOLD = 1200;
const CUTS_EVERY_S = 0.4;
const HOLES_EVERY_S = 2;
// An even number, as every other one is a kill.
const RESTARTS = 2;
const RESTARTS_OF_LONG = 6;
const LONG_S = 30;
const QUIET_MS = 60_000;

/** Sends so many messages through a proxy that breaks connections, to servers that end, and accounts for each. */
export const runAccounting = async (options: AccountingOptions): Promise<readonly Check[]> => {
  const random = new Random(options.seed);
  const proxy = await FaultProxy.start(random);
  const run = new Accounting(options, random, proxy);
  try {
    return await run.run();
  } finally {
    await run.end();
  }
};

class Accounting {
  readonly #options: AccountingOptions;
  readonly #random: Random;
  readonly #proxy: FaultProxy;
  readonly #receipts = new Receipts();
  readonly #accounts: readonly Account[];
  #server: ServerProcess | undefined;
  readonly #seconds: number;
  readonly #faults = { cuts: 0, holes: 0, stops: 0, kills: 0 };

  constructor(options: AccountingOptions, random: Random, proxy: FaultProxy) {
    this.#options = options;
    this.#seconds = Math.max(options.messages / PER_SECOND, LEAST_S);
    this.#random = random;
    this.#proxy = proxy;
    this.#accounts = Array.from({ length: CLIENTS }, (_, number) => {
      const sendWhenNotConnected = number % 8 === 6 ? "ignore" : number % 8 === 7 ? "throw" : "queueAfterAuth";
      const most = number === 0 ? BOLD : MOST_WAITING;
      return new Account({
        number,
        url: `ws://127.0.0.1:${proxy.port}`,
        random,
        client: { sendWhenNotConnected },
        most,
      });
    });
  }

  async run(): Promise<readonly Check[]> {
    await this.#startServer();
    const faults = this.#breakThings();
    await this.#sendAll();
    await faults;
    const quiet = await until(() => this.#accounts.every((account) => account.isQuiet), "all is answered", QUIET_MS)
      .then(() => true)
      .catch(() => false);
    await this.#server?.close();
    return this.#checks(quiet);
  }

  async end(): Promise<void> {
    for (const account of this.#accounts) account.close();
    this.#server?.kill();
    await this.#proxy.close();
    this.#receipts.remove();
  }

  async #startServer(): Promise<void> {
    this.#server = await ServerProcess.start(this.#options.adapter, "accounting");
    await this.#server.ask("receipts", this.#receipts.next());
    this.#proxy.target = this.#server.port;
  }

  async #sendAll(): Promise<void> {
    const start = performance.now();
    const perSecond = this.#options.messages / this.#seconds;
    for (let sent = 0; sent < this.#options.messages; ) {
      const due = Math.min(((performance.now() - start) / 1000) * perSecond, this.#options.messages);
      const first = this.#random.below(CLIENTS);
      for (let i = 0; i < CLIENTS * MOST_PER_TICK && sent < due; i++) {
        const account = this.#accounts[(first + i) % CLIENTS];
        if (account?.isWilling !== true) continue;
        account.send();
        sent++;
      }
      await sleep(TICK_MS);
    }
  }

  /** Connections break at random, and servers end in turn as they should and as they should not. */
  async #breakThings(): Promise<void> {
    const restarts = this.#seconds < LONG_S ? RESTARTS : RESTARTS_OF_LONG;
    const cuts = setInterval(() => {
      this.#faults.cuts++;
      this.#proxy.cutOne();
    }, CUTS_EVERY_S * 1000);
    const holes = setInterval(() => {
      this.#faults.holes++;
      this.#proxy.swallowOne();
    }, HOLES_EVERY_S * 1000);
    for (let i = 0; i < restarts; i++) {
      await sleep((this.#seconds / (restarts + 1)) * 1000 * this.#random.between(0.7, 1.3));
      await this.#restart(i % 2 === 0);
    }
    clearInterval(cuts);
    clearInterval(holes);
  }

  async #restart(orderly: boolean): Promise<void> {
    if (orderly) {
      this.#faults.stops++;
      await this.#server?.close();
    } else {
      this.#faults.kills++;
      this.#server?.kill();
      await this.#server?.ended;
    }
    this.#proxy.target = undefined;
    await this.#startServer();
  }

  #checks(quiet: boolean): readonly Check[] {
    const total = (of: (account: Account) => number): number =>
      this.#accounts.reduce((sum, account) => sum + of(account), 0);
    const lines = this.#receipts.read();
    const got = lines.filter(([what]) => what === "got");
    const answered = lines.filter(([what]) => what === "answered").length;
    const wrong = lines.filter(([what]) => what === "misanswered" || what === "error");
    const unexpected = wrong.filter(([, code]) => code !== "HEARTBEAT_LOST" && code !== "TRANSPORT_ERROR");
    const broken = [...this.#accounts.flatMap((account) => [...account.broken]), ...this.#compare(got)];
    const { cuts, holes, stops, kills } = this.#faults;
    const replied = total(({ counts }) => counts.replied);
    const refused = total(({ counts }) => counts.refused);
    const lost = total(({ counts }) => counts.lost);
    const most = total((account) => account.disconnects * account.most);
    const messages = total((account) => account.entries.length);
    return [
      check(
        "every message is accounted for",
        quiet && replied + refused + lost === messages,
        `${messages} = ${replied} replied + ${refused} refused + ${lost} lost with one of ${total(({ disconnects }) => disconnects)} connections`,
      ),
      check("what is lost was under way", lost <= most, `${lost}, at most ${most}`),
      check(
        "none is delivered twice, out of order, or against what the sender knows; no reply or news goes wrong",
        broken.length === 0,
        broken.map(([what, example]) => `${what}: ${example}`)[0] ??
          `${got.length} delivered, ${total(({ counts }) => counts.news)} news`,
      ),
      check(
        "every answer to the server is the right one, and only connections break",
        unexpected.length === 0,
        unexpected[0]?.join(" ") ?? `${answered} answers`,
      ),
      check(
        "connections were broken on the way",
        cuts > 0 && holes > 0 && stops > 0 && kills > 0,
        `${cuts} cut, ${holes} black holes, ${stops} servers stopped and ${kills} killed, ${this.#proxy.delayedChunks} chunks late`,
      ),
    ];
  }

  /** What servers got, against what clients know of what they sent. */
  #compare(got: readonly string[][]): [what: string, example: string][] {
    const broken: [string, string][] = [];
    const delivered = new Set<string>();
    const last = new Map<number, number>();
    for (const [, connection, number, text = ""] of got) {
      const client = Number(text.split("-")[0]);
      const entry = this.#accounts[client]?.entries[Number(number)];
      if (entry?.text !== text) broken.push(["a message that nobody sent", text]);
      if (delivered.has(text)) broken.push(["a message was delivered twice", text]);
      if (entry?.fate === "refused") broken.push(["a message was delivered and refused", text]);
      // Over connections too: what was lost is not sent again.
      if ((last.get(client) ?? -1) >= Number(number)) broken.push(["out of order", `${text} on ${connection}`]);
      delivered.add(text);
      last.set(client, Number(number));
    }
    for (const { text, fate } of this.#accounts.flatMap(({ entries }) => entries)) {
      if (fate === "replied" && !delivered.has(text)) broken.push(["a reply to what was never delivered", text]);
    }
    return broken;
  }
}
