import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { EZEZWebsocketServer } from "@ezez-ws/adapter-deno";
import { type Connect, requestHttp, until, Wire, within } from "@ezez-ws/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const skipped = "Deno" in globalThis ? undefined : "Deno is not the runtime";

type Events = { a: [string]; b: [string] };

/** A certificate of nobody's but ours, and its key, as PEM. */
const selfSigned = async (): Promise<{ key: string; cert: string }> => {
  const folder = await mkdtemp(join(tmpdir(), "ezez-ws-deno-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const newKey = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
    await promisify(execFile)("openssl", ["req", ...newKey, "-keyout", key, "-out", cert, ...subject]);
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
};

describe.skipIf(skipped !== undefined)(`TLS on Deno${skipped === undefined ? "" : ` (skipped: ${skipped})`}`, () => {
  let tls: { key: string; cert: string };
  let port: number;
  let server: EZEZWebsocketServer<Events>;
  const ended: [code: number, reason: string][] = [];
  const errors: unknown[] = [];

  const connect: Connect = (to, host) => connectTls({ port: to, host, servername: "localhost", ca: tls.cert });

  beforeAll(async () => {
    tls = await selfSigned();
    server = new EZEZWebsocketServer<Events>(
      { port: 0, host: "127.0.0.1", tls, fetch: () => new Response("secure") },
      {
        onAuthRequest: () => true,
        onMessage: (_client, _eventName, args, reply) => void reply("b", [args[0]]),
        onDisconnect: (_client, code, reason) => void ended.push([code, reason]),
        onError: (_client, error) => void errors.push(error),
      },
    );
    await server.start();
    port = server.address()?.port ?? 0;
  });

  afterAll(() => within(server.close(), "close"));

  test("serves https and wss, of any length and both ways", async () => {
    const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    expect(await requestHttp(port, get, connect)).toMatchObject({ status: 200, body: "secure" });
    const wire = await Wire.authenticated(port, { connect });
    for (const text of ["hello", "x".repeat(500_000)]) {
      const eventId = wire.event("a", text);
      expect((await wire.next()).slice(2)).toEqual([eventId, text]);
    }
    wire.close(4000, "enough");
    expect(await wire.closed()).toEqual({ code: 4000, reason: "enough" });
    await until(() => ended.length === 1, "onDisconnect was called");
    expect(ended.splice(0)).toEqual([[4000, "enough"]]);
  });

  test("tells of a peer that vanishes, and closes one that is to leave", async () => {
    const vanishing = await Wire.authenticated(port, { connect });
    const leaving = await Wire.authenticated(port, { connect });
    vanishing.destroy();
    await until(() => ended.length === 1, "onDisconnect was called");
    server.clients[0]?.disconnect(4001, "out");
    expect(await leaving.closed()).toEqual({ code: 4001, reason: "out" });
    expect(ended.splice(0)).toEqual([
      [1006, ""],
      [4001, "out"],
    ]);
    expect(errors).toEqual([]);
  });

  test("a peer that speaks no TLS harms nobody else", async () => {
    await expect(Wire.open(port)).rejects.toThrow();
    const wire = await Wire.authenticated(port, { connect });
    expect((await requestHttp(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", connect)).status).toBe(200);
    wire.destroy();
    await until(() => ended.length === 1, "onDisconnect was called");
    expect(ended.splice(0)).toEqual([[1006, ""]]);
  });

  test("a certificate that is none rejects start", async () => {
    const bad = new EZEZWebsocketServer<Events>(
      { port: 0, tls: { key: "no key", cert: "no certificate" } },
      { onAuthRequest: () => true },
    );
    await expect(bad.start()).rejects.toThrow();
    expect(bad.address()).toBeNull();
    await within(bad.close(), "close");
  });
});
