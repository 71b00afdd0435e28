import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RawServer } from "./raw-server.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const bundle = async (options: BuildOptions): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [path("../src/index.ts")],
    alias: { "@ezez-ws/core": path("../../core/src/index.ts") },
    bundle: true,
    write: false,
    logLevel: "silent",
    ...options,
  });
  return outputFiles?.[0]?.text ?? "";
};

let server: RawServer;
let folder: string;

beforeAll(async () => {
  // Beside the package, so that the bundle finds the package's ws.
  folder = await mkdtemp(path("./.process-"));
  await writeFile(
    join(folder, "client.mjs"),
    await bundle({ format: "esm", platform: "neutral", mainFields: ["module", "main"] }),
  );
  await writeFile(
    join(folder, "client.cjs"),
    await bundle({ format: "cjs", platform: "neutral", mainFields: ["module", "main"] }),
  );
});

afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  server = await RawServer.start();
});

afterEach(() => server.stop());

/** Runs a script until it ends by itself; rejects where it fails or hangs. Gives what it printed. */
const run = (script: string, extension = "mjs", where = folder): Promise<string> => {
  const load =
    extension === "mjs"
      ? `import { EZEZWebSocketClient } from "${join(where, "client.mjs")}";`
      : `const { EZEZWebSocketClient } = require("${join(where, "client.cjs")}");`;
  const file = join(where, `script-${Math.random()}.${extension}`);
  return new Promise((resolve, reject) => {
    writeFile(file, `${load}\nconst url = ${JSON.stringify(server.url)};\n${script}`).then(() =>
      execFile(process.execPath, [file], { timeout: 60_000 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      ),
    );
  });
};

describe("a process", () => {
  it.each<[string, string]>([
    ["before anything happened", "new EZEZWebSocketClient(url).close();"],
    ["while connecting", "const c = new EZEZWebSocketClient(url); setImmediate(() => setImmediate(() => c.close()));"],
    [
      "when open",
      "const c = new EZEZWebSocketClient(url, [], {}, { onConnect: () => setImmediate(() => c.close()) });",
    ],
    [
      "when ready, with a pending reply",
      `const c = new EZEZWebSocketClient(url, [], { auth: null }, { onConnect: () => setImmediate(() => {
         c.send("ask", [], () => undefined); c.close(); }) });`,
    ],
    [
      "while waiting for the next attempt",
      `Math.random = () => 0.999;
       const c = new EZEZWebSocketClient(url.replace(/\\d+\\/$/, "1/"), [], {}, { onError: () => setImmediate(() => c.close()) });`,
    ],
  ])("ends by itself after close %s", async (_name, script) => {
    expect(await run(script)).toBe("");
  });

  it("ends by itself after close where the server never finishes the closing handshake", async () => {
    const ended = run(
      "const c = new EZEZWebSocketClient(url, [], {}, { onConnect: () => setImmediate(() => c.close()) });",
    );
    (await server.nextPeer()).polite = false;
    await ended;
  });

  it("ends by itself after the server has refused for good", async () => {
    const ended = run("new EZEZWebSocketClient(url, [], {}, { onAuthRejected: (reason) => console.log(reason) });");
    (await server.nextPeer()).send("ezez-ws::auth-rejected", "Invalid auth key");
    expect(await ended).toBe("Invalid auth key\n");
  });

  it("that has no global WebSocket imports the client, and ws when it connects, from CommonJS as well", async () => {
    for (const extension of ["mjs", "cjs"]) {
      const connected = run(
        `if (process.versions.node.startsWith("20.") && globalThis.WebSocket) throw new Error("there is one");
         const c = new EZEZWebSocketClient(url, [], {}, { onConnect: () => { console.log("open"); c.close(); } });`,
        extension,
      );
      expect(await connected).toBe("open\n");
    }
  });

  it("lives through bad bytes and failing callbacks without onError", async () => {
    const ended = run(
      `Math.random = () => 0.001;
       console.error = () => console.log("logged");
       let opened = 0;
       const c = new EZEZWebSocketClient(url, [], {}, {
         onConnect: () => { if (++opened === 3) c.close(); },
         onMessage: async () => { throw null; },
       });`,
    );
    const first = await server.nextPeer();
    first.send("event", 1, null);
    first.sendBytes(Buffer.from("-5f\0"));
    const second = await server.nextPeer();
    second.destroy();
    expect(await ended).toBe("logged\n");
  });
});

describe.skipIf(!("WebSocket" in globalThis))("a process with Node's own WebSocket, where ws is not installed,", () => {
  let elsewhere: string;

  beforeAll(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), "ezez-ws-"));
    await copyFile(join(folder, "client.mjs"), join(elsewhere, "client.mjs"));
  });

  afterAll(() => rm(elsewhere, { recursive: true }));

  const runWithoutWs = (script: string): Promise<string> => run(script, "mjs", elsewhere);

  it("connects, with a subprotocol", async () => {
    const ended = runWithoutWs(
      `const c = new EZEZWebSocketClient(url, "chat", {}, { onAuthOk: () => {
         console.log(c.client.constructor === WebSocket, c.client.protocol); c.close(); } });`,
    );
    await (await server.nextPeer()).accept();
    expect(await ended).toBe("true chat\n");
  });

  it("ends by itself after close where the server never finishes the closing handshake", async () => {
    const ended = runWithoutWs(
      "const c = new EZEZWebSocketClient(url, [], {}, { onConnect: () => setImmediate(() => c.close()) });",
    );
    (await server.nextPeer()).polite = false;
    expect(await ended).toBe("");
  });

  it("ends by itself after close while connecting", async () => {
    server.handshake = () => undefined;
    expect(await runWithoutWs("const c = new EZEZWebSocketClient(url); setTimeout(() => c.close(), 100);")).toBe("");
  });

  it("goes on where the server refuses, breaks the connection or never answers", async () => {
    server.handshake = (socket, _request, upgrade) => {
      if (server.attempts === 1) socket.end("HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n");
      else if (server.attempts !== 2) upgrade();
    };
    const ended = runWithoutWs(
      `Math.random = () => 0.001;
       let opened = 0;
       const c = new EZEZWebSocketClient(url, [], { heartbeatIntervalMs: 750 }, {
         onError: ({ code }) => console.log(code),
         onConnect: () => { if (++opened === 2) c.close(); },
       });`,
    );
    (await server.nextPeer()).destroy();
    expect(await ended).toBe("CONNECT_FAILED\nCONNECT_FAILED\n");
  });
});

describe("a bundle for browsers", () => {
  it("holds neither ws nor anything of Node's, nor the server", async () => {
    const text = await bundle({ platform: "browser", format: "esm", treeShaking: true });
    expect(text).not.toMatch(/from\s*"|require\(|\bBuffer\b|\bprocess\.|node:|import\("ws"\)/);
    expect(text).not.toContain("class EZEZServer");
    expect(text).not.toContain("class Session");
  });

  it("leaves the import of ws to the moment of connecting, also when minified", async () => {
    const text = await bundle({ platform: "browser", format: "esm", minify: true });
    expect(text).not.toMatch(/import\("ws"\)/);
    expect(text).toMatch(/import\(\w+\)/);
  });
});
