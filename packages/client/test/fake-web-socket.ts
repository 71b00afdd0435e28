import type { WebSocketEvent, WebSocketLike } from "@ezez-ws/client";

type Listener = (event: WebSocketEvent) => void;

/** A WebSocket without a network, driven by the test. A class with another name, and events that are plain objects. */
export class FakeWebSocket implements WebSocketLike {
  static made: FakeWebSocket[] = [];

  static get last(): FakeWebSocket {
    const last = FakeWebSocket.made.at(-1);
    if (last === undefined) throw new Error("no WebSocket was made");
    return last;
  }

  binaryType = "blob";
  readyState = 0;
  bufferedAmount = 0;
  protocol = "";
  readonly url: string;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closes: [code: number | undefined, reason: string | undefined][] = [];
  readonly #listeners = new Map<string, Listener[]>();

  constructor(
    url: string | URL,
    readonly protocols: string | string[] | undefined,
    readonly extra: unknown,
  ) {
    this.url = String(url);
    FakeWebSocket.made.push(this);
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, this.#listeners.get(type)?.filter((other) => other !== listener) ?? []);
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    this.closes.push([code, reason]);
    this.readyState = 2;
  }

  emit(type: string, event: object = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...event });
  }

  open(): void {
    this.readyState = 1;
    this.emit("open");
  }

  receive(data: unknown): void {
    this.emit("message", { data });
  }

  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.emit("close", { code, reason });
  }
}
