import { STATUS_CODES } from "node:http";
import type { Refusal } from "@ezez-ws/core";

const LARGEST_HEAD = 16 * 1024;

/** What a request's head says; its names as sent. */
export interface Head {
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Takes one request's head out of a stream of bytes. */
export class HeadReader {
  #bytes = Buffer.alloc(0);

  /** The head, once it is whole; what answers it where it is none. */
  push(chunk: Buffer): Head | Refusal | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end > LARGEST_HEAD || (end === -1 && this.#bytes.length > LARGEST_HEAD)) return { status: 431 };
    if (end === -1) return undefined;
    const head = parse(this.#bytes.subarray(0, end).toString("latin1"));
    this.#bytes = this.#bytes.subarray(end + 4);
    return head;
  }

  /** What came behind the head. */
  get rest(): Buffer {
    return this.#bytes;
  }
}

const parse = (text: string): Head | Refusal => {
  const [first = "", ...lines] = text.split("\r\n");
  const url = /^GET (\S+) HTTP\/1\.1$/.exec(first)?.[1];
  const headers = lines.map((line) => /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line));
  if (url === undefined || headers.includes(null)) return { status: 400 };
  return { url, headers: headers.map((match): [string, string] => [match?.[1] ?? "", match?.[2] ?? ""]) };
};

/** The bytes of an answer, its first line and headers and all. */
export const response = ({ status, headers = {}, body = "" }: Refusal): Buffer => {
  const content = Buffer.from(body);
  // A switch of protocols has no body.
  const length: [string, string][] = status === 101 ? [] : [["Content-Length", `${content.length}`]];
  const lines = [...Object.entries(headers), ...length].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`, "latin1");
  return Buffer.concat([head, content]);
};
