import uWS from "uWebSockets.js";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { upgradeRequest } from "../../conformance/src/wire.js";
import { create, open, portOf, start } from "./harness.js";

describe("options", () => {
  test("exactly one of port and app", () => {
    expect(() => create({})).toThrow("port and app: give exactly one");
    expect(() => create({ port: 0, app: uWS.App() })).toThrow("port and app: give exactly one");
  });

  test.each<[string, unknown[]]>([
    ["app", [{}, null, 5, () => undefined]],
    // uWS ends the process on anything but an object.
    ["ssl", [null, "key.pem", 5]],
    ["compression", [-1, 1.5, "SHARED_COMPRESSOR", true, null]],
  ])("%s of another kind throws from the constructor, with its name", (option, values) => {
    const where = option === "app" ? {} : { port: 0 };
    for (const value of values) {
      expect(() => create({ ...where, [option]: value }), String(value)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(`^${option} must be `) }),
      );
    }
  });

  test.each([-1, 65_536, 99_999, 1.5, Number.NaN])("port %s is refused at construction", (port) => {
    expect(() => create({ port })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  // uWS ends the process where its idle timeout is from 1 to 7 s, or above 960 s.
  test.each([0, 1, 250, 5000, 237_999, 238_000, 2 ** 31 - 1])("a heartbeat of %s ms", async (heartbeatIntervalMs) => {
    const { port } = await start({ heartbeatIntervalMs });
    await open(port);
  });

  test("the largest maxPayload", async () => {
    const { port } = await start({ maxPayload: 2 ** 31 - 1 });
    await open(port);
  });
});

describe("a port in use", () => {
  const inUse = expect.objectContaining({ code: "EADDRINUSE" });

  test("of a server of ours", async () => {
    const { port } = await start();
    await expect(create({ port, host: "127.0.0.1" }).server.start()).rejects.toEqual(inUse);
    await expect(create({ port }).server.start()).rejects.toEqual(inUse);
  });

  test("of an app that shares its port with others", async () => {
    const app = uWS.App();
    let shared = 0;
    const first = await start({ host: "127.0.0.1" });
    await first.server.close();
    app.listen("127.0.0.1", first.port, (token) => {
      if (token !== false) shared = uWS.us_socket_local_port(token);
    });
    onTestFinished(() => void app.close());
    await expect(create({ port: shared, host: "127.0.0.1" }).server.start()).rejects.toEqual(inUse);
  });

  test("of an HTTP server of Node's", async () => {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, () => resolve()));
    onTestFinished(() => void http.close());
    await expect(create({ port: (http.address() as AddressInfo).port }).server.start()).rejects.toEqual(inUse);
  });

  test("and another process cannot share ours", async () => {
    const { port } = await start();
    const other = `require("uWebSockets.js").App().listen("127.0.0.1", ${port}, (token) => {
      console.log(token ? "shared" : "refused");
      process.exit();
    });`;
    const cwd = join(import.meta.dirname, "..");
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", other], { cwd });
    expect(stdout).toBe("refused\n");
  });

  test("is free after the close, though closed connections linger", async () => {
    const { server, port } = await start();
    await server.close();
    for (let times = 0; times < 2; times++) {
      const again = create({ port, host: "127.0.0.1" });
      await again.server.start();
      await open(port);
      await again.server.close();
    }
  });
});

describe("a host", () => {
  test("that is a name becomes its address", async () => {
    const { server } = await start({ host: "localhost" });
    expect(["127.0.0.1", "::1"]).toContain(server.address()?.address);
  });

  test("that is not there", async () => {
    await expect(create({ port: 0, host: "nowhere.invalid" }).server.start()).rejects.toThrow("nowhere.invalid");
    const notOurs = create({ port: 0, host: "203.0.113.7" }).server.start();
    await expect(notOurs).rejects.toEqual(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
  });
});

describe("the peer's address", () => {
  const addressOf = async (listenHost: string | undefined, host: string): Promise<string | undefined> => {
    const { server } = create({ port: 0, host: listenHost });
    await server.start();
    await open(portOf(server), { host });
    return server.clients[0]?.request.remoteAddress;
  };

  test.each([
    ["IPv4 on all addresses", undefined, "127.0.0.1", "127.0.0.1"],
    ["IPv4 on its own", "127.0.0.1", "127.0.0.1", "127.0.0.1"],
    ["IPv6, as Node writes it", undefined, "::1", "::1"],
  ])("%s", async (_what, listenHost, host, address) => {
    expect(await addressOf(listenHost, host)).toBe(address);
  });
});

describe("ssl", () => {
  const folder = mkdtempSync(join(tmpdir(), "ezez-ws-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    { stdio: "ignore" },
  );

  test("serves over TLS", async () => {
    const { port } = await start({ ssl: { key_file_name: key, cert_file_name: cert } });
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    socket.write(upgradeRequest(port));
    const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  });

  test("a missing file rejects the start, by its name", async () => {
    const missing = join(folder, "missing.pem");
    const { server } = create({ port: 0, ssl: { key_file_name: missing, cert_file_name: cert } });
    await expect(server.start()).rejects.toEqual(expect.objectContaining({ code: "ENOENT", path: missing }));
  });

  test("a file that is no certificate rejects the start", async () => {
    const { server } = create({ port: 0, ssl: { key_file_name: key, cert_file_name: key } });
    await expect(server.start()).rejects.toEqual(
      expect.objectContaining({ code: "INVALID_OPTION", message: "ssl is refused by uWebSockets.js" }),
    );
  });
});

test("our own app serves further routes", async () => {
  const { server } = create({ port: 0, host: "127.0.0.1", path: "/ws" });
  server.app.get("/health", (response) => void response.end("fine"));
  await server.start();
  const health = await fetch(`http://127.0.0.1:${portOf(server)}/health`);
  expect(await health.text()).toBe("fine");
  await open(portOf(server), { path: "/ws" });
});
