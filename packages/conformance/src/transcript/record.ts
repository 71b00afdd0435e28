import { Opcode } from "../frames.js";
import { decode, encode } from "../messages.js";
import type { Row, Server } from "../row.js";
import { DEADLINE_MS, gate, within } from "../wait.js";
import { type HttpResponse, Wire } from "../wire.js";
import { Application } from "./application.js";
import type { Sent, Session, Step } from "./session.js";
import { type Ids, show, showFrame, showResponse, showSent } from "./show.js";

const FOREVER_MS = 2 ** 31 - 1;
const BARRIER = "barrier ";

/** A peer, and all that it sent and saw. */
class Recorded {
  readonly lines: string[] = [];
  /** The connection was upgraded, so its end is told to `onDisconnect`. */
  upgraded = false;
  ended = false;
  readonly over: Promise<void>;
  readonly response: Promise<HttpResponse>;
  readonly #peer: Wire;
  readonly #ids: Ids;
  readonly #questions: number[] = [];
  readonly #barriers = new Map<string, () => void>();
  #barrier = 0;
  #lastId = 0;
  #leaves = false;

  constructor(peer: Wire, ids: Ids) {
    this.#peer = peer;
    this.#ids = ids;
    this.response = peer.response;
    this.over = this.#read();
  }

  send(messages: readonly Sent[]): void {
    for (const sent of messages) {
      if (this.ended || this.#leaves) this.lines.push("is gone");
      else this.#send(sent);
    }
  }

  vanish(how: "reset" | "endTcp"): void {
    if (this.ended || this.#leaves) return;
    this.#leaves = true;
    this.lines.push(`-> ${how}`);
    this.#peer[how]();
  }

  /** Waits until the server has answered all that was sent: its pong comes behind everything, and so does its close. */
  async quiet(): Promise<void> {
    if (this.ended) return;
    if (this.#leaves || !this.#peer.isOpen) {
      await this.over;
      return;
    }
    const payload = `${BARRIER}${++this.#barrier}`;
    const passed = gate<void>();
    this.#barriers.set(payload, passed.open);
    this.#peer.frame(Opcode.ping, Buffer.from(payload));
    await Promise.race([passed.passed, this.over]);
  }

  destroy(): void {
    this.#peer.destroy();
  }

  #send(sent: Sent): void {
    if ("close" in sent) {
      const [code, reason] = sent.close;
      this.#leaves = true;
      this.lines.push(`-> close ${code ?? "without a code"} ${show(reason ?? "")}`);
      this.#peer.close(code, reason);
    } else if ("text" in sent) this.#frame(Opcode.text, Buffer.from(sent.text), `text ${show(sent.text)}`);
    else if ("ping" in sent) this.#frame(Opcode.ping, Buffer.from(sent.ping), `ping ${show(sent.ping)}`);
    else {
      const payload = this.#bytes(sent);
      this.#frame(Opcode.binary, payload, `binary ${showSent(payload, this.#ids)}`);
    }
  }

  #frame(opcode: number, payload: Buffer, text: string): void {
    this.lines.push(`-> ${text}`);
    this.#peer.frame(opcode, payload);
  }

  #bytes(sent: Exclude<Sent, { close: unknown } | { text: unknown } | { ping: unknown }>): Buffer {
    if ("auth" in sent) return encode("ezez-ws::auth", ...sent.auth);
    if ("parts" in sent) return encode(...sent.parts);
    if ("hex" in sent) return Buffer.from(sent.hex, "hex");
    if ("size" in sent) return Buffer.alloc(sent.size, "x");
    return encode(sent.event, ++this.#lastId, this.#answered(sent.answers), ...(sent.args ?? []));
  }

  #answered(answers: number | "unknown" | undefined): number | null {
    if (answers === undefined) return null;
    if (answers === "unknown" || this.#questions.length === 0) return 2 ** 40;
    return this.#questions[answers % this.#questions.length] ?? null;
  }

  #noteQuestion([eventName, eventId, , what]: unknown[]): void {
    if (eventName === "c" && what === "question" && typeof eventId === "number") this.#questions.push(eventId);
  }

  async #read(): Promise<void> {
    for (;;) {
      const frame = await this.#peer.nextFrame("a frame", FOREVER_MS).catch(() => undefined);
      if (frame === undefined) break;
      const text = frame.payload.toString();
      if (frame.opcode === Opcode.pong && text.startsWith(BARRIER)) {
        this.#barriers.get(text)?.();
        continue;
      }
      this.lines.push(`<- ${showFrame(frame, this.#ids)}`);
      if (frame.opcode === Opcode.binary) this.#noteQuestion(decode(frame.payload));
    }
    const { code, reason } = await this.#peer.closed();
    this.lines.push(`<- ${code === 1006 ? "the end, without a close frame" : `close ${code} ${show(reason)}`}`);
    if (this.#peer.pings > 0) this.lines.push(`<- ${this.#peer.pings} pings`);
    this.ended = true;
  }
}

