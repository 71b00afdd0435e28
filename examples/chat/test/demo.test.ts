import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClientEvents, DEMO_KEY, encodeLogin, type ServerEvents } from "../events.js";
import { findRuntimes, nameOf, WS_ON_NODE } from "../runtimes.js";
import type { ListedServer } from "../web.js";

// Five seconds for each server.
const DEADLINE_MS = 60_000;

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

interface Ended {
  code: number | null;
  output: string;
}

/** The demo as a process of its own, over the packages' sources. */
const start = (args: string[], preload: string[] = [], env: NodeJS.ProcessEnv = {}) => {
  const imports = ["tsx", ...preload].flatMap((module) => ["--import", module]);
  const child = spawn(process.execPath, [...imports, path("../demo.ts"), ...args], {
    env: { ...process.env, TSX_TSCONFIG_PATH: path("../tsconfig.source.json"), NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const heard = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on("data", heard);
  child.stderr.on("data", heard);
  const ended = new Promise<Ended>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the demo did not end by itself; it printed:\n${output}`));
    }, DEADLINE_MS);
    child.on("close", (code) => {
      clearTimeout(late);
      resolve({ code, output });
    });
  });
  const prints = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output);
        if (match !== null) resolve(match);
      };
      child.stdout.on("data", look);
      child.on("close", () => reject(new Error(`the demo ended without printing ${pattern}:\n${output}`)));
    });
  return { child, ended, prints };
};

/** In place of Bun, a shell that runs these commands. */
const fakeBun = (commands: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "ezez-ws-demo-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "bun");
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo 0.0.0 && exit\n${commands}\n`, { mode: 0o755 });
  return file;
};

describe("demo", { timeout: DEADLINE_MS + 5000 }, () => {
  it("ends by itself with 0 after the transcript, with --once", async () => {
    const { code, output } = await start(["--once"]).ended;
    expect(output).toMatch(/All \d+ checks passed/);
    expect(output).not.toContain("http://");
    expect(output).not.toContain("✗");
    for (const runtime of await findRuntimes()) {
      const { id, missing } = runtime;
      const result = missing === undefined ? "the same \\d+ lines" : "not played: .+";
      const line = `${nameOf(runtime)} +${id === WS_ON_NODE.id ? "the \\d+ lines above" : result}`;
      expect(output).toMatch(new RegExp(`^ {4}[✓-] ${line}$`, "mu"));
    }
    expect(code).toBe(0);
  });

  it("names what is missing, with the reason, and passes with the rest", async () => {
    const env = { BUN: "/nowhere/bun", DENO: "/nowhere/deno" };
    const { code, output } = await start(["--once"], [path("fixtures/no-uws.ts")], env).ended;
    expect(output).toMatch(
      /- uWebSockets\.js on Node \S+ +not played: uWebSockets\.js cannot be loaded: built for another version of Node$/m,
    );
    expect(output).toMatch(/- Bun\.serve on Bun +not played: Bun cannot be started: spawn \/nowhere\/bun ENOENT/);
    expect(output).toMatch(/- ws on Bun +not played/);
    expect(output).toMatch(/- Deno\.serve on Deno +not played: Deno cannot be started: spawn \/nowhere\/deno ENOENT/);
    expect(code).toBe(0);
  });

  it("fails when a transcript is another one, and shows how", async () => {
    const { code, output } = await start(["--once"], [], {
      BUN: fakeBun('echo "something else"'),
      DENO: "/nowhere/deno",
    }).ended;
    expect(output).toMatch(/✗ Bun\.serve on Bun 0\.0\.0 +other lines/);
    expect(output).toMatch(/^ {8}- All \d+ checks passed\.$/m);
    expect(output).toContain("        + something else");
    expect(code).toBe(1);
  });

  it("fails when the session fails on another server, and says why", async () => {
    const { code, output } = await start(["--once"], [], {
      BUN: fakeBun('echo "no such luck" >&2; exit 3'),
      DENO: "/nowhere/deno",
    }).ended;
    expect(output).toMatch(/✗ Bun\.serve on Bun 0\.0\.0 +failed: no such luck\n/);
    expect(code).toBe(1);
  });

  it('takes a "--" before its arguments, which pnpm hands on', async () => {
    expect((await start(["--", "--once"]).ended).code).toBe(0);
  });

  it("fails when a byte of the picture is not what it was", async () => {
    const { code, output } = await start(["--once"], [path("fixtures/tamper.ts")]).ended;
    expect(output).toContain('The demo failed: "A picture crosses as bytes": not true that every byte is as it was');
    expect(code).toBe(1);
  });

  it("refuses a port that is none", async () => {
    const { code, output } = await start(["--port", "http"]).ended;
    expect(output).toContain('--port must be from 0 to 65535, not "http"');
    expect(code).toBe(1);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "serves the page and every server until %s, and then no longer",
    async (signal) => {
      const { child, ended, prints } = start(["--port", "0"]);
      const [, url = ""] = await prints(/(http:\/\/localhost:\d+\/)[\s\S]*nothing is shared/);
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
      expect(await answer.text()).toContain("<title>ezez-ws chat</title>");
      expect((await (await fetch(`${url}main.js`)).text()).length).toBeGreaterThan(10_000);
      expect((await fetch(`${url}else`)).status).toBe(404);

      const runtimes = (await findRuntimes()).filter(({ missing }) => missing === undefined);
      const servers: ListedServer[] = await (await fetch(`${url}servers.json`)).json();
      expect(servers.map(({ id, name, runtime }) => ({ id, name, runtime }))).toEqual(
        runtimes.map(({ id, name, runtime }) => ({ id, name, runtime })),
      );
      const policy = answer.headers.get("content-security-policy");
      const clients = servers.map((server) => {
        expect(policy).toContain(new URL(server.url).origin);
        const auth = encodeLogin({ key: DEMO_KEY, name: "Anna", room: "lobby" });
        return new EZEZWebSocketClient<ServerEvents, ClientEvents>(server.url, undefined, {
          auth,
          autoReconnect: false,
        });
      });
      await Promise.all(clients.map((client) => new Promise((resolve) => client.once("welcome", resolve))));

      child.kill(signal);
      const { code, output } = await ended;
      expect(output).not.toContain("has ended");
      expect(code).toBe(0);
      for (const server of servers) await expect(fetch(server.url.replace("ws:", "http:"))).rejects.toThrow();
    },
  );

  it("leaves no server running when it is killed", async () => {
    const { child, ended, prints } = start(["--port", "0"]);
    const [, url = ""] = await prints(/(http:\/\/localhost:\d+\/)[\s\S]*nothing is shared/);
    const servers: ListedServer[] = await (await fetch(`${url}servers.json`)).json();
    child.kill("SIGKILL");
    await ended;
    // Its servers see their input end, and close.
    for (const server of servers) {
      await expect
        .poll(() => fetch(server.url.replace("ws:", "http:")).catch(() => "gone"), { timeout: 30_000 })
        .toBe("gone");
    }
  });
});