/** Plays one session and writes down all that can be observed of it. */
class Recording {
  readonly #session: Session;
  readonly #app: Application;
  readonly #server: Server;
  readonly #row: Row;
  readonly #peers = new Map<string, Recorded>();
  readonly #text: string[] = [];

  constructor(session: Session, app: Application, server: Server, row: Row) {
    this.#session = session;
    this.#app = app;
    this.#server = server;
    this.#row = row;
  }

  get #port(): number {
    const address = this.#server.address();
    if (address === null) throw new Error("the server has no address");
    return address.port;
  }

  async play(): Promise<string> {
    const { title, options, steps } = this.#session;
    this.#text.push(`# ${title}`, `options ${show(options)}`);
    try {
      for (const [at, step] of [...steps, { step: "close" } as const].entries()) {
        this.#text.push("", `## ${at + 1}. ${describeStep(step)}`);
        await within(this.#play(step), `${title}, step ${at + 1}: ${describeStep(step)}`, DEADLINE_MS);
        this.#writeStep("by" in step && Object.keys(step.by).length > 1);
      }
    } catch (error) {
      this.#writeStep(false);
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#text.join("\n")}`);
    } finally {
      for (const peer of this.#peers.values()) peer.destroy();
      await this.#server.close({ timeoutMs: 100 });
    }
    return `${this.#text.join("\n")}\n`;
  }

  async #play(step: Step): Promise<void> {
    switch (step.step) {
      case "connect": {
        const path = `${step.path ?? "/"}?peer=${step.peer}`;
        const { connect } = this.#row;
        const { headers = {} } = step;
        const peer = new Recorded(new Wire(this.#port, { connect, path, headers }), this.#app.idsOf(step.peer));
        this.#peers.set(step.peer, peer);
        const response = await peer.response;
        peer.lines.push(`<- ${showResponse(response)}`);
        peer.upgraded = response.status === 101;
        if (!peer.upgraded) peer.destroy();
        peer.send(step.send ?? []);
        break;
      }
      case "send":
        for (const [peer, messages] of Object.entries(step.by)) this.#peers.get(peer)?.send(messages);
        break;
      case "decide":
        this.#app.settle(step.peer, step.answer);
        break;
      case "serve":
        for (const act of step.acts) this.#app.perform(act, undefined);
        break;
      case "vanish":
        this.#peers.get(step.peer)?.vanish(step.how);
        break;
      case "expire":
        await this.#peers.get(step.peer)?.over;
        break;
      case "close":
        await this.#server.close();
    }
    await this.#quiet();
  }

  /**
   * First all that was sent has been dispatched, then all that was sent on has arrived. Who ended meanwhile has its
   * `onDisconnect`, which may have sent or ended more: one more round, until none changed anything.
   */
  async #quiet(): Promise<void> {
    let ended = 0;
    for (let round = 0, before = -1; round < 2 || ended !== before; round++) {
      before = ended;
      await Promise.all([...this.#peers.values()].map((peer) => peer.quiet()));
      const over = [...this.#peers].filter(([, peer]) => peer.upgraded && peer.ended);
      await Promise.all(over.map(([name]) => this.#app.disconnection(name).passed));
      ended = over.length;
    }
  }

  #writeStep(perPeer: boolean): void {
    const lines = this.#app.lines.splice(0);
    if (perPeer) lines.sort((a, b) => (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0));
    for (const { peer, text } of lines) this.#text.push(`server ${peer.padEnd(1)} ${text}`);
    for (const [name, peer] of this.#peers) {
      for (const line of peer.lines.splice(0)) this.#text.push(`peer   ${name} ${line}`);
    }
    for (const change of this.#app.changes()) this.#text.push(`state  ${change}`);
  }
}

const describeStep = (step: Step): string => {
  switch (step.step) {
    case "connect":
      return `${step.peer} connects`;
    case "send":
      return `${Object.keys(step.by).join(" and ")} ${Object.keys(step.by).length > 1 ? "send at once" : "sends"}`;
    case "decide":
      return `onAuthRequest of ${step.peer} ${step.answer === "fail" ? "rejects" : `resolves to ${step.answer}`}`;
    case "serve":
      return "the server acts";
    case "vanish":
      return `${step.peer} vanishes`;
    case "expire":
      return `${step.peer} is given up`;
    case "close":
      return "the server closes";
  }
};

/** The transcript of one session on one row. */
export const record = async (row: Row, session: Session): Promise<string> => {
  const app = new Application(session);
  const server = row.create({ port: 0, host: "127.0.0.1", ...session.options }, app.callbacks);
  await server.start();
  app.server = server;
  return new Recording(session, app, server, row).play();
};
